"""Keras on TensorFlow: images as tensors, tables as matrices, several named inputs."""

import os

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import mlflow
import numpy as np
import pandas as pd
from closing import Case
from logged import bunch
from mlflow.models import infer_signature

REQUIREMENTS = ["keras", "tensorflow-cpu"]


def trained(model: keras.Model, rows: object, target: object, loss: str) -> keras.Model:
    model.compile(optimizer="adam", loss=loss)
    model.fit(rows, target, epochs=2, verbose=0)
    return model


def digits_images() -> pd.DataFrame:
    images, target = bunch("digits")
    tensor = images.to_numpy("float32").reshape(-1, 8, 8, 1) / 16
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(4, 3),
        keras.layers.Flatten(),
        keras.layers.Dense(10, "softmax"),
    ]
    model = trained(keras.Sequential(layers), tensor, target, "sparse_categorical_crossentropy")
    signature = infer_signature(tensor, model.predict(tensor[:2], verbose=0))
    mlflow.tensorflow.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return pd.DataFrame(tensor[:300].reshape(300, -1))


def diabetes_matrix() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    matrix = rows.to_numpy("float32")
    model = keras.Sequential([keras.Input((matrix.shape[1],)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model = trained(model, matrix, target, "mse")
    signature = infer_signature(matrix, model.predict(matrix[:2], verbose=0))
    mlflow.tensorflow.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows.astype("float32")


def two_inputs() -> pd.DataFrame:
    """A recommender's shape: an id that is embedded, and numbers beside it."""
    rows, target = bunch("wine")
    numbers, kind = rows.iloc[:, :4].to_numpy("float32"), (rows["alcohol"] > 13).to_numpy("int64").reshape(-1, 1)
    ids, given = keras.Input((1,), name="kind", dtype="int64"), keras.Input((4,), name="numbers")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(2, 3)(ids))
    output = keras.layers.Dense(3, "softmax")(keras.layers.Concatenate()([embedded, given]))
    model = trained(keras.Model({"kind": ids, "numbers": given}, output), {"kind": kind, "numbers": numbers},
                    target.to_numpy(), "sparse_categorical_crossentropy")  # fmt: skip
    signature = infer_signature({"kind": kind, "numbers": numbers}, np.zeros((2, 3), np.float32))
    mlflow.tensorflow.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return pd.DataFrame({"kind": kind.tolist(), "numbers": numbers.tolist()})


CASES: dict[str, Case] = {
    "keras_digits_images": Case(train=digits_images),
    "keras_diabetes_matrix": Case(train=diabetes_matrix),
    "keras_two_inputs": Case(train=two_inputs, parquet=True),
}
