"""Models that take each type a signature knows: bytes, times with a zone, lists, objects, maps, anything; params."""

import base64
import datetime as dt
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pydantic
from closing import Case
from logged import bunch, data, fitted, function, titanic
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.pyfunc.utils import pyfunc
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

DAYS = pd.date_range("2026-01-01 06:00", periods=150, freq="7h")


def logged(python_model: Any, signature: ModelSignature | None = None) -> None:
    mlflow.pyfunc.log_model(name="model", python_model=python_model, signature=signature, pip_requirements=[])  # pyright: ignore[reportArgumentType]


def binary_column() -> pd.DataFrame:
    def sizes(frame: pd.DataFrame) -> list[int]:
        return [len(each) for each in frame["file"]]

    files = [bytes(range(at % 256)) for at in range(150)]
    function(sizes, infer_signature(pd.DataFrame({"file": files})))
    return pd.DataFrame({"file": [base64.b64encode(each).decode() for each in files]})


def times_with_a_zone() -> pd.DataFrame:
    rows = pd.DataFrame({"at": DAYS.tz_localize("Europe/Zurich")})

    def hours(frame: pd.DataFrame) -> Any:
        return frame["at"].dt.hour

    function(hours, ModelSignature(inputs=Schema([ColSpec(DataType.datetime, "at")])))
    return rows


def maps_of_numbers() -> pd.DataFrame:
    schema = Schema([ColSpec(Map(DataType.double), "weights"), ColSpec(Array(DataType.string), "words")])

    def summed(frame: pd.DataFrame) -> list[float]:
        return [sum(weights.values()) + len(words) for weights, words in zip(*map(frame.get, frame), strict=True)]

    function(summed, ModelSignature(inputs=schema))
    return pd.DataFrame({"weights": [{"a": at / 2, f"k{at}": 1.0} for at in range(150)], "words": [["a", "b"]] * 150})


def objects_within_lists() -> pd.DataFrame:
    """A basket: lines with a name, an amount and an optional note."""
    line = Object([Property("name", DataType.string), Property("amount", DataType.long),
                   Property("note", DataType.string, required=False)])  # fmt: skip
    schema = Schema([ColSpec(Array(line), "lines"), ColSpec(DataType.boolean, "paid", required=False)])

    def amounts(frame: pd.DataFrame) -> list[int]:
        return [sum(each["amount"] for each in lines) for lines in frame["lines"]]

    function(amounts, ModelSignature(inputs=schema))
    lines = [[{"name": "pen", "amount": at}] + [{"name": "ink", "amount": 1, "note": "blue"}] * (at % 3)
             for at in range(150)]  # fmt: skip
    return pd.DataFrame({"lines": lines, "paid": [True, None, False] * 50})


def matrices_in_a_column() -> pd.DataFrame:
    schema = Schema([ColSpec(Array(Array(DataType.float)), "image")])

    def means(frame: pd.DataFrame) -> list[float]:
        return [float(np.mean(each)) for each in frame["image"]]

    function(means, ModelSignature(inputs=schema))
    return pd.DataFrame({"image": [[[at / 4, 0.5], [1.0, 2.0]] for at in range(150)]})


def tokens_of_differing_lengths() -> pd.DataFrame:
    """Ids of words, as many as a text has."""
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("int64"), (-1, -1), "ids")]))

    def lengths(tensors: dict[str, Any]) -> Any:
        return (tensors["ids"] > 0).sum(axis=1)

    function(lengths, signature)
    return pd.DataFrame({"ids": [list(range(1, 3 + at % 7)) for at in range(150)]})


def anything() -> pd.DataFrame:
    schema = Schema([ColSpec(AnyType(), "payload"), ColSpec(DataType.string, "kind")])

    def shown(frame: pd.DataFrame) -> list[str]:
        return [f"{kind}:{type(each).__name__}" for each, kind in zip(frame["payload"], frame["kind"], strict=True)]

    function(shown, ModelSignature(inputs=schema))
    return pd.DataFrame({"payload": [1, "a", None] * 50, "kind": ["x", "y"] * 75})


def optional_of_every_type() -> pd.DataFrame:
    kinds = {"d": DataType.double, "f": DataType.float, "l": DataType.long, "i": DataType.integer,
             "b": DataType.boolean, "s": DataType.string, "t": DataType.datetime}  # fmt: skip
    schema = Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()])

    def filled(frame: pd.DataFrame) -> Any:
        return frame.notna().sum(axis=1)

    function(filled, ModelSignature(inputs=schema))
    row = {"d": 0.5, "f": 0.25, "l": 7, "i": 3, "b": True, "s": "a", "t": "2026-01-31T12:00:00"}
    lacking = [dict.fromkeys([name]) for name in row] * 3
    return pd.DataFrame([row] * 129 + [row | each for each in lacking])


