"""Every wrong stack is refused with the exact lines that its owner reads."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from settings import SettingsError, parse

Change = Callable[[Mapping[str, object]], dict[str, Any]]
HERE = Path(__file__).parent


def cases(file: str) -> list[Any]:
    table = yaml.safe_load((HERE / file).read_text(encoding="utf-8"))
    return [pytest.param(case, id=sentence) for sentence, case in table.items()]


def reported(stack: dict[str, Any]) -> list[str]:
    """The lines the owner of the stack reads; none where the stack is right."""
    try:
        parse(stack)
    except SettingsError as error:
        return str(error).split("\n")
    return []


@pytest.mark.parametrize("case", [*cases("wrong_values.yaml"), *cases("contradictions.yaml")])
def test_a_wrong_stack_is_refused_in_these_words(case: dict[str, Any], change: Change) -> None:
    removed = dict.fromkeys(case.get("remove", []), ...)
    assert reported(change({**case.get("set", {}), **removed})) == case["says"]


def test_two_problems_in_two_sections_are_both_reported(change: Change) -> None:
    found = reported(change({"tracking.replicas": 0, "models.recommender.serving.canaryPercent": 120}))
    assert [line.split(": ")[0] for line in found] == [
        "ml-loop:tracking.replicas",
        "ml-loop:models.recommender.serving.canaryPercent",
    ]


def test_two_contradictions_in_two_sections_are_both_reported(change: Change) -> None:
    found = reported(change({"tracking.host": "mlflow.example.com", "kafka": ...}))
    assert [line.split(": ")[0] for line in found] == [
        "ml-loop:tracking.host",
        "ml-loop:models.recommender.drift",
        "ml-loop:models.recommender.retraining",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "trackingSecretKey",
        "storeSecretKey",
        "logsSecretKey",
        "kafka.sasl.secretName",
        "kafka.password",
        "tracking.postgres.password",
    ],
)
def test_no_message_shows_what_may_be_a_secret(path: str, change: Change) -> None:
    lines = reported(change({path: "Hunter2-Hunter2"}))
    assert [line.split(": ")[0] for line in lines] == [f"ml-loop:{path}"]
    assert "Hunter2" not in lines[0]


def test_no_message_falls_back_to_the_words_of_pydantic(change: Change) -> None:
    """Every kind of value in every place of the stack: the types of pydantic's own errors all have an underscore."""
    for path in places(change({})):
        for wrong in ("§", -7, 0.5, [-1], [], {"§": 1}, None, True, b"bytes"):
            for line in reported(change({path: wrong})):
                assert line.startswith("ml-loop:"), path
                assert "; expected " in line, path
                assert not re.search(r"expected \w+_\w+\.", line), path


def places(stack: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted path of every value and every mapping of the stack."""
    paths: list[str] = []
    for key, value in stack.items():
        paths.append(prefix + key)
        if isinstance(value, dict):
            paths += places(value, f"{prefix}{key}.")
    return paths


def test_a_setting_cannot_be_changed_after_it_was_read(change: Change) -> None:
    read = parse(change({}))
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        read.tracking.replicas = 1
    with pytest.raises(TypeError):
        read.models["other"] = read.models["recommender"]  # pyright: ignore[reportIndexIssue]
