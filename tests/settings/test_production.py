"""A promotion's pull request changes one number of a stack file."""

import difflib
import sys
from pathlib import Path

import pytest
import yaml

from settings import production
from settings.production import approve

BLOCK = """\
# top
config:
  ml-loop:namespace: ml
  ml-loop:models:
    # the example
    recommender:
      training:
        gate: {metric: auc, minimum: 0.7}  # higher is better
      production: 3  # moves only by a reviewed pull request
    other: {training: {gate: {metric: auc, minimum: 0.7}}, production: null}
    third:
      training: {gate: {metric: auc, minimum: 0.7}}
    fourth: {training: {gate: {metric: auc, minimum: 0.7}}}
# end
"""


def changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:3] not in {"---", "+++"} and line[:2] != "@@"]


@pytest.mark.parametrize(
    ("model", "lines"),
    [
        (
            "recommender",
            [
                "-      production: 3  # moves only by a reviewed pull request",
                "+      production: 12  # moves only by a reviewed pull request",
            ],
        ),
        (
            "other",
            [
                "-    other: {training: {gate: {metric: auc, minimum: 0.7}}, production: null}",
                "+    other: {training: {gate: {metric: auc, minimum: 0.7}}, production: 12}",
            ],
        ),
        ("third", ["+      production: 12"]),
        (
            "fourth",
            [
                "-    fourth: {training: {gate: {metric: auc, minimum: 0.7}}}",
                "+    fourth: {production: 12, training: {gate: {metric: auc, minimum: 0.7}}}",
            ],
        ),
    ],
)
def test_one_number_changes_and_everything_else_stays_as_it_was_written(model: str, lines: list[str]) -> None:
    after = approve(BLOCK, model, 12)
    assert changed(BLOCK, after) == lines
    assert yaml.safe_load(after)["config"]["ml-loop:models"][model]["production"] == 12


def test_the_same_number_changes_nothing() -> None:
    assert approve(BLOCK, "recommender", 3) == BLOCK


def test_the_example_model_of_the_local_stack_can_be_promoted() -> None:
    text = (production.ROOT / "Pulumi.local.yaml").read_text()
    assert changed(text, approve(text, "recommender", 7)) == ["+      production: 7"]


def test_what_is_shared_between_models_is_not_edited() -> None:
    shared = BLOCK.replace("third:\n      training", "third: &it\n      training").replace(
        "fourth: {training: {gate: {metric: auc, minimum: 0.7}}}", "fourth: *it"
    )
    told = "models.fourth is written in a way that cannot be edited safely; set production by hand"
    with pytest.raises(ValueError, match=told):
        approve(shared, "fourth", 12)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(production, "ROOT", folder)
    monkeypatch.setattr(sys, "argv", ["production", *arguments])
    return production.main()


def test_the_command_writes_the_stack_s_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(BLOCK)
    assert run(tmp_path, monkeypatch, "prod", "recommender", "4") == 0
    assert file.read_text() == BLOCK.replace("production: 3", "production: 4")


@pytest.mark.parametrize(
    ("text", "missing"), [(BLOCK, "nobody"), ("config: {ml-loop:models: {}}\n", "ml-loop:models"), ("", "config")]
)
def test_a_file_without_the_model_is_left_alone(
    text: str, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(text)
    assert run(tmp_path, monkeypatch, "prod", "nobody", "4") == 1
    assert capsys.readouterr().err == f"Pulumi.prod.yaml has no {missing} to put version 4 into\n"
    assert file.read_text() == text
