"""Requests that wait while the model is busy are asked together: a frame of twenty rows costs hardly more than one.

Nothing waits in order to be joined: a lone request is asked at once; under load, those that came meanwhile are joined.
Only models whose answers are the same together as alone, bit for bit, are asked so (`ServableModel.joins`).
"""

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from loop.model.pyfunc import ServableModel
from loop.model.requests import Batch

QUICK: Final = 0.01
"""Seconds. A model that last took no longer is asked on the event loop's own thread: handing a request to another
thread and back costs more than such an answer, and health checks barely wait for it.
"""
Answered = tuple[list[Any], Any]
"""One JSON value per row, and what the model returned."""


@dataclass(frozen=True)
class _Waiting:
    batch: Batch
    answered: "asyncio.Future[Answered]"


class Batcher:
    """Asks the model one batch after the other, as models need not be thread-safe."""

    def __init__(self, model: ServableModel, most: int) -> None:
        self._model, self._most = model, most if model.joins else 1
        # The event loop stays free for health checks while a slow model works.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")
        self._seconds = float("inf")
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def answer(self, batch: Batch) -> Answered:
        """Answers one request. Raises what the model raises on it, whatever it raises on others."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(batch, loop.create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await waiting.answered

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = self._next()
            batches = [each.batch for each in group]
            if self._seconds <= QUICK:
                results = self._ask(batches)
                await asyncio.sleep(0)
            else:
                results = await loop.run_in_executor(self._executor, self._ask, batches)
            for each, result in zip(group, results, strict=True):
                if each.answered.done():  # its client has gone
                    continue
                if isinstance(result, Exception):
                    each.answered.set_exception(result)
                else:
                    each.answered.set_result(result)

    def _next(self) -> list[_Waiting]:
        """The first waiting request and those after it with the same params, up to `most` rows."""
        group = [self._waiting.popleft()]
        rows = len(group[0].batch.rows)
        while self._waiting:
            following = self._waiting[0].batch
            rows += len(following.rows)
            if rows > self._most or following.params != group[0].batch.params:
                break
            group.append(self._waiting.popleft())
        return group

    def _ask(self, batches: list[Batch]) -> list[Answered | Exception]:
        began = time.perf_counter()
        try:
            return self._split(batches) if len(batches) > 1 else [self._alone(batches[0])]
        except Exception:  # noqa: BLE001  # one of them is at fault, and each gets its own answer
            return [self._alone(batch) for batch in batches]
        finally:
            self._seconds = time.perf_counter() - began

    def _split(self, batches: list[Batch]) -> list[Answered | Exception]:
        joined = self._model.check.joined(batches)
        answers, result = self._model.answer(joined)
        parts: list[Answered | Exception] = []
        for batch in batches:
            parts.append((answers[: len(batch.rows)], result))
            answers = answers[len(batch.rows) :]
        return parts

    def _alone(self, batch: Batch) -> Answered | Exception:
        try:
            return self._model.answer(batch)
        except Exception as error:  # noqa: BLE001  # a model may raise anything
            return error