def params_of_every_type() -> pd.DataFrame:
    rows, _ = bunch("iris")
    specs = [("text", DataType.string, "a", None), ("flag", DataType.boolean, True, None),
             ("count", DataType.long, 2, None), ("small", DataType.integer, 1, None),
             ("share", DataType.double, 0.5, None), ("narrow", DataType.float, 0.25, None),
             ("since", DataType.datetime, np.datetime64("2026-01-01"), None),
             ("weights", DataType.double, [0.5, 0.5], (-1,))]  # fmt: skip
    params = ParamSchema([ParamSpec(*spec) for spec in specs])

    def repeated(frame: pd.DataFrame, params: dict[str, Any]) -> list[str]:
        return [f"{params['text']} {params['count']} {params['weights']} {params['flag']}"] * len(frame)

    signature = infer_signature(rows)
    function(repeated, ModelSignature(inputs=signature.inputs, params=params))
    return rows


class Line(pydantic.BaseModel):
    name: str
    amount: int = 1
    tags: list[str] | None = None


class Basket(PythonModel):
    def predict(self, model_input: list[Line]) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return [f"{each.name} x {each.amount}" for each in model_input]


def hinted_by_pydantic() -> pd.DataFrame:
    logged(Basket())
    return pd.DataFrame({"name": [f"n{at}" for at in range(150)], "amount": range(150), "tags": [["a"], None] * 75})


def hinted_dictionaries() -> pd.DataFrame:
    class Sums(PythonModel):
        def predict(self, model_input: list[dict[str, float]], params: Any = None) -> list[float]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return [sum(each.values()) for each in model_input]

    logged(Sums())
    return pd.DataFrame({"features": [{"a": at / 2, "b": 1.0} for at in range(150)]})


def hinted_times() -> pd.DataFrame:
    class Years(PythonModel):
        def predict(self, model_input: list[dt.datetime]) -> list[int]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return [each.year for each in model_input]

    logged(Years())
    return pd.DataFrame({"at": [each.isoformat() for each in DAYS]})


def function_by_decorator() -> pd.DataFrame:
    @pyfunc
    def lengths(model_input: list[str]) -> list[int]:
        return [len(each) for each in model_input]

    logged(lengths)
    return pd.DataFrame({"text": titanic()["sex"].head(150)})


def summed(frame: pd.DataFrame) -> Any:
    return frame.sum(axis=1)


def many_columns() -> pd.DataFrame:
    """Three hundred columns, most of them always zero, as one-hot encoded tables are."""
    rows = pd.DataFrame(np.eye(300)[np.arange(200) % 50], columns=[f"c {at}" for at in range(300)])
    function(summed, infer_signature(rows))
    return rows


def odd_names() -> pd.DataFrame:
    """Names with what people write in headers."""
    rows = data("datasets", "airquality").dropna()[["Ozone", "Solar.R", "Wind"]]
    rows = rows.set_axis(["Ozone (ppb), mean", 'Σ "solar"', "wind\n/ m·s⁻¹"], axis=1).astype(float)
    function(summed, infer_signature(rows))
    return rows


def words_as_they_are() -> pd.DataFrame:
    """Words that readers take for missing or for numbers, with breaks, quotes and blanks; no other is known."""
    words = ["NA", "null", "None", "", "007", "1e5", "True", "2026-01-31", 'a"b', "a,b", "a\nb", "a\r\nb", " a", "a "]
    rows = pd.DataFrame({"word": words * 15})
    model = make_pipeline(OneHotEncoder(handle_unknown="error"), LogisticRegression())
    return fitted(model, rows, np.arange(len(rows)) % 2)


CASES: dict[str, Case] = {
    "binary_column": Case(train=binary_column),
    "times_with_a_zone": Case(train=times_with_a_zone),
    "maps_of_numbers": Case(train=maps_of_numbers, parquet=False),
    "objects_within_lists": Case(train=objects_within_lists, null="paid"),
    "matrices_in_a_column": Case(train=matrices_in_a_column, parquet=True),
    "tokens_of_differing_lengths": Case(train=tokens_of_differing_lengths, parquet=True),
    "anything": Case(train=anything),
    "optional_of_every_type": Case(train=optional_of_every_type, null="t"),
    "params_of_every_type": Case(train=params_of_every_type),
    "hinted_by_pydantic": Case(train=hinted_by_pydantic),
    "hinted_dictionaries": Case(train=hinted_dictionaries),
    "hinted_times": Case(train=hinted_times),
    "function_by_decorator": Case(train=function_by_decorator),
    "many_columns": Case(train=many_columns),
    "odd_names": Case(train=odd_names),
    "words_as_they_are": Case(train=words_as_they_are, parquet=True),
    "words_in_a_table_of_text": Case(train=words_as_they_are),
}
