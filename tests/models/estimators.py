"""Estimators of scikit-learn that answer otherwise than with one label: probabilities, several labels, quantiles."""

from typing import Any

import numpy as np
import pandas as pd
from closing import Case
from logged import bunch, data, fitted, function, titanic
from mlflow.models import infer_signature
from mlflow.sklearn import autolog
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA, LatentDirichletAllocation
from sklearn.ensemble import (
    GradientBoostingRegressor,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

TEXTS = [" ".join(map(str, row)) for row in titanic().head(200).itertuples(index=False)]


def calibrated() -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    model = CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), ensemble=False, cv=3)  # pyright: ignore[reportArgumentType]
    return fitted(model, rows, target, "predict_proba")


def several_labels() -> pd.DataFrame:
    """A row of zeros and ones for each row."""
    rows, target = bunch("wine")
    labels = np.column_stack([target == each for each in range(3)]).astype(int)
    return fitted(MultiOutputClassifier(LogisticRegression(max_iter=2000)), rows, labels)


def probabilities_of_several_labels() -> pd.DataFrame:
    """A list of arrays, one for each label."""
    rows, target = bunch("wine")
    labels = np.column_stack([target == each for each in range(3)]).astype(int)
    return fitted(MultiOutputClassifier(KNeighborsClassifier()), rows, labels, "predict_proba")


def quantiles() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    models = {
        share: GradientBoostingRegressor(loss="quantile", alpha=share, n_estimators=20).fit(rows, target)
        for share in (0.1, 0.5, 0.9)
    }

    def between(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({share: model.predict(frame) for share, model in models.items()}, index=frame.index)

    function(between, infer_signature(rows))
    return rows


def mean_and_deviation() -> pd.DataFrame:
    """A tuple of two arrays, as `return_std` gives."""
    rows, target = bunch("diabetes")
    model = GaussianProcessRegressor(alpha=1.0).fit(rows.head(150), target.head(150))

    def both(frame: pd.DataFrame) -> Any:
        mean, deviation = model.predict(frame, return_std=True)
        return {"mean": mean, "deviation": deviation}

    function(both, infer_signature(rows))
    return rows.head(200)


def hashed_text() -> pd.DataFrame:
    rows = pd.DataFrame({"message": TEXTS})
    column = FunctionTransformer(np.ravel, validate=False)
    model = make_pipeline(column, HashingVectorizer(n_features=2**12), SGDClassifier(random_state=0))
    return fitted(model, rows, titanic()["survived"].head(200), signature=infer_signature(rows, ["yes"]))


def series_of_text() -> pd.DataFrame:
    """Trained on a Series, logged with its signature: one unnamed or named column of text."""
    rows = pd.Series(TEXTS, name="message")
    model = make_pipeline(HashingVectorizer(n_features=2**10), SGDClassifier(random_state=0))

    class Texts(BaseEstimator):
        def fit(self, given: Any, target: Any) -> Any:
            self.model = model.fit(given["message"], target)
            return self

        def predict(self, given: Any) -> Any:
            return self.model.predict(given["message"])

    return fitted(Texts(), rows.to_frame(), titanic()["survived"].head(200))


def topics() -> pd.DataFrame:
    rows = pd.DataFrame({"message": TEXTS})
    model = make_pipeline(CountVectorizer(), LatentDirichletAllocation(3, random_state=0)).fit(rows["message"])

    def shares(frame: pd.DataFrame) -> Any:
        return model.transform(frame["message"])

    function(shares, infer_signature(rows))
    return rows


def reduced() -> pd.DataFrame:
    rows, _ = bunch("wine")
    function(make_pipeline(StandardScaler(), PCA(2)).fit(rows).transform, infer_signature(rows))
    return rows


def sparse_answers() -> pd.DataFrame:
    rows = titanic()[["sex", "passengerClass"]]
    encoder = OneHotEncoder(handle_unknown="ignore").fit(rows)
    function(encoder.transform, infer_signature(rows))
    return rows


def decisions() -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    function(make_pipeline(StandardScaler(), SVC()).fit(rows, target).decision_function, infer_signature(rows))
    return rows


def logarithms() -> pd.DataFrame:
    """One class is certain, so that the other's logarithm is minus infinity."""
    rows, target = bunch("iris")
    model = DecisionTreeClassifier(random_state=0).fit(rows, target)

    def logs(frame: pd.DataFrame) -> Any:
        with np.errstate(divide="ignore"):
            return model.predict_log_proba(frame)

    function(logs, infer_signature(rows))
    return rows


def stacked() -> pd.DataFrame:
    rows, target = bunch("iris")
    parts = [("neighbours", KNeighborsClassifier()), ("bins", make_pipeline(KBinsDiscretizer(3), LogisticRegression()))]
    return fitted(StackingClassifier(parts), rows, target.astype(bool))


def logarithm_of_target() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    return fitted(TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp), rows, target)


def densities() -> pd.DataFrame:
    rows, _ = bunch("iris")
    function(GaussianMixture(3, random_state=0).fit(rows).score_samples, infer_signature(rows))
    return rows


def novelties() -> pd.DataFrame:
    rows, _ = bunch("iris")
    return fitted(LocalOutlierFactor(novelty=True), rows, None)


def ordinal_text() -> pd.DataFrame:
    rows = titanic()[["sex", "passengerClass"]]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return fitted(
        make_pipeline(encoder, RandomForestRegressor(5, random_state=0)), rows, titanic()["survived"] == "yes"
    )


def trees_of_narrow_numbers() -> pd.DataFrame:
    rows = data("datasets", "mtcars").select_dtypes("number")
    wide = pd.concat([rows] * 4, ignore_index=True)
    inputs = wide[["cyl", "hp", "wt"]].astype({"cyl": "int8", "hp": "int32", "wt": "float32"})
    return fitted(RandomForestRegressor(5, random_state=0), inputs, wide["mpg"])


def autologged_pipeline() -> pd.DataFrame:
    """What autologging leaves of a pipeline over text and numbers."""
    rows = titanic()[["sex", "passengerClass"]]
    autolog(silent=True, serialization_format="cloudpickle", log_model_signatures=True, log_input_examples=True)
    try:
        make_pipeline(OneHotEncoder(), LogisticRegression()).fit(rows, titanic()["survived"])
    finally:
        autolog(disable=True)
    return rows


CASES: dict[str, Case] = {
    "calibrated": Case(train=calibrated),
    "several_labels": Case(train=several_labels),
    "probabilities_of_several_labels": Case(train=probabilities_of_several_labels),
    "quantiles": Case(train=quantiles),
    "mean_and_deviation": Case(train=mean_and_deviation),
    "hashed_text": Case(train=hashed_text, unseen={"message": ""}),
    "series_of_text": Case(train=series_of_text, unseen={"message": "zzz"}),
    "topics": Case(train=topics),
    "reduced": Case(train=reduced),
    "sparse_answers": Case(train=sparse_answers, unseen={"sex": "?"}),
    "decisions": Case(train=decisions),
    "logarithms": Case(train=logarithms),
    "stacked": Case(train=stacked),
    "logarithm_of_target": Case(train=logarithm_of_target),
    "densities": Case(train=densities),
    "novelties": Case(train=novelties),
    "ordinal_text": Case(train=ordinal_text, unseen={"sex": "?"}),
    "trees_of_narrow_numbers": Case(train=trees_of_narrow_numbers),
    "autologged_pipeline": Case(train=autologged_pipeline),
}
