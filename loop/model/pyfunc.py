"""An MLflow model of any flavor, loaded as it is served: asked in batches where it takes them, else row by row."""

import logging
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import mlflow.pyfunc
import numpy as np
import orjson
import pandas as pd
from mlflow.environment_variables import MLFLOW_TRACE_SAMPLING_RATIO
from mlflow.tracing.utils.otlp import should_use_otlp_exporter
from mlflow.types import DataType

from loop.model import answers, enforced
from loop.model.answers import NotPerRowError
from loop.model.columns import Column
from loop.model.requests import Batch, InputCheck

_log = logging.getLogger(__name__)

_AGENTS: Final = {f"mlflow.pyfunc.loaders.{kind}" for kind in ("chat_agent", "chat_model", "responses_agent")}
"""MLflow's own protocols for language models: one conversation at a time, optional fields absent when not given."""
KNOWN_ROWS: Final = 20
"""First rows of a reference that a model is tried with, so that training and each server learn the same about it."""
_TRIED: Final = 3
"""How many of those rows show whether a model takes several at once."""
_JOINED: Final = (2, 3, 5, 16, 64)
"""Rows that are asked together to see whether a model answers them as it does alone, to the last bit."""
_MOST_COLUMNS: Final = 100
"""The most columns that are tried one by one with null."""
_CATEGORIES: Final = (DataType.integer, DataType.long, DataType.boolean)
"""Types besides text that may be pandas' categories."""
_CHOSEN_FROM: Final = 6
"""For up to so many such columns every choice is tried."""


