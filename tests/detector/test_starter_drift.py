"""The drift check of `make try`: the reference's own rows are quiet, and the same rows shifted are seen."""

import json
from typing import Any

import numpy as np
import pytest

from contract.drift import DriftSettings
from contract.names import Alias
from loop.drift.columns import Columns
from loop.drift.reference import ALWAYS, Reference
from starter import drift

SETTINGS = DriftSettings(features=("a", "b"), window=1000)
COLUMNS = Columns.numbers(("a", "b"))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> np.ndarray[Any, Any]:
    found = np.random.default_rng(0).normal(size=(2000, 2)).round(3)
    reference = Reference("1", COLUMNS, {ALWAYS: list(found.T)})
    monkeypatch.setattr(drift, "MlflowClient", object)

    def aliases_of(*_: object) -> dict[Alias, str]:
        return {Alias.STAGING: "1"}

    def fetch(*_: object) -> Reference:
        return reference

    def columns_of(*_: object) -> Columns:
        return COLUMNS

    for name, double in (("aliases_of", aliases_of), ("fetch", fetch), ("columns_of", columns_of)):
        monkeypatch.setattr(drift, name, double)
    return found


def published(rows: Any) -> list[bytes]:
    message = {"model": "m", "version": "1", "predictions": [1.0], "at": "2026-01-31T12:00:00Z"}
    return [json.dumps(message | {"features": list(map(float, row))}).encode() for row in rows]


def test_rows_of_the_reference_are_quiet_and_it_is_said_what_can_be_seen(rows: Any) -> None:
    said, broken = drift.judge("m", SETTINGS, published(rows[:1000]))
    assert not broken
    assert "the smallest shift it sees is" in said


def test_rows_from_elsewhere_break_the_rule(rows: Any) -> None:
    said, broken = drift.judge("m", SETTINGS, published(np.add(rows[:1000], [0.0, 3.0])))
    assert broken
    assert said == "rows of the reference must be no drift, and are in b: how were they sampled?"


def test_a_test_that_sees_no_shift_is_told(rows: Any) -> None:
    blind = DriftSettings(features=("a", "b"), window=1000, min_effect=0.99)
    said, broken = drift.judge("m", blind, published(rows[:1000]))
    assert broken
    assert "a shift of 2 standard deviations must be drift, and is none in a, b" in said
