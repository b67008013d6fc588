"""A training that drift has started ends where an earlier version was made of the same rows by the same code."""

import hashlib
import json
from functools import partial
from pathlib import Path

import pytest
from bench import DATA, Bench
from mlflow.entities.model_registry import ModelVersion

from contract.names import NOTHING_NEW, RunTag, Tag
from contract.training_data import MANIFEST, TRAIN
from loop.training import train

RECIPE = "b" * 64
DRIFT = {"TRIGGER": "drift", "FEATURE": "price", "P_VALUE": "0.001", "EVENT_ID": "c" * 32, "RECIPE": RECIPE}
SAME = "nothing new to learn: version 1 was made of the same rows by the same code"


@pytest.fixture
def first(bench: Bench) -> Bench:
    """Version 1 is made by hand, and another workflow begins."""
    assert bench.register(bench.run(), workflow="first", RECIPE=RECIPE)[0] == 0
    (version,) = versions(bench)
    assert version.tags[Tag.RECIPE] == RECIPE
    return bench


def versions(bench: Bench) -> list[ModelVersion]:
    return sorted(bench.client.search_model_versions(f"name = '{bench.model}'"), key=lambda each: int(each.version))


def test_the_same_again_is_neither_judged_nor_measured_and_makes_no_version(first: Bench) -> None:
    run_id = first.run(window=None, model_id=None)  # what nobody looks at any more need not be there
    code, said = first.step("train", "--", "sh", "-c", f"printf {run_id} > $ML_LOOP_OUTPUT/run_id", **DRIFT)
    assert (code, said.splitlines()[-1]) == (0, SAME)
    for measured in ("candidate", "production"):
        assert first.step("evaluate", "--", "false", MEASURED=measured, **DRIFT) == (0, SAME)
    assert first.step("register", **DRIFT) == (0, SAME)
    assert (first.written("gate"), first.written("version")) == (NOTHING_NEW, "1")
    assert len(versions(first)) == 1


@pytest.mark.parametrize(
    ("changed", "fingerprint"),
    [
        ({}, "d" * 64),
        ({"RECIPE": "e" * 64}, DATA),
        ({"RECIPE": ""}, DATA),
        ({"TRIGGER": "manual"}, DATA),
        ({"TRIGGER": "schedule"}, DATA),
    ],
    ids=["other rows", "other code", "code unknown", "by hand", "by schedule"],
)
def test_anything_else_trains_on(first: Bench, changed: dict[str, str], fingerprint: str) -> None:
    given = DRIFT | changed
    run_id = first.run(fingerprint=fingerprint)
    code, said = first.step("train", "--", "sh", "-c", f"printf {run_id} > $ML_LOOP_OUTPUT/run_id", **given)
    assert (code, said.splitlines()[-1]) == (0, "reference window: 120 rows")
    assert first.register(run_id, **given)[0] == 0
    assert len(versions(first)) == 2


def test_a_version_that_passed_and_was_never_watched_to_the_end_is_worth_another_training(first: Bench) -> None:
    first.client.delete_registered_model_alias(first.model, "staging")
    code, said = first.register(first.run(), **DRIFT)
    assert (code, said.splitlines()[0]) == (0, f"version: 2 of {first.model}")


def test_a_version_that_was_taken_back_is_not_made_again(first: Bench) -> None:
    first.client.delete_registered_model_alias(first.model, "staging")
    first.client.set_model_version_tag(first.model, "1", Tag.REJECTED, "too many errors")
    first.bind(first.run())
    assert first.step("register", **DRIFT) == (0, SAME)


def test_a_step_that_is_repeated_does_not_know_its_own_version(bench: Bench) -> None:
    run_id = bench.run()
    for _ in range(2):
        code, said = bench.register(run_id, **DRIFT)
        assert (code, said.splitlines()[0]) == (0, f"version: 1 of {bench.model}")


def test_fresh_rows_that_have_taught_a_version_end_a_training_before_its_command_runs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = b"rows"
    fingerprint = hashlib.sha256(rows).hexdigest()
    part = {"rows": 1, "sha256": fingerprint}
    times = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    kept = {MANIFEST: json.dumps({**times, "parts": {TRAIN: part}}).encode(), f"{TRAIN}.parquet": rows}
    monkeypatch.setattr(train.data.objects, "folder", partial(_folder, kept))
    monkeypatch.setattr(train.data.given, "__defaults__", (tmp_path / "rows",))
    assert bench.register(bench.run(fingerprint=fingerprint), workflow="first", RECIPE=RECIPE)[0] == 0
    code, said = bench.step("train", "--", "touch", str(tmp_path / "ran"), TRAINING_ROWS="s3://rows/1", **DRIFT)
    assert (code, said.splitlines()[-1]) == (0, SAME)
    assert not (tmp_path / "ran").exists()
    experiment = bench.client.get_experiment_by_name(bench.model)
    assert experiment is not None
    bound = f"tags.`{RunTag.WORKFLOW_UID}` = '{bench.model}-uid'"
    (run,) = bench.client.search_runs([experiment.experiment_id], bound)
    assert (run.info.status, run.data.params) == ("FINISHED", {"data_fingerprint": fingerprint})
    assert bench.step("register", **DRIFT) == (0, SAME)


class Folder:
    """A record in memory."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept

    def get(self, name: str) -> bytes:
        return self._kept[name]


def _folder(kept: dict[str, bytes], _address: str) -> Folder:
    return Folder(kept)
