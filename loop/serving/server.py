"""Model server: one MLflow model version behind KServe's v1 and v2 protocols.

Ready only after the model has answered rows that it knows: its training's reference, else the example logged with it.
It answers under the InferenceService's name and the registered model's.
`X-Tenant` and `X-User-Id` say whose prediction it is in `ml.predictions`, and `X-Request-Id` which.
"""

import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kserve.logging
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import Model, ModelServer
from kserve.errors import InferenceError, InvalidInput, ModelNotFound
from kserve.model_server import app
from kserve.protocol.infer_type import InferRequest
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException

from contract import metrics
from contract.commands import Serve
from contract.names import REQUEST_ID_HEADER
from loop.model import answers as forms
from loop.model import reference
from loop.model.errors import RejectedError
from loop.model.pyfunc import KNOWN_ROWS, ServableModel
from loop.model.requests import Batch
from loop.runtime import command
from loop.runtime.metrics import counter, info
from loop.serving import connections
from loop.serving.batching import Batcher
from loop.serving.caller import Caller
from loop.serving.capture import AnsweredRequest, Capture, from_environment
from loop.serving.direct import DirectPredictions
from loop.serving.guard import RequestGuard
from loop.serving.served import ServedModel, reference_of

SERVED = info(metrics.SERVED)
PREDICTIONS = counter(metrics.PREDICTIONS)

_log = logging.getLogger("kserve")


class LoadError(Exception):
    """The model cannot be served. The message says why."""


class PyfuncModel(Model):
    """An MLflow model of any flavor, checked at its border by its own signature."""

    def __init__(
        self, name: str, folder: Path, served: ServedModel, capture: Capture | None, *, max_rows: int, batch: int
    ) -> None:
        super().__init__(name, return_response_headers=True)
        self._folder, self._served, self._capture, self._max_rows = folder, served, capture, max_rows
        self._batch = batch

    def load(self) -> bool:
        """Loads the model and has it answer rows that it knows. Raises LoadError."""
        try:
            self._model = ServableModel(self._folder, self._max_rows)
            self._try()
            self._batcher = Batcher(self._model, self._batch)
        except Exception as error:
            raise LoadError(
                f"version {self._served.version} of {self._served.name} cannot be served: "
                f"{type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        self.ready = True
        return self.ready

    def _try(self) -> None:
        """Asks before any client does, with rows that the model knows: made-up ones would prove nothing."""
        if path := reference_of(self._folder):
            self._model.try_rows(reference.read(path, self._model.check, most=KNOWN_ROWS))
        elif not self._model.try_example():
            _log.warning("the model has neither an input example nor a reference: the first request is its first")

    # The SDK passes what this returns to `predict`, whatever its types say.
    async def preprocess(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, payload: object, headers: Mapping[str, str]
    ) -> tuple[object, Batch, Caller]:
        if isinstance(payload, InferRequest):
            return payload, self._model.check.v2(payload), Caller.of(headers, payload.id)
        return payload, self._model.check.v1(payload), Caller.of(headers)

    async def predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        payload: tuple[Any, Batch, Caller],
        _headers: Mapping[str, str],
        response_headers: dict[str, str],
    ) -> dict[str, Any]:
        request, batch, caller = payload
        try:
            answers, result = await self._batcher.answer(batch)
        except Exception as error:
            _log.exception("the model failed on a request that its signature allows")
            raise InferenceError(f"the model failed on this request: {type(error).__name__}") from error
        PREDICTIONS.labels(self._served.name, self._served.version).inc(len(answers))
        if self._capture:
            self._capture.offer(AnsweredRequest(caller, batch.rows, answers))
        response_headers[REQUEST_ID_HEADER.lower()] = caller.request_id
        if isinstance(request, InferRequest):
            return self._v2(request, caller, forms.tensors(answers, result))
        return {"predictions": answers}

    def _v2(self, request: InferRequest, caller: Caller, outputs: list[dict[str, Any]]) -> dict[str, Any]:
        """The body of a v2 answer. The SDK's own writer knows only numbers and texts, and writes a null as None."""
        if wanted := [each.name for each in request.request_outputs or []]:
            if unknown := sorted(set(wanted) - {each["name"] for each in outputs}):
                raise RejectedError(f"the model has no outputs {unknown}; it has {[each['name'] for each in outputs]}")
            outputs = [each for each in outputs if each["name"] in wanted]
        return {
            "model_name": request.model_name,
            "model_version": self._served.version,
            "id": caller.request_id,
            "outputs": outputs,
        }

    def get_input_types(self) -> list[dict[str, Any]]:
        return self._model.check.metadata()


async def _rejected(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, getattr(error, "status", 400))


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's list of v2 schema errors, as one sentence."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    first = next((p for p in problems if p["loc"][-1] != "bytes"), {"loc": ("body",), "msg": str(error)})
    where = ".".join(str(part) for part in first["loc"] if part != "InferenceRequest")
    return JSONResponse({"error": f"not a v2 inference request: {where}: {first['msg']}"}, 400)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses (unknown path, a body it cannot parse), in the same shape as every other refusal."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    return JSONResponse({"error": str(getattr(error, "detail", error))}, status)


def _configure_logging() -> None:
    """The SDK's logging without a line per request and a stack trace per client's mistake, which metrics count."""
    kserve.logging.configure_logging()
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    logging.getLogger("kserve.trace").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # the SDK's own use of it
    _log.addFilter(lambda r: not (r.exc_info and isinstance(r.exc_info[1], InvalidInput | ModelNotFound)))


def _no_middlewares(_server: RESTServer, _app: FastAPI) -> None:
    pass


def guard(version: str, max_body: int, drain_seconds: float, models: Mapping[str, Model] | None = None) -> None:
    """Puts the limits, the shape of refusals and the direct way for v1 before the SDK's application."""
    # The SDK times each request by two system calls, for a log that is switched off here.
    RESTServer._add_middlewares = _no_middlewares  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    app.add_middleware(DirectPredictions, models={} if models is None else models)
    app.add_middleware(RequestGuard, version=version, max_body=max_body, drain_seconds=drain_seconds)
    app.add_exception_handler(RejectedError, _rejected)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)


def serve(given: Serve) -> None:
    """Serves until SIGTERM. Raises LoadError when the model cannot be served."""
    folder = Path(given.model_dir)
    try:
        served = ServedModel.read(folder)
    except FileNotFoundError as error:
        raise LoadError(f"{error.filename} is missing: the storage initializer did not finish") from error
    capture = from_environment(served)
    model = PyfuncModel(given.model_name, folder, served, capture, max_rows=given.max_rows, batch=given.batch)
    model.load()
    # While the capture thread encodes a large batch, an answer waits for the interpreter lock up to this long (5 ms).
    sys.setswitchinterval(0.0005)
    SERVED.info({"model": served.name, "version": served.version, "run_id": served.run_id})
    models = {given.model_name: model, served.name: model}
    guard(served.version, given.max_body_bytes, given.drain_seconds, models)
    connections.bound()
    server = ModelServer(http_port=given.port, enable_grpc=False, enable_latency_logging=False)
    server.register_model(model, served.name)
    server.start([model])
    if capture:
        capture.close()


def main() -> int:
    given = Serve.parse(sys.argv[1:])
    _configure_logging()
    try:
        serve(given)
    except LoadError as error:
        return command.end(str(error))
    return 0
