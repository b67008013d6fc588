"""The rows of a training: all that have an outcome in time, the newest held out, the same whoever asks again."""

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from contract.messages import Prediction, Scalar
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcome_commands import Freeze
from contract.outcomes import ObservedOutcome
from contract.training_data import Manifest
from loop.outcomes import erasure
from loop.outcomes.archive import RowKind, files, row
from loop.outcomes.freezing import freeze
from loop.runtime.objects import ObjectFolder, folder

NOW = datetime(2026, 11, 20, tzinfo=UTC)
GIVEN = Freeze(model="m", recent=timedelta(days=10), delay=timedelta(days=1), min_rows=50)


def names(version: str) -> Sequence[str] | None:
    return {"1": ["age", "sex"], "2": ["sex"]}.get(version)


def say(
    store: ObjectFolder, topic: str, kind: RowKind, start: int, messages: Sequence[Prediction | ObservedOutcome]
) -> None:
    found = [row(kind, each.encode(), "m") for each in messages]
    rows = [
        each | {"kafka_partition": 0, "kafka_offset": start + n}
        for n, each in enumerate(found)
        if isinstance(each, dict)
    ]
    for name, data in files(topic, 0, start, rows):
        store.put(name, data)


def asked(number: int, count: int = 100, version: str = "1") -> Prediction:
    features: list[Scalar] = [number, "f"] if version != "2" else ["m"]
    at = NOW - timedelta(days=5) + number * timedelta(days=4) / count
    return Prediction(
        model="m",
        version=version,
        features=features,
        predictions=[0.5],
        at=at,
        id=f"r{number}/0",
        user_id=f"u{number % 2}",
    )


def record(root: Path, count: int = 100) -> ObjectFolder:
    store = folder(root.as_uri())
    predictions = [asked(n, count) for n in range(count)]
    say(store, PREDICTIONS_TOPIC, RowKind.PREDICTIONS, 0, predictions)
    outcomes = [ObservedOutcome(id=each.id, model="m", outcome=n % 2, at=each.at) for n, each in enumerate(predictions)]
    say(store, OUTCOMES_TOPIC, RowKind.OUTCOMES, 0, outcomes)
    return store


def rows(store: ObjectFolder, name: str, uid: str = "w") -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(store.get(f"trainings/{uid}/{name}.parquet")))


def test_the_newest_fifth_is_held_out_and_the_manifest_names_both_files_by_their_hashes(tmp_path: Path) -> None:
    store = record(tmp_path)
    manifest = freeze(store, GIVEN, "w", names, NOW)
    train, held_out = rows(store, "train"), rows(store, "held_out")
    assert list(train["age"]) == list(range(80))
    assert list(held_out["age"]) == list(range(80, 100))
    assert list(train.columns) == ["age", "sex", "@id", "@asked_at", "@version", "@outcome"]
    assert list(train["@outcome"][:3]) == [0, 1, 0]
    for name, part in manifest.parts.items():
        assert hashlib.sha256(store.get(f"trainings/w/{name}.parquet")).hexdigest() == part.sha256
    assert manifest.sentence(50).startswith("80 rows to train on and the 20 newest held out, since 2026-11-10")
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_what_is_recorded_later_is_the_next_training_s(tmp_path: Path) -> None:
    store = record(tmp_path)
    first = freeze(store, GIVEN, "w", names, NOW)
    say(
        store, OUTCOMES_TOPIC, RowKind.OUTCOMES, 500, [ObservedOutcome(id="r0/0", model="m", outcome=1, at=asked(0).at)]
    )
    assert freeze(store, GIVEN, "w", names, NOW + timedelta(hours=1)) == first
    assert rows(store, "train")["@outcome"][0] == 0
    freeze(store, GIVEN, "later", names, NOW + timedelta(hours=1))
    assert rows(store, "train", "later")["@outcome"][0] == 1


def test_rows_without_an_outcome_in_time_and_of_versions_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    store = record(tmp_path)
    odd = [asked(200 + n, version=version) for n, version in enumerate(("1", "1", "2", "9"))]
    say(store, PREDICTIONS_TOPIC, RowKind.PREDICTIONS, 1000, odd)
    late = odd[1].at + GIVEN.delay + timedelta(seconds=1)
    said = [
        ObservedOutcome(id=each.id, model="m", outcome=1, at=at)
        for each, at in zip(odd[1:], (late, odd[2].at, odd[3].at), strict=True)
    ]
    say(store, OUTCOMES_TOPIC, RowKind.OUTCOMES, 1000, said)
    now = NOW + timedelta(days=9)
    freeze(store, Freeze(model="m", recent=timedelta(days=30), delay=GIVEN.delay, min_rows=50), "w", names, now)
    found = pd.concat([rows(store, "train"), rows(store, "held_out")])
    assert len(found) == 101
    assert found["sex"].iloc[-1] == "m"
    assert pd.isna(found["age"].iloc[-1])


def test_too_few_rows_are_not_learned_from(tmp_path: Path) -> None:
    store = record(tmp_path, 49)
    manifest = freeze(store, GIVEN, "w", names, NOW)
    assert list(store.names("trainings/")) == ["trainings/w/manifest.json"]
    assert manifest.sentence(50) == (
        "fewer than 50 rows since 2026-11-10T00:00:00.000Z have an outcome: the earlier data is used"
    )


def test_an_erased_user_leaves_the_rows_of_trainings_too(tmp_path: Path) -> None:
    store = record(tmp_path)
    freeze(store, GIVEN, "w", names, NOW)
    assert erasure.erase(store, "u1") == (50, 50, 50, ("w",))
    assert set(rows(store, "train")["age"] % 2) == {0}
