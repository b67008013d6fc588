"""The client's side: it asks for predictions at the model's address, and later says what became of them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pandas as pd

from contract.names import VERSION_HEADER
from examples.employment import data

BATCH: Final = 50
"""Rows of a request."""
CLIENTS: Final = 4
PATIENCE: Final = 90.0
"""Seconds for which a request is sent again."""


class UnansweredError(Exception):
    """The address has not answered for `PATIENCE` seconds. One sentence."""


class AnsweredRows:
    """The answers to some rows, in their order."""

    def __init__(self, scores: Sequence[float], versions: Sequence[str]) -> None:
        self.scores, self.versions = list(scores), list(versions)


class ModelAddress:
    """One model's `:predict` and `:outcome`."""

    def __init__(self, predict_url: str) -> None:
        self._predict, self._outcome = predict_url, predict_url.removesuffix(":predict") + ":outcome"

    def ask(self, rows: pd.DataFrame, name: str) -> AnsweredRows:
        """Asks for each row; its id is `name`, a request's number and the row's in it."""
        requests = [(f"{name}-{at // BATCH:02}", rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            answered = list(clients.map(self._ask, *zip(*requests, strict=True)))
        return AnsweredRows(
            [score for scores, _ in answered for score in scores],
            [version for scores, version in answered for _ in scores],
        )

    def tell(self, outcomes: Sequence[int], name: str) -> None:
        """Says what became of the rows of `ask`: Kafka has it when this returns."""
        said = [{"id": f"{name}-{at // BATCH:02}/{at % BATCH}", "outcome": each} for at, each in enumerate(outcomes)]
        _post(self._outcome, {"outcomes": said}, {})

    def _ask(self, name: str, rows: pd.DataFrame) -> tuple[list[float], str]:
        body = {"instances": rows[data.FEATURES].to_numpy(dtype=object).tolist()}
        answer, headers = _post(self._predict, body, {"X-Request-Id": name})
        return [float(each[-1]) for each in answer["predictions"]], str(headers[VERSION_HEADER])


def _post(url: str, body: Any, headers: dict[str, str]) -> tuple[Any, Any]:
    """The answer with status 200. Anything that may pass is tried again."""
    sent = json.dumps(body).encode()
    deadline, problem = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline:
        request = urllib.request.Request(url, sent, {"Content-Type": "application/json", **headers})  # noqa: S310  # our own gateway
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            problem = f"{error.code}: {error.read(300).decode(errors='replace').strip()}"
            if error.code < 500 and error.code not in (404, 429):
                break
        except OSError as error:
            problem = str(error)
        time.sleep(1)
    raise UnansweredError(f"{url} does not answer with 200: {problem}")
