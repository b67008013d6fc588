"""Erasure: a user's rows leave the record, all others stay as they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from contract.messages import Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC, Env
from contract.outcome_commands import Erase
from contract.outcomes import ObservedOutcome
from loop.outcomes import erasure
from loop.outcomes.archive import RowKind, files, parquet, row
from loop.outcomes.join import read
from loop.runtime.objects import ObjectFolder, folder

AT = datetime(2026, 11, 20, 23, tzinfo=UTC)
EVER = (AT - timedelta(days=9), AT + timedelta(days=9))


def record(root: Path) -> ObjectFolder:
    """Three users' predictions over four days, each with an outcome; the last two days are of one user alone."""
    store = folder(root.as_uri())
    users = [f"u{n % 3}" if n < 48 else "u1" for n in range(96)]
    asked = [
        Prediction(model="m", version="1", features=[n], predictions=[1], at=AT + n * timedelta(hours=1), id=f"r{n}/0", user_id=user)  # noqa: E501
        for n, user in enumerate(users)
    ]  # fmt: skip
    said = [ObservedOutcome(id=each.id, model="m", outcome=1, at=each.at) for each in asked]
    for topic, kind, messages in ((PREDICTIONS_TOPIC, RowKind.PREDICTIONS, asked), (OUTCOMES_TOPIC, RowKind.OUTCOMES, said)):  # fmt: skip  # noqa: E501
        rows = [found | {"kafka_partition": 0, "kafka_offset": n} for n, each in enumerate(messages) if isinstance(found := row(kind, each.encode(), "m"), dict)]  # fmt: skip  # noqa: E501
        for name, data in files(topic, 0, 0, rows):
            store.put(name, data)
    return store


def test_a_user_s_rows_leave_the_record_and_no_other_s_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = record(tmp_path)
    before = read(store, RowKind.PREDICTIONS, *EVER).to_pylist()
    monkeypatch.setenv(Env.RECORD, tmp_path.as_uri())
    monkeypatch.setattr("sys.argv", ["erase", "--user-id=u1"])
    assert erasure.main() == 0
    assert capsys.readouterr().out == "erased 64 predictions, 64 outcomes and 0 rows of trainings\n"
    left = read(store, RowKind.PREDICTIONS, *EVER).to_pylist()
    assert left == [each for each in before if each["user_id"] != "u1"]
    assert {each["id"] for each in left} == set(read(store, RowKind.OUTCOMES, *EVER)["id"].to_pylist())
    assert not any(b"u1" in path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert erasure.main() == 0
    assert capsys.readouterr().out == "erased 0 predictions, 0 outcomes and 0 rows of trainings\n"


def test_who_learned_of_the_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = record(tmp_path)
    for uid, of in (("w1", ["r1/0", "r2/0"]), ("w2", ["r2/0"])):
        store.put(f"trainings/{uid}/train.parquet", parquet(pa.table({"@id": of, "x": [1.0] * len(of)})))
    monkeypatch.setenv(Env.RECORD, tmp_path.as_uri())
    monkeypatch.setattr("sys.argv", ["erase", "--user-id=u1"])
    assert erasure.main() == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("and 1 rows of trainings")
    assert "the workflows with the uids w1 (its run's tag ml-loop.workflow-uid) keeps what it has learned" in second


def test_an_interrupted_erasure_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = record(tmp_path)

    def delete(name: str) -> None:
        raise OSError(name)

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", delete)
        with pytest.raises(OSError, match="date="):
            erasure.erase(store, "u1")
    erasure.erase(store, "u1")
    assert "u1" not in read(store, RowKind.PREDICTIONS, *EVER)["user_id"].to_pylist()
    assert len(read(store, RowKind.OUTCOMES, *EVER)) == 32


def test_nobody_is_no_user() -> None:
    with pytest.raises(ValueError, match="--user-id is empty"):
        Erase(user_id="")