class ServableModel:
    """A loaded model with the check of its requests."""

    def __init__(self, folder: Path, max_rows: int) -> None:
        if not should_use_otlp_exporter():
            # Agents are traced by MLflow itself. A server may not write to the tracking server, and each answer would
            # wait for the refusal. `mlflow.tracing.disable()` would do, but then the next `pyfunc.log_model` of this
            # process never ends: MLflow 3.17 takes a lock twice.
            MLFLOW_TRACE_SAMPLING_RATIO.set(0.0)
        self._model = mlflow.pyfunc.load_model(str(folder))
        self.check = InputCheck(self._model.metadata.signature, max_rows)
        self._model.metadata.signature = self.check.enforced
        self.agent = self._model.loader_module in _AGENTS
        self.check.leaves_out = self.agent
        self.by_row: bool | None = True if self.agent else None
        """The model takes one row, or one document, at a time; None: not known yet."""
        self._unwraps = False
        """Whether a model that takes one row at a time answers it with a list of one answer."""
        self.joins = False
        """Whether rows are answered the same together as alone, bit for bit, so that requests may be asked together."""

    def try_example(self) -> bool:
        """Asks with the example that was logged with the model. Whether there is one. Raises what the model raises."""
        example = self._model.input_example
        if example is None:
            return False
        self._model.predict(example)
        try:
            self.try_rows(_rows_of(example))
        except Exception as error:  # noqa: BLE001  # it answered; its example may have other rows than clients send
            _log.info("the model's input example tells nothing of its rows: %s: %s", type(error).__name__, error)
        return True

    def try_rows(self, rows: list[Any]) -> None:
        """Asks with rows that the model knows, and learns how it wants them. Raises what the model raises."""
        rows = rows[:KNOWN_ROWS]
        few = [rows[at * len(rows) // _TRIED] for at in range(_TRIED)]
        if self.check.rows(few).uneven:
            few = few[:1] * _TRIED
        self._learn_categories(few)
        self._learn_series(few)
        self._learn_nulls(rows)
        if self.by_row is None:
            self.by_row = self._one_at_a_time(few)
        self.answer(self.check.rows(few))
        self.joins = not self.by_row and self._answers_alike(rows)

    def answer(self, batch: Batch) -> tuple[list[Any], Any]:
        """(one JSON value per row, what the model returned). Raises what the model raises, and NotPerRowError."""
        if batch.uneven and not self.by_row:
            alone = [self._ask(self.check.rows([row], batch.params)) for row in batch.raw]
            return [answers.per_row(result, 1)[0] for result in alone], None
        if not self.by_row:
            result = self._ask(batch)
            try:
                return answers.per_row(result, len(batch.rows)), result
            except NotPerRowError:
                if self.by_row is not None:
                    raise
        return [self._alone(self._ask(self.check.rows([row], batch.params))) for row in batch.raw], None

    def _ask(self, batch: Batch) -> Any:
        return self._model.predict(batch.model_input, params=batch.params)

    def _alone(self, result: Any) -> Any:
        return answers.per_row(result, 1)[0] if self._unwraps else answers.plain(result)

    def _one_at_a_time(self, rows: list[Any]) -> bool:
        try:
            answers.per_row(self._ask(self.check.rows(rows)), len(rows))
        except Exception as several:  # each model has its own error for more than one row
            try:
                results = [self._ask(self.check.rows([row])) for row in rows]
            except Exception:  # noqa: BLE001
                raise several from None  # it takes no row at all
            if any(answers.plain(result) in ([], {}, None) for result in results):
                raise several from None
            # Otherwise each is a forecast of several steps, or one text.
            self._unwraps = all(_is_one(result) for result in results)
            return True
        return False

    def _answers_alike(self, rows: list[Any]) -> bool:
        """Whether rows asked together, in groups of several sizes, are answered as each of them is alone."""
        rows = rows[: max(_JOINED[:3])]
        try:
            alone = [self.answer(self.check.rows([row]))[0][0] for row in rows]
            for size in _JOINED:
                places = [at % len(rows) for at in range(size)]
                together, _ = self.answer(self.check.rows([rows[at] for at in places], unlimited=True))
                if orjson.dumps(together) != orjson.dumps([alone[at] for at in places]):
                    return False
        except Exception:  # noqa: BLE001  # a model may raise anything; what it raises is told where it is asked
            return False
        return True

    def _learn_categories(self, rows: list[Any]) -> None:
        """Give a model that refuses its text, integers or booleans as such those that it learned as pandas' categories.

        LightGBM and XGBoost know the categories of a column by name. A model that tells them by their position answers
        a row differently alone than among others, which training refuses. LightGBM says only how many columns are
        categories: of several choices that a model accepts, none is guessed.
        """
        text = [column for column in self.check.columns if column.kind is DataType.string]
        other = [column for column in self.check.columns if column.kind in _CATEGORIES][:_CHOSEN_FROM]
        if not (text or other) or self.check.hinted or self.agent or self._takes(rows):
            return
        signature = self._model.metadata.signature
        # MLflow's enforcement knows no categories; what is asked was checked column by column.
        self._model.metadata.signature = enforced.params_only(signature)
        chosen = [[*text, *few] for count in range(len(other) + 1) for few in combinations(other, count)]
        taken = [columns for columns in chosen if columns and self._takes_as_categories(columns, rows[:1])]
        if len(taken) == 1:
            for column in taken[0]:
                column.categorical = True
        else:
            self._model.metadata.signature = signature

    def _takes_as_categories(self, columns: list[Column], rows: list[Any]) -> bool:
        for column in columns:
            column.categorical = True
        try:
            return self._takes(rows)
        finally:
            for column in columns:
                column.categorical = False

    def _learn_series(self, rows: list[Any]) -> None:
        """Give a model its one column of text as a series where it gives no answer for each row of a frame.

        scikit-learn's vectorizers take the names of a frame's columns for documents: one answer for all rows.
        """
        (kind, *others) = [column.kind for column in self.check.columns] or [None]
        if kind is not DataType.string or others or self.check.hinted or self.agent or self._answers_each(rows):
            return
        signature = self._model.metadata.signature
        self._model.metadata.signature, self.check.series = enforced.params_only(signature), True
        if not self._answers_each(rows):
            self._model.metadata.signature, self.check.series = signature, False

    def _answers_each(self, rows: list[Any]) -> bool:
        try:
            answers.per_row(self._ask(self.check.rows(rows)), len(rows))
        except Exception:  # noqa: BLE001  # a model may raise anything
            return False
        return True

    def _takes(self, rows: list[Any]) -> bool:
        try:
            self._ask(self.check.rows(rows))
        except Exception:  # noqa: BLE001  # a model may raise anything
            return False
        return True

    def _learn_nulls(self, rows: list[Any]) -> None:
        """Learns which columns may be null, and as what: the model is asked, as its signature does not say.

        If it raises or answers null, the column takes none.
        """
        columns = self.check.columns
        if not columns or self.check.hinted or self.agent:
            return
        row = self.check.cells(rows[0])
        floats = [at for at, column in enumerate(columns) if column.required and column.floating]
        if not self._try_null(row, floats) and 1 < len(floats) <= _MOST_COLUMNS:
            for at in floats:
                self._try_null(row, [at])
        for at, column in enumerate(columns):
            if not column.required and column.kind is DataType.string:
                column.null = next((null for null in (np.nan, None) if self._answers(row, [at], null)), np.nan)

    def _try_null(self, row: list[Any], places: list[int]) -> bool:
        """Lets these columns take null if the model answers such rows."""
        columns: list[Column] = [self.check.columns[at] for at in places]
        for column in columns:
            column.takes_null = True
        if not places or not self._answers(row, places, np.nan):
            for column in columns:
                column.takes_null = False
            return False
        return True

    def _answers(self, row: list[Any], places: list[int], null: object) -> bool:
        for at in places:
            self.check.columns[at].null = null
        try:
            batch = self.check.batch([[None if at in places else cell for at, cell in enumerate(row)]])
            return not answers.holds_null(answers.plain(self._ask(batch)))
        except Exception:  # noqa: BLE001  # a model may raise anything
            return False


def _is_one(result: Any) -> bool:
    try:
        answers.per_row(result, 1)
    except NotPerRowError:
        return False
    return True


def _rows_of(example: Any) -> list[Any]:
    """An input example's rows as v1 takes them."""
    if isinstance(example, pd.DataFrame):
        return answers.plain([list(row) for row in example.itertuples(index=False, name=None)])
    if isinstance(example, dict):
        columns = answers.plain(example)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return answers.plain(list(example))
