"""`make train`: which model, and by which command."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import stack, train
from local.paths import Paths
from local.steps import StepError

BOOKS = {"submit": "argo submit --from workflowtemplate/books-train-0a1b2c3d -n ml --wait"}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def outputs(monkeypatch: pytest.MonkeyPatch, **models: Any) -> None:
    def made(_: str, __: Paths) -> dict[str, Any]:
        return {"models": models} if models else {}

    monkeypatch.setattr(stack, "outputs", made)


@pytest.mark.parametrize("model", [None, "books"])
def test_the_only_model_is_trained_by_the_stack_s_own_command(
    monkeypatch: pytest.MonkeyPatch, ran: list[list[str]], tmp_path: Path, model: str | None
) -> None:
    outputs(monkeypatch, books=BOOKS)
    assert train.run(Paths(tmp_path), model) == 3
    argo = str(Paths(tmp_path).bin / "argo")
    assert ran == [[argo, "submit", "--from", "workflowtemplate/books-train-0a1b2c3d", "-n", "ml", "--wait"]]


@pytest.mark.parametrize(
    ("models", "model", "sentence"),
    [
        ({"books": BOOKS, "films": BOOKS}, None, "MODEL is not set; the stack's models: books, films"),
        ({"books": BOOKS}, "boks", "MODEL is boks; the stack's models: books"),
        ({}, None, "MODEL is not set; the stack's models: none; run `make up` first"),
    ],
)
def test_what_is_not_clear_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: dict[str, Any], model: str | None, sentence: str
) -> None:
    outputs(monkeypatch, **models)
    with pytest.raises(StepError, match=f"^{sentence}$"):
        train.run(Paths(tmp_path), model)
