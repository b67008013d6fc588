"""Rows and answers as other libraries type them: Arrow, nullable, sparse, documents, records, iterators."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from closing import Case
from logged import bunch, fitted, function, titanic
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

WORDS = ["sex", "passengerClass"]
HOURS = pd.DataFrame({"hours": np.arange(150) / 2})


def filled(frame: pd.DataFrame) -> Any:
    return frame.notna().sum(axis=1)


def arrow_columns() -> pd.DataFrame:
    """All columns in Arrow's own types, times among them."""
    rows = pd.DataFrame({"count": [1, None, 3] * 50, "paid": [True, None, False] * 50, "word": ["a", None, "b"] * 50,
                         "share": [0.5, None, 1.5] * 50}).convert_dtypes(dtype_backend="pyarrow")  # fmt: skip
    rows["at"] = pd.Series([pd.Timestamp("2026-01-01"), None, pd.Timestamp("2026-02-02")] * 50).astype(
        "timestamp[us][pyarrow]"
    )
    function(filled, infer_signature(rows))
    return rows


def nullable_columns() -> pd.DataFrame:
    rows = pd.DataFrame({"count": pd.array([1, None, 3] * 50, dtype="Int64"),
                         "paid": pd.array([True, None, False] * 50, dtype="boolean"),
                         "word": pd.array(["a", None, "b"] * 50, dtype="string"),
                         "share": pd.array([0.5, None, 1.5] * 50, dtype="Float64")})  # fmt: skip
    function(filled, infer_signature(rows))
    return rows


def documents() -> pd.DataFrame:
    """Texts of up to 200 000 characters, more than Python's CSV reader takes by itself."""
    rows = pd.DataFrame({"document": ["word " * (40_000 if at % 75 == 7 else at) for at in range(150)]})

    def lengths(frame: pd.DataFrame) -> Any:
        return frame["document"].str.len()

    function(lengths, infer_signature(rows))
    return rows


def words_in_a_matrix() -> pd.DataFrame:
    """A tensor of texts, some of which look like numbers."""
    words = np.array([[f"00{at}", "b"] for at in range(150)])

    def lengths(tensor: Any) -> list[int]:
        return [len(row[0]) for row in tensor]

    function(lengths, infer_signature(words))
    return pd.DataFrame(words)


def fitted_on_a_sparse_matrix() -> pd.DataFrame:
    random = np.random.default_rng(0)
    dense = random.random((150, 12)) * (random.random((150, 12)) < 0.2)
    rows = csr_matrix(dense)
    model = Ridge().fit(rows, np.arange(150.0))
    log_model(model, name="model", signature=infer_signature(rows, model.predict(rows)), pip_requirements=[],
              serialization_format="cloudpickle")  # fmt: skip
    return pd.DataFrame(dense)


def means_of_the_target() -> pd.DataFrame:
    model = make_pipeline(TargetEncoder(), LogisticRegression())
    return fitted(model, titanic()[WORDS], titanic()["survived"])


def categories_of_a_histogram() -> pd.DataFrame:
    """scikit-learn's own boosting, which keeps the names of pandas' categories."""
    rows = titanic()[[*WORDS, "age"]]
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype")
    model.fit(rows.astype(dict.fromkeys(WORDS, "category")), titanic()["survived"])
    log_model(model, name="model", signature=infer_signature(rows), pip_requirements=[],
              serialization_format="cloudpickle")  # fmt: skip
    return rows


def kept_by_skops() -> pd.DataFrame:
    """MLflow's default for scikit-learn, which takes the types that it trusts."""
    rows, target = bunch("wine")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)
    log_model(model, name="model", signature=infer_signature(rows, model.predict(rows)), pip_requirements=[],
              serialization_format="skops")  # fmt: skip
    return rows


def chain_of_regressors() -> pd.DataFrame:
    rows, target = (pd.concat([each] * 8, ignore_index=True) for each in bunch("linnerud"))
    return fitted(RegressorChain(Ridge()), rows, target)


def one_by_one() -> pd.DataFrame:
    """An iterator of objects."""

    def each(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
        return ({"hours": hours, "whole": [hours] * int(hours % 3)} for hours in frame["hours"])

    function(each, infer_signature(HOURS))
    return HOURS


def records() -> pd.DataFrame:
    """A structured array, as survival analysis has them."""

    def events(frame: pd.DataFrame) -> Any:
        return np.array([(each, each > 3) for each in frame["hours"]], dtype=[("time", "f8"), ("event", "?")])

    function(events, infer_signature(HOURS))
    return HOURS


def durations() -> pd.DataFrame:
    def taken(frame: pd.DataFrame) -> Any:
        taken = pd.to_timedelta(frame["hours"], unit="h")
        return pd.DataFrame({"taken": taken, "at": pd.Timestamp("2026-01-01", tz="Europe/Zurich") + taken})

    function(taken, infer_signature(HOURS))
    return HOURS


def intervals() -> pd.DataFrame:
    def binned(frame: pd.DataFrame) -> Any:
        return pd.cut(frame["hours"], [-1, 10, 50, 200])

    function(binned, infer_signature(HOURS))
    return HOURS


def masked() -> pd.DataFrame:
    def late(frame: pd.DataFrame) -> Any:
        return np.ma.masked_less(frame["hours"].to_numpy(), 5)

    function(late, infer_signature(HOURS))
    return HOURS


def tables_of_arrow() -> pd.DataFrame:
    def table(frame: pd.DataFrame) -> Any:
        return pa.table({"hours": [None if each < 5 else each for each in frame["hours"]], "word": ["x"] * len(frame)})

    function(table, infer_signature(HOURS))
    return HOURS


def nullable_answers() -> pd.DataFrame:
    def nullable(frame: pd.DataFrame) -> pd.DataFrame:
        whole = [None if each < 9 else int(each) for each in frame["hours"]]
        return pd.DataFrame({"whole": pd.array(whole, dtype="Int64"), "word": pd.array(["x"] * len(frame))})

    function(nullable, infer_signature(HOURS))
    return HOURS


CASES: dict[str, Case] = {
    "arrow_columns": Case(train=arrow_columns, parquet=True, null="word"),
    "nullable_columns": Case(train=nullable_columns, null="paid"),
    "documents": Case(train=documents, unseen={"document": ""}),
    "words_in_a_matrix": Case(train=words_in_a_matrix),
    "fitted_on_a_sparse_matrix": Case(train=fitted_on_a_sparse_matrix),
    "means_of_the_target": Case(train=means_of_the_target, unseen={"sex": "unknown"}),
    "categories_of_a_histogram": Case(train=categories_of_a_histogram, null="age", unseen={"sex": "unknown"}),
    "kept_by_skops": Case(train=kept_by_skops),
    "chain_of_regressors": Case(train=chain_of_regressors),
    "one_by_one": Case(train=one_by_one),
    "records": Case(train=records),
    "durations": Case(train=durations),
    "intervals": Case(train=intervals),
    "masked": Case(train=masked),
    "tables_of_arrow": Case(train=tables_of_arrow),
    "nullable_answers": Case(train=nullable_answers),
}
