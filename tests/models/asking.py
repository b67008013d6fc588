"""A model server as a pod runs it, asked over HTTP in every way that clients ask."""

import json
from pathlib import Path
from typing import Any

import orjson

from loop.model import reference
from loop.model.requests import InputCheck
from loop.serving.served import reference_of
from loop.serving.server import PyfuncModel
from starter import answering

ROWS = 500
"""Of the largest request."""


class Server(answering.Server):
    """Asked in every way that clients ask."""

    def ask_all(
        self,
        model: PyfuncModel,
        folder: Path,
        rows: list[Any],
        null: str,
        unseen: dict[str, Any],
        *,
        repeats: bool = True,
    ) -> list[int]:
        """Ask for one row, for many, with a null, with values unseen, again, and by v2: how many rows each, answered.

        The second request is `ROWS` of the reference's rows, from its first to its last.
        """
        check = model._model.check  # pyright: ignore[reportPrivateUsage]  # what the pod has loaded
        rows = rows or _sent(folder, check)
        names, path = list(check.by_name), f"/v1/models/{model.name}:predict"
        requests = [[rows[0]], [rows[at * len(rows) // ROWS] for at in range(ROWS)]]
        requests += [[_changed(names, rows[0], {null: None})]] if null else []
        requests += [[_changed(names, rows[0], unseen)]] if unseen else []
        answers = [self._predictions(path, instances) for instances in requests]
        again = self._predictions(path, rows[:1])
        assert again == answers[0] or not repeats, "the same request again"
        v2 = self.ask(f"/v2/models/{model.name}/infer", {"inputs": _tensors(names, rows[0])})
        assert v2.status_code == 200, v2.text
        assert all(each["shape"][0] == 1 for each in v2.json()["outputs"])
        misfit = self.ask(path, {"instances": [[object.__name__] * 99]})
        assert misfit.status_code == 400, "rows of another shape are the client's mistake"
        return [*map(len, requests), 1, 1]

    def _predictions(self, path: str, instances: list[Any]) -> list[Any]:
        answer = self.ask(path, {"instances": instances})
        assert answer.status_code == 200, answer.text
        predictions = answer.json()["predictions"]
        assert len(predictions) == len(instances)
        return predictions


def _sent(folder: Path, check: InputCheck) -> list[Any]:
    """The reference's rows as a client sends them."""
    window = reference_of(folder)
    assert window is not None, "fetch brings the run's reference along"
    return orjson.loads(orjson.dumps(reference.read(window, check)))


def _changed(names: list[str], row: Any, values: dict[str, Any]) -> list[Any]:
    return [values.get(name, cell) for name, cell in zip(names, row, strict=True)]


def _tensors(names: list[str], row: Any) -> list[dict[str, Any]]:
    """One row as v2's tensors: by input, lists and objects as JSON text. A row that is an object names its own."""
    if isinstance(row, dict) and row.keys() <= set(names):
        names, row = list(row), list(row.values())
    cells = row if isinstance(row, list) and len(row) == len(names) and len(names) > 1 else [row]
    if len(names) == 1 and isinstance(row, list) and len(row) == 1:
        cells = row
    tensors: list[dict[str, Any]] = []
    for name, cell in zip(names, cells, strict=True):
        shape, flat = [1], [json.dumps(cell) if _holds_objects(cell) else cell]
        while flat and isinstance(flat[0], list):
            shape.append(len(flat[0]))
            flat = [each for part in flat for each in part]
        tensors.append({"name": name, "shape": shape, "datatype": "BYTES", "data": flat})
    return tensors


def _holds_objects(cell: Any) -> bool:
    return isinstance(cell, dict) or (isinstance(cell, list) and any(map(_holds_objects, cell)))
