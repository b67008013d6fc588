"""Models in ONNX's form, of scikit-learn's data and R's: named tensors in, objects of named arrays out."""

import mlflow
import numpy as np
import pandas as pd
from closing import Case
from logged import bunch, data
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

REQUIREMENTS = ["onnx", "onnxruntime"]


def wine_tensor() -> pd.DataFrame:
    """One tensor under the name that ONNX gives it, and labels beside probabilities."""
    rows, target = bunch("wine")
    matrix = rows.to_numpy(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(matrix, target)
    graph = to_onnx(model, matrix[:1], options={"zipmap": False})
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, matrix.shape[1]), "X")]))
    mlflow.onnx.log_model(graph, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return pd.DataFrame({"X": matrix.tolist()})


def diabetes_frame() -> pd.DataFrame:
    """A frame in, which MLflow's flavor turns into the graph's one tensor."""
    rows, target = bunch("diabetes")
    frame = rows.astype("float32")
    graph = to_onnx(Ridge().fit(frame.to_numpy(), target), frame.to_numpy()[:1])
    mlflow.onnx.log_model(graph, name="model", signature=infer_signature(frame), pip_requirements=REQUIREMENTS)
    return frame


def columns_of_two_types() -> pd.DataFrame:
    """An input of the graph for each column, text and numbers."""
    rows = data("carData", "TitanicSurvival").dropna()
    frame = rows[["sex", "age"]].assign(age=rows["age"].astype("float32"))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = make_pipeline(
        make_column_transformer((encoder, ["sex"]), (StandardScaler(), ["age"])), LogisticRegression()
    ).fit(frame, rows["survived"])
    types = [("sex", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))]
    graph = to_onnx(model, initial_types=types, options={"zipmap": False})
    # MLflow's flavor hands a frame's columns on as vectors; the converter's inputs are matrices of one column.
    inputs = [TensorSpec(np.dtype(object), (-1, 1), "sex"), TensorSpec(np.dtype("float32"), (-1, 1), "age")]
    signature = ModelSignature(inputs=Schema(inputs))
    mlflow.onnx.log_model(graph, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return pd.DataFrame({"sex": [[each] for each in frame["sex"]], "age": [[float(each)] for each in frame["age"]]})


def wine_maps() -> pd.DataFrame:
    """Probabilities as a list of maps by label, which is what converters give unless told otherwise."""
    rows, target = bunch("wine")
    frame = rows.astype("float32")
    graph = to_onnx(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(frame.to_numpy(), target), frame.to_numpy()[:1]
    )
    mlflow.onnx.log_model(graph, name="model", signature=infer_signature(frame), pip_requirements=REQUIREMENTS)
    return frame


CASES: dict[str, Case] = {
    "onnx_wine_tensor": Case(train=wine_tensor, parquet=True),
    "onnx_diabetes_frame": Case(train=diabetes_frame),
    "onnx_columns_of_two_types": Case(train=columns_of_two_types, parquet=True, unseen={"sex": ["unknown"]}),
    "onnx_maps_by_label": Case(train=wine_maps),
}
