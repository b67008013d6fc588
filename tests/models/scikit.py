"""Models of scikit-learn and plain functions, on scikit-learn's own data and R's, as practitioners log them."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd
from closing import Case
from logged import bunch, data, fitted, function, titanic
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.sklearn import log_model
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def iris_labels() -> pd.DataFrame:
    rows, target = bunch("iris")
    return fitted(LogisticRegression(max_iter=500), rows, np.array(["a", "b", "c"])[target])


def wine_matrix() -> pd.DataFrame:
    rows, target = bunch("wine")
    fitted(make_pipeline(StandardScaler(), LogisticRegression()), rows.to_numpy(), target)
    return rows.set_axis([f"x{at}" for at in range(rows.shape[1])], axis=1)


def cancer_probabilities() -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    return fitted(make_pipeline(StandardScaler(), LogisticRegression()), rows, target, "predict_proba")


def cancer_frame_of_integer_labels() -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)

    def probabilities(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(model.predict_proba(frame))

    function(probabilities, infer_signature(rows))
    return rows


def diabetes_ridge() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    return fitted(Ridge(), rows, target)


def diabetes_integer_columns() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    return fitted(Ridge(), rows.set_axis(range(rows.shape[1]), axis=1), target)


def digits_tensor() -> pd.DataFrame:
    images, target = bunch("digits")
    model = LogisticRegression(max_iter=300).fit(images.to_numpy()[:600], target[:600])
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, 8, 8))]))

    def classify(given: Any) -> Any:
        return model.predict_proba(given.reshape(len(given), -1))

    function(classify, signature)
    return pd.DataFrame(images.to_numpy()[:200].astype("uint8"))


def titanic_pipeline() -> pd.DataFrame:
    rows = titanic()
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (text, ["sex", "passengerClass"]), (SimpleImputer(), ["age"]), ("passthrough", ["adult"])
    )
    inputs = rows[["sex", "age", "passengerClass", "adult"]]
    inputs = inputs.assign(sex=inputs["sex"].where(inputs.index != 3))  # one that is missing, as real text has them
    return fitted(make_pipeline(columns, LogisticRegression()), inputs, rows["survived"], "predict_proba")


def air_quality_with_gaps() -> pd.DataFrame:
    rows = data("datasets", "airquality")
    inputs = rows[["Ozone", "Solar.R", "Wind", "Temp"]].astype("float64")
    return fitted(HistGradientBoostingClassifier(max_iter=20), inputs, rows["Month"])


def gaps_that_the_signature_does_not_name() -> pd.DataFrame:
    rows = data("datasets", "airquality")
    inputs = rows[["Ozone", "Wind"]].astype("float64")
    model = HistGradientBoostingClassifier(max_iter=20).fit(inputs, rows["Month"])
    signature = infer_signature(inputs.dropna(), model.predict(inputs))
    log_model(model, name="model", signature=signature, serialization_format="cloudpickle", pip_requirements=[])
    return inputs


def months_of_a_strict_encoder() -> pd.DataFrame:
    rows = data("datasets", "airquality")
    return fitted(make_pipeline(OneHotEncoder(), Ridge()), rows[["Month"]].astype("int64"), rows["Temp"])


def penguins_of_two_outputs() -> pd.DataFrame:
    rows, target = bunch("iris")
    two = np.column_stack([target, target > 0])
    return fitted(RandomForestClassifier(n_estimators=5, random_state=0), rows, two, "predict_proba")


def nullable_integers() -> pd.DataFrame:
    rows = titanic()[["age"]].round().astype("Int64")
    model = make_pipeline(SimpleImputer(), Ridge()).fit(rows.astype("float64"), rows["age"].fillna(0).astype(float))
    log_model(model, name="model", signature=infer_signature(rows, np.zeros(1)), serialization_format="cloudpickle",
              pip_requirements=[])  # fmt: skip
    return rows


def anomalies() -> pd.DataFrame:
    rows, _ = bunch("wine")
    return fitted(IsolationForest(n_estimators=10, random_state=0), rows, None)


def clusters() -> pd.DataFrame:
    rows, _ = bunch("iris")
    return fitted(KMeans(3, n_init="auto", random_state=0), rows.astype("float32"), None)


def texts() -> list[str]:
    return [" ".join(map(str, row)) for row in titanic().head(200).itertuples(index=False)]


def text_in_one_column() -> pd.DataFrame:
    rows = pd.DataFrame({"message": texts()})
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(rows["message"], titanic()["survived"].head(200))

    def classify(frame: pd.DataFrame) -> Any:
        return model.predict(frame["message"])

    function(classify, infer_signature(rows))
    return rows


def pipeline_of_texts() -> pd.DataFrame:
    """Fitted on a series, as in every tutorial: in a frame a vectorizer would read the names of the columns."""
    rows = pd.Series(texts(), name="message")
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(rows, titanic()["survived"].head(200))
    log_model(model, name="model", signature=infer_signature(rows, model.predict(rows)),
              serialization_format="cloudpickle", pip_requirements=["scikit-learn"])  # fmt: skip
    return rows.to_frame()


def text_in_two_columns() -> pd.DataFrame:
    rows = pd.DataFrame({"title": texts(), "body": texts()[::-1]})
    columns = make_column_transformer((TfidfVectorizer(), "title"), (TfidfVectorizer(), "body"))
    return fitted(make_pipeline(columns, LogisticRegression()), rows, titanic()["survived"].head(200))


def function_with_a_type_hint() -> pd.DataFrame:
    class Lengths(PythonModel):
        def predict(self, model_input: list[str], params: Any = None) -> list[int]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return [len(each) for each in model_input]

    mlflow.pyfunc.log_model(name="model", python_model=Lengths(), pip_requirements=[])
    return pd.DataFrame({"message": texts()})


def embeddings() -> pd.DataFrame:
    rows, _ = bunch("iris")
    frame = pd.DataFrame({"vector": rows.to_numpy().tolist(), "weight": 1.0})

    def summed(given: pd.DataFrame) -> list[float]:
        return [sum(vector) for vector in given["vector"]]

    function(summed, infer_signature(frame))
    return frame


def dates() -> pd.DataFrame:
    rows = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=150), "store": ["north", "south", "west"] * 50})

    def weekdays(given: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"day": given["day"], "weekday": given["day"].dt.weekday})

    function(weekdays, infer_signature(rows))
    return rows


def horizon() -> pd.DataFrame:
    def forecast(frame: pd.DataFrame) -> pd.DataFrame:
        (steps,) = frame["steps"].tolist()  # several rows at once are an error, as with pmdarima
        return pd.DataFrame({"mean": np.linspace(1, 2, int(steps))})

    rows = pd.DataFrame({"steps": [7, 14, 28] * 50})
    function(forecast, infer_signature(rows))
    return rows


def recommendations() -> pd.DataFrame:
    rows = pd.DataFrame({"user": np.arange(150)})

    def ranked(given: pd.DataFrame) -> list[list[int]]:
        return [list(range(user % 4)) for user in given["user"]]

    function(ranked, infer_signature(rows))
    return rows


def tensors_by_name() -> pd.DataFrame:
    point, age = TensorSpec(np.dtype("float32"), (-1, 2), "point"), TensorSpec(np.dtype("int64"), (-1,), "age")

    def added(given: Any) -> Any:
        return {"sum": given["point"].sum(axis=1) + given["age"]}

    function(added, ModelSignature(inputs=Schema([point, age])))
    return pd.DataFrame({"point": [[at / 2, 1.0] for at in range(150)], "age": range(150)})


def parameters() -> pd.DataFrame:
    rows, target = bunch("breast_cancer")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)

    def decide(frame: pd.DataFrame, params: Any) -> Any:
        return model.predict_proba(frame)[:, 1] > params["threshold"]

    function(decide, infer_signature(rows, params={"threshold": 0.5}))
    return rows


def unnamed_columns() -> pd.DataFrame:
    signature = ModelSignature(inputs=Schema([ColSpec(DataType.double), ColSpec(DataType.string)]))

    def joined(given: pd.DataFrame) -> list[str]:
        return [f"{text}:{number:.1f}" for number, text in given.itertuples(index=False)]

    function(joined, signature)
    rows = titanic().dropna()
    return rows[["age", "sex"]]


CASES: dict[str, Case] = {
    "iris_labels": Case(train=iris_labels),
    "wine_matrix": Case(train=wine_matrix),
    "cancer_probabilities": Case(train=cancer_probabilities, parquet=True),
    "cancer_frame_of_integer_labels": Case(train=cancer_frame_of_integer_labels),
    "diabetes_ridge": Case(train=diabetes_ridge),
    "diabetes_integer_columns": Case(train=diabetes_integer_columns),
    "digits_tensor": Case(train=digits_tensor),
    "titanic_pipeline": Case(train=titanic_pipeline, null="age", unseen={"passengerClass": "4th"}),
    "titanic_missing_text": Case(train=titanic_pipeline, null="sex", parquet=True),
    "air_quality_with_gaps": Case(train=air_quality_with_gaps, null="Ozone", parquet=True),
    "gaps_that_the_signature_does_not_name": Case(train=gaps_that_the_signature_does_not_name, null="Wind"),
    "months_of_a_strict_encoder": Case(train=months_of_a_strict_encoder),
    "two_outputs": Case(train=penguins_of_two_outputs),
    "nullable_integers": Case(train=nullable_integers, null="age"),
    "anomalies": Case(train=anomalies),
    "clusters_of_float32": Case(train=clusters),
    "text_in_one_column": Case(train=text_in_one_column, unseen={"message": "zzz"}),
    "pipeline_of_texts": Case(train=pipeline_of_texts, unseen={"message": "zzz"}),
    "text_in_two_columns": Case(train=text_in_two_columns),
    "function_with_a_type_hint": Case(train=function_with_a_type_hint),
    "embeddings": Case(train=embeddings, parquet=True),
    "dates": Case(train=dates),
    "horizon": Case(train=horizon),
    "recommendations": Case(train=recommendations),
    "tensors_by_name": Case(train=tensors_by_name),
    "parameters": Case(train=parameters),
    "unnamed_columns": Case(train=unnamed_columns),
}
