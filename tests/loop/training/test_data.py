"""Fresh rows as the image's commands find them: the part that is theirs, whole, and unchanged since it was set down."""

import hashlib
import json
from pathlib import Path

import pytest
from bench import DATA, Bench

from contract.names import Env
from loop.training import data
from loop.training.step import TrainingError

ROWS = b"rows to train on"
SHA = hashlib.sha256(ROWS).hexdigest()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    parts = {"train": {"rows": 3, "sha256": SHA}}
    manifest = {"since": "2026-11-10T00:00:00Z", "until": "2026-11-20T00:00:00Z", "parts": parts}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "train.parquet").write_bytes(ROWS)
    monkeypatch.setenv(Env.TRAINING_ROWS, folder.as_uri())
    monkeypatch.setenv(Env.DATA_URI, "s3://ours/rows.csv")
    return folder


def test_the_command_is_given_a_file_with_its_own_rows(kept: Path, tmp_path: Path) -> None:
    given = data.given("train", tmp_path / "mine")
    assert given == data.StepData((tmp_path / "mine" / "train.parquet").as_uri(), SHA)
    assert (tmp_path / "mine" / "train.parquet").read_bytes() == ROWS


def test_too_few_rows_leave_the_data_of_before(kept: Path, tmp_path: Path) -> None:
    assert data.given("held_out", tmp_path) == data.StepData("s3://ours/rows.csv")


def test_rows_that_have_changed_since_are_refused(kept: Path, tmp_path: Path) -> None:
    (kept / "train.parquet").write_bytes(b"others")
    with pytest.raises(TrainingError, match="are not those that were set down"):
        data.given("train", tmp_path)


def test_a_training_without_its_manifest_is_refused(kept: Path, tmp_path: Path) -> None:
    (kept / "manifest.json").unlink()
    with pytest.raises(TrainingError, match="cannot be read"):
        data.given("train", tmp_path)


def test_another_fingerprint_than_that_of_the_rows_is_refused() -> None:
    given = data.StepData("file:///rows", SHA)
    assert given.agreed("", "it") == given.agreed(SHA, "it") == SHA
    with pytest.raises(TrainingError, match=f"it must be the SHA-256 of the file that ML_LOOP_DATA_URI names, {SHA}"):
        given.agreed(DATA, "it")
    assert data.StepData("").agreed(DATA, "it") == DATA


def test_the_step_train_writes_the_fingerprint_of_the_rows_where_the_command_leaves_it_out(
    bench: Bench, kept: Path
) -> None:
    run_id = bench.run(fingerprint=None)
    code, said = bench.train(run_id)
    assert code == 0, said
    assert f"data fingerprint: {SHA}" in said
    code, said = bench.train(bench.run())
    assert code == 1
    assert said.startswith("the param data_fingerprint must be the SHA-256 of the file that ML_LOOP_DATA_URI names")
