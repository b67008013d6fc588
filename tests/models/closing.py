"""The contract that every model is put through: judged as training does, served over HTTP as a pod does, published."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from kserve.model_repository import ModelRepository
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from loop.serving.capture import Capture
from loop.serving.served import REFERENCE, ServedModel
from loop.serving.server import PyfuncModel, guard
from loop.training.candidate import Candidate

ROWS = 500


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model. `save` puts it into a folder and returns its reference rows."""

    save: Callable[[Path], pd.DataFrame]
    null: str = ""
    """An input that may be missing."""
    unseen: dict[str, Any] = field(default_factory=dict)
    """Values that the training did not know."""
    rows: list[Any] = field(default_factory=list)
    """What a client sends; empty: the reference's rows."""
    parquet: bool = False


class Sink:
    """Stands in for the Kafka producer: what it gets must be JSON."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        self.messages.append(json.loads(value))
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


class Server:
    """KServe's own application, as `loop serve` sets it up, for one model after the other."""

    def __init__(self) -> None:
        self.models = ModelRepository()
        RESTServer(
            "kserve.model_server:app", DataPlane(self.models), ModelRepositoryExtension(self.models), 0
        ).create_application()
        guard("1", 10_000_000, 0.0)

    def ask(self, path: str, body: object) -> httpx.Response:
        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
                return await client.post(path, json=body)

        return asyncio.run(post())


def close(case: Case, name: str, folder: Path, server: Server) -> float:
    """Put one model through the contract; the seconds it took. Raises at the first station that it fails."""
    began = time.monotonic()
    model = folder / "model"
    reference = case.save(model)
    window = folder / f"window.{'parquet' if case.parquet else 'csv'}"
    reference.to_parquet(window) if case.parquet else reference.to_csv(window, index=False)
    candidate = Candidate(model, window, f"reference/{window.name}")
    candidate.judge()
    (model / REFERENCE).mkdir()
    window.rename(model / REFERENCE / window.name)
    served, sink = ServedModel(name, "1", "run", None), Sink()
    served.write(model)
    capture = Capture(sink, served)
    pyfunc = PyfuncModel(name, model, served, capture, max_rows=1000)
    pyfunc.load()
    server.models.update(pyfunc)
    sent = _asked(case, candidate, name, server)
    capture.close()
    assert len(sink.messages) == sent, f"{len(sink.messages)} of {sent} rows were published"
    return time.monotonic() - began


def _asked(case: Case, candidate: Candidate, name: str, server: Server) -> int:
    """Every kind of request; how many rows were answered."""
    rows = case.rows or candidate.rows
    path = f"/v1/models/{name}:predict"
    many = [rows[at % len(rows)] for at in range(ROWS)]
    requests = [[rows[0]], many]
    names = candidate.inputs
    if case.null:
        requests.append([_changed(names, rows[0], {case.null: None})])
    if case.unseen:
        requests.append([_changed(names, rows[0], case.unseen)])
    first: Any = None
    for instances in requests:
        answer = server.ask(path, {"instances": instances})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["predictions"]) == len(instances)
        first = answer.json()["predictions"][0] if first is None else first
    assert server.ask(path, {"instances": many[:1]}).json()["predictions"] == [first], "the same request again"
    v2 = server.ask(f"/v2/models/{name}/infer", {"inputs": _tensors(names, rows[0])})
    assert v2.status_code == 200, v2.text
    assert all(each["shape"][0] == 1 for each in v2.json()["outputs"])
    metadata = server.ask(path, {"instances": [[object.__name__] * 99]})
    assert metadata.status_code == 400, "rows of another shape are the client's mistake"
    return sum(map(len, requests)) + 2


def _changed(names: list[str], row: Any, values: dict[str, Any]) -> list[Any]:
    return [values.get(name, cell) for name, cell in zip(names, row, strict=True)]


def _tensors(names: list[str], row: Any) -> list[dict[str, Any]]:
    """One row as v2's tensors: by input, lists and objects as JSON text."""
    cells = row if isinstance(row, list) and len(row) == len(names) and len(names) > 1 else [row]
    if len(names) == 1 and isinstance(row, list) and len(row) == 1:
        cells = row
    tensors: list[dict[str, Any]] = []
    for name, cell in zip(names, cells, strict=True):
        shape, flat = [1], [cell]
        while flat and isinstance(flat[0], list):
            shape.append(len(flat[0]))
            flat = [each for part in flat for each in part]
        flat = [json.dumps(each) if isinstance(each, dict) else each for each in flat]
        tensors.append({"name": name, "shape": shape, "datatype": "BYTES", "data": flat})
    return tensors
