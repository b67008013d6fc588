"""Requests that wait are asked together, and each gets the answer that it would get alone."""

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc.model import PythonModel

from loop.model.pyfunc import ServableModel
from loop.serving.batching import Answered, Batcher

ROWS = pd.DataFrame({"price": np.arange(20) / 4, "title": [f"t{at}" for at in range(20)]})


class Counted(PythonModel):
    """Keeps how many rows it was asked at once; waits where a gate is closed, and fails on a negative price."""

    sizes: ClassVar[list[int]] = []
    opened = threading.Event()

    def predict(self, context: object, model_input: pd.DataFrame, params: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        Counted.opened.wait(10)
        Counted.sizes.append(len(model_input))
        if (model_input["price"] < 0).any():
            raise ValueError("negative")
        return model_input["price"] * (params or {}).get("times", 1)


@pytest.fixture
def model(tmp_path: Path) -> ServableModel:
    signature = infer_signature(ROWS, params={"times": 1})
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Counted(), signature=signature, pip_requirements=[])
    Counted.opened.set()
    servable = ServableModel(tmp_path / "m", 100)
    servable.try_rows([list(row) for row in ROWS.itertuples(index=False)])
    Counted.sizes.clear()
    return servable


def asked(
    model: ServableModel, requests: list[tuple[list[Any], Any]], most: int = 64
) -> list[Answered | BaseException]:
    """All at once, while the model is busy with the first."""
    batcher = Batcher(model, most)
    loaded = model._model.unwrap_python_model()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    type(loaded).opened.clear()
    type(loaded).sizes.clear()

    async def ask() -> list[Answered | BaseException]:
        batches = [model.check.rows(rows, params) for rows, params in requests]
        first = asyncio.ensure_future(batcher.answer(batches[0]))
        await asyncio.sleep(0.05)
        others = [asyncio.ensure_future(batcher.answer(batch)) for batch in batches[1:]]
        await asyncio.sleep(0.05)
        type(loaded).opened.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    return asyncio.run(ask())


def sizes(model: ServableModel) -> list[int]:
    loaded = model._model.unwrap_python_model()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    return list(type(loaded).sizes)


def test_what_waits_is_asked_together_and_answered_apart(model: ServableModel) -> None:
    requests = [([[at / 4, "a"]] * (1 + at % 3), None) for at in range(9)]
    answers = asked(model, requests)
    assert sizes(model) == [1, sum(1 + at % 3 for at in range(1, 9))]
    assert [each[0] for each in answers if isinstance(each, tuple)] == [[at / 4] * (1 + at % 3) for at in range(9)]


def test_no_more_rows_are_joined_than_allowed(model: ServableModel) -> None:
    asked(model, [([[1.0, "a"]] * 2, None)] * 6, most=5)
    assert sizes(model) == [2, 4, 4, 2]


def test_other_params_are_other_requests(model: ServableModel) -> None:
    answers = asked(model, [([[1.0, "a"]], None), ([[1.0, "a"]], {"times": 3}), ([[1.0, "a"]], None)])
    assert [each[0] for each in answers if isinstance(each, tuple)] == [[1.0], [3.0], [1.0]]
    assert sizes(model) == [1, 1, 1]


def test_one_request_that_fails_fails_alone(model: ServableModel) -> None:
    answers = asked(model, [([[each, "a"]], None) for each in (1.0, 2.0, -1.0, 3.0)])
    assert [each[0] if isinstance(each, tuple) else str(each) for each in answers] == [[1.0], [2.0], "negative", [3.0]]


def test_a_model_whose_answer_depends_on_the_rows_beside_is_never_joined(tmp_path: Path) -> None:
    class Ranks(PythonModel):
        def predict(self, context: object, model_input: pd.DataFrame, params: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return model_input["price"] + 1e-16 * len(model_input) * 2**8

    signature = infer_signature(ROWS)
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Ranks(), signature=signature, pip_requirements=[])
    servable = ServableModel(tmp_path / "m", 100)
    servable.try_rows([list(row) for row in ROWS.itertuples(index=False)])
    assert not servable.joins
