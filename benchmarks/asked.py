"""What `benchmarks/serving.py` serves: a model for each kind of input, and one row in the words of each server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.sklearn import save_model
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from loop.serving.served import REFERENCE, ServedModel

ROWS: Final = 500
TYPES: Final = {"b": "BOOL", "i": "INT64", "f": "FP64", "O": "BYTES", "U": "BYTES"}
"""Of v2, by numpy's kinds."""


@dataclass(frozen=True)
class AskedModel:
    """A model in a folder, and the one row that it is asked for."""

    folder: Path
    model_input: Any
    """Of the bare model."""
    row: list[Any]
    """As v1 takes it."""
    inputs: list[dict[str, Any]]
    """v2's tensors."""
    scoring: dict[str, Any]
    """The body of MLflow's scoring server."""

    @property
    def v1(self) -> tuple[str, object]:
        return "/v1/models/bench:predict", {"instances": [self.row]}


def of_frame(folder: Path, frame: pd.DataFrame) -> AskedModel:
    """The model of a folder that takes frames like this one; adds what our server looks for beside it."""
    _complete(folder, frame)
    first = frame.head(1)
    cells = [column.tolist()[0] for _, column in first.items()]
    kinds = [TYPES.get(column.to_numpy().dtype.kind, "BYTES") for _, column in first.items()]
    named = zip(map(str, frame.columns), cells, kinds, strict=True)
    inputs = [{"name": name, "shape": [1], "datatype": kind, "data": [cell]} for name, cell, kind in named]
    return AskedModel(
        folder, first, cells, inputs, {"dataframe_split": {"columns": list(frame.columns), "data": [cells]}}
    )


def _fitted(folder: Path, model: Any, rows: Any, target: Any) -> None:
    model.fit(rows, target)
    save_model(model, str(folder), signature=infer_signature(rows, model.predict(rows)),
               pip_requirements=["scikit-learn"], serialization_format="cloudpickle")  # fmt: skip


def numbers(folder: Path) -> AskedModel:
    """Eight columns of numbers."""
    columns = [f"f{index}" for index in range(8)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, len(columns))), columns=pd.Index(columns))
    _fitted(folder, LogisticRegression(), frame, frame["f0"] > 0)
    return of_frame(folder, frame)


def table(folder: Path) -> AskedModel:
    """Two columns of words, two of numbers and one of booleans, in a pipeline that encodes the words."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"region": random.choice(["north", "south"], ROWS), "device": random.choice(list("abc"), ROWS),
                          "age": random.normal(size=ROWS), "visits": random.integers(9, size=ROWS),
                          "member": random.random(ROWS) > 0.5})  # fmt: skip
    words = ColumnTransformer([("words", OneHotEncoder(), ["region", "device"])], remainder="passthrough")
    _fitted(folder, make_pipeline(words, LogisticRegression()), frame, frame["age"] > 0)
    return of_frame(folder, frame)


def text(folder: Path) -> AskedModel:
    """One column of sentences."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"message": [" ".join(random.choice(["free", "call", "now", "home", "late"], 12))
                                      for _ in range(ROWS)]})  # fmt: skip
    words = ColumnTransformer([("words", TfidfVectorizer(), "message")])
    _fitted(folder, make_pipeline(words, LogisticRegression()), frame, frame["message"].str.count("free") > 2)
    return of_frame(folder, frame)


def matrix(folder: Path) -> AskedModel:
    """A matrix of 64 numbers in each row, without names, as of a small picture."""
    rows = np.random.default_rng(0).normal(size=(ROWS, 64))
    _fitted(folder, LogisticRegression(), rows, rows[:, 0] > 0)
    _complete(folder, pd.DataFrame(rows))
    first = rows[:1].tolist()
    inputs = [{"name": "input-0", "shape": [1, 64], "datatype": "FP64", "data": first[0],
               "parameters": {"content_type": "np"}}]  # fmt: skip
    return AskedModel(folder, rows[:1], first[0], inputs, {"inputs": first})


KINDS: Final[Mapping[str, Callable[[Path], AskedModel]]] = {
    "numbers": numbers,
    "table": table,
    "text": text,
    "matrix": matrix,
}


def _complete(folder: Path, frame: pd.DataFrame) -> None:
    (folder / REFERENCE).mkdir(exist_ok=True)
    frame.to_csv(folder / REFERENCE / "window.csv", index=False)
    ServedModel("bench", "1", "run", None).write(folder)
