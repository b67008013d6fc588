"""A candidate judged by the code that would serve it, on the reference rows of its run."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from contract.names import REFERENCE_MIN_ROWS
from loop.model import answers, reference
from loop.model.answers import NotPerRowError
from loop.model.errors import RejectedError, UnservableError
from loop.model.pyfunc import ServableModel
from loop.training.step import TrainingError

T = TypeVar("T")

AT_ONCE: Final = 1000
"""Rows of one request: as many as a server takes by default."""
ALONE: Final = 20
"""Rows that are also asked one by one."""


class Candidate:
    """A model in a folder, and the reference rows named `artifact` in its run."""

    def __init__(self, folder: Path, window: Path, artifact: str) -> None:
        self._artifact = artifact
        began = time.monotonic()
        self._model = self._told(f"the model must load as it is served ({folder.name})", lambda: _loaded(folder))
        self.seconds = time.monotonic() - began
        """Seconds that loading took."""
        self.inputs = list(self._model.check.by_name)
        self.rows = self._read(window)
        self.answers: list[Any] = []
        """The model's answer to each of the rows, once it was judged."""
        self.notes: list[str] = []
        """What is worth a line in the log."""

    def judge(self) -> None:
        """Checks that it answers rows as it will answer requests: in JSON, together as alone. Raises TrainingError."""
        asked = f"the model must predict on the rows of {self._artifact}"
        self._told(asked, lambda: self._model.try_rows(self.rows))
        together = self._told(asked, lambda: self._ask(self.rows))
        if all(answers.is_empty(answer) for answer in together):
            raise TrainingError(f"the model must answer the rows of {self._artifact}: each answer is null or NaN")
        if self._model.by_row:
            self._read_by_value(together)
            self.notes.append("answers: one row at a time")
        self._compare(together)
        if not self._model.by_row and not self._model.joins:
            self.notes.append("answers: not the same together as alone to the last bit, so requests are not joined")
        self.answers = together

    @property
    def columns(self) -> list[str]:
        """Names of a row's published values; none where not every column has a name of its own, as in a tensor."""
        if self.ragged:
            return []
        (first,) = self._model.check.rows(self.rows[:1]).rows
        return self.inputs if len(first) == len(self.inputs) else []

    @property
    def ragged(self) -> bool:
        """Whether the only input is a tensor whose rows may differ in shape."""
        tensors = self._model.check.tensors
        return len(tensors) == 1 and -1 in tensors[0].shape

    def features(self) -> list[list[Any]]:
        """The rows as a server publishes them."""
        return [row for part in _parts(self.rows) for row in self._model.check.rows(part).rows]

    def _read(self, window: Path) -> list[Any]:
        try:
            rows = reference.read(window, self._model.check)
        except reference.BadRowsError as error:
            raise TrainingError(f"{self._artifact} {error}") from None
        if len(rows) < REFERENCE_MIN_ROWS:
            raise TrainingError(f"{self._artifact} must hold at least {REFERENCE_MIN_ROWS} rows, and holds {len(rows)}")
        return orjson.loads(orjson.dumps(rows))  # as a client would send them

    def _ask(self, rows: list[Any]) -> list[Any]:
        found = [answer for part in _parts(rows) for answer in self._model.answer(self._model.check.rows(part))[0]]
        return orjson.loads(orjson.dumps(found))

    def _compare(self, together: list[Any]) -> None:
        """Each row's answer must depend on that row alone, as the server answers the rows of a request together."""
        places = range(0, len(self.rows), max(1, len(self.rows) // ALONE))
        for at in places:
            (alone,) = self._told(f"the model must answer row {at} alone", lambda at=at: self._ask([self.rows[at]]))
            if answers.same(alone, together[at]):
                continue
            if not answers.same(self._told("the model must answer again", lambda: self._ask(self.rows)), together):
                self.notes.append("answers: differ from call to call, so they are not compared")
                return
            raise TrainingError(
                f"the model must answer each row alone as among others: row {at} of {self._artifact} gets "
                f"{_short(alone)} alone, and {_short(together[at])} among {len(self.rows)} rows"
            )

    def _read_by_value(self, together: list[Any]) -> None:
        """A vectorizer of texts that gets a frame answers the names of its columns, whatever the rows hold."""
        first, row = together[0], self.rows[0]
        differ = any(not answers.same(each, row) for each in self.rows)
        if differ and not self._model.agent and all(answers.same(each, first) for each in together):
            raise TrainingError(
                f"the model must answer what its rows hold: asked one row at a time, it gives {_short(first)} to each "
                f"of {self._artifact}; if it reads texts, let it choose their columns, as in a ColumnTransformer"
            )

    def _told(self, asked: str, call: Callable[[], T]) -> T:
        """What `call` returns; what the user's model raises becomes one sentence."""
        try:
            return call()
        except (RejectedError, UnservableError) as error:
            raise TrainingError(f"{asked}: {error}{_remedy(str(error))}") from error
        except NotPerRowError as error:
            raise TrainingError(f"the model must give one prediction per row: {error}") from error
        except Exception as error:
            said = " ".join(str(error).split())[:500]
            raise TrainingError(f"{asked}, and raised {type(error).__name__}: {said}{_remedy(said)}") from error


def _loaded(folder: Path) -> ServableModel:
    return ServableModel(folder, AT_ONCE)


def _parts(rows: list[Any]) -> list[list[Any]]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def _short(answer: object) -> str:
    text = orjson.dumps(answer).decode()
    return text if len(text) <= 100 else f"{text[:97]}…"


def _remedy(said: str) -> str:
    """What helps, where the library's own message does not say it."""
    if "categor" in said or "pandas dtypes must be" in said:  # LightGBM, XGBoost: MLflow hands on text, not categories
        return " (MLflow gives a model text, no pandas categories: encode them in a pipeline that is part of the model)"
    if said.endswith("is missing (null)"):
        return "; give the signature an example with missing values, and let the model take them"
    return ""
