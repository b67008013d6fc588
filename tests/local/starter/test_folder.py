"""`model.yaml` is read by the rules of a stack's file, and each mistake is told at its key."""

from pathlib import Path

import pytest

from local.starter import folder, new
from local.starter.tryout import trial_of
from local.steps import StepError


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return new.make("churn", new.ModelKind.REGRESSION, tmp_path / "churn")


def change(made: Path, old: str, by: str) -> None:
    file = made / "model.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, by))


def test_a_wrong_setting_is_told_as_in_a_stack(made: Path) -> None:
    change(made, "direction: lower, maximum: 65", "minimum: 65")
    with pytest.raises(StepError) as refused:
        folder.read(made)
    assert "ml-loop:models.churn.training.gate.minimum: 65.0 is not allowed" in str(refused.value)


def test_a_folder_without_a_model_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"has no model.yaml; `make model NAME=…` makes a folder with one"):
        folder.read(tmp_path)


def test_two_models_in_a_file_are_none(made: Path) -> None:
    change(made, "churn:", "other: {}\nchurn:")
    with pytest.raises(StepError, match="must hold one key, the model's name"):
        folder.read(made)


def test_requirements_are_lines_that_are_no_comments(made: Path) -> None:
    assert folder.read(made).requirements is None
    (made / "requirements.txt").write_text("# none\n\nxgboost==3.1.1\n")
    assert folder.read(made).requirements == made / "requirements.txt"


def test_a_secret_of_the_settings_comes_from_the_shell(made: Path) -> None:
    change(made, "    resources: {requests: {cpu: 100m", "    secrets: {DB: {name: churn-db, key: url}}\n"
           "    env: {THREADS: 4}\n    resources: {requests: {cpu: 100m")  # fmt: skip
    found = folder.read(made)
    with pytest.raises(StepError, match="your shell has; export DB first"):
        trial_of(found, {})
    assert trial_of(found, {"DB": "postgres://…", "OTHER": ""}).environment == {"THREADS": "4", "DB": "postgres://…"}


def test_what_is_tried_is_what_the_settings_say(made: Path) -> None:
    trial = trial_of(folder.read(made), {})
    assert trial.evaluate == ("python3", "-m", "churn_model.evaluate")
    assert '"rmse"' in trial.gate
    assert type(trial).from_json(trial.to_json()).drift_settings == trial.drift_settings
