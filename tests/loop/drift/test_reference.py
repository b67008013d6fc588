"""References from a real MLflow server, and every way in which one can be unusable."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from mlflow_server import MlflowServer
from sklearn.linear_model import LinearRegression

from contract.drift import DriftReference
from contract.names import Tag
from loop.drift.columns import Columns, Kind
from loop.drift.reference import BadReferenceError, parse, season_of
from loop.drift.watcher import Watcher
from loop.runtime.digests import digest

ROWS = "age,price\n" + "1,2.5\n" * 30


def register(model: str, **files: str) -> str:
    """A version of `model` whose run keeps these files; returns the version."""
    client = MlflowClient()
    with mlflow.start_run() as run:
        for name, text in files.items():
            mlflow.log_text(text, f"reference/{name}.csv")
    if not client.search_registered_models(f"name = '{model}'"):
        client.create_registered_model(model)
    return str(client.create_model_version(model, f"runs:/{run.info.run_id}/model", run.info.run_id).version)


def test_production_is_the_reference_and_staging_before_there_is_one(tracking: MlflowServer) -> None:
    client, watcher = MlflowClient(), Watcher(MlflowClient(), "drift-alias", ("price",))
    watcher.refresh()
    assert watcher.no_version
    assert watcher.problem == "drift-alias has no version in production or staging yet"

    first, second = register("drift-alias", window=ROWS), register("drift-alias", window=ROWS)
    watcher.refresh()
    assert watcher.reference is None

    client.set_registered_model_alias("drift-alias", "staging", second)
    watcher.refresh()
    assert watcher.reference is not None
    assert watcher.reference.version == second
    client.set_registered_model_alias("drift-alias", "production", first)
    watcher.refresh()
    assert (watcher.reference.version, list(watcher.reference.columns.kinds), watcher.problem) == (
        first,
        ["age", "price"],
        "",
    )
    assert watcher.aliases == {"staging": second, "production": first}
    np.testing.assert_array_equal(watcher.reference.rows["window"][0], np.full(30, 2.5))


def test_a_newer_version_in_staging_waits_and_an_older_one_does_not(
    tracking: MlflowServer, caplog: pytest.LogCaptureFixture
) -> None:
    client, watcher = MlflowClient(), Watcher(MlflowClient(), "drift-waits", ("price",))
    versions = [register("drift-waits", **{name: ROWS}) for name in ("window", "window", "window", "other")]

    def at_hand(production: str, staging: str) -> tuple[str | None, str | None]:
        client.set_registered_model_alias("drift-waits", "production", production)
        client.set_registered_model_alias("drift-waits", "staging", staging)
        watcher.refresh()
        found = watcher.reference, watcher.waiting
        return found[0] and found[0].version, found[1] and found[1].version

    first, second, third, bad = versions
    assert at_hand(first, second) == (first, second)
    waited = watcher.waiting
    assert at_hand(second, second) == (second, None)
    assert watcher.reference is waited, "what waited is not downloaded again"
    assert at_hand(second, third) == (second, third)
    assert at_hand(second, first) == (second, None)
    for _ in range(2):
        assert at_hand(second, bad) == (second, None)
    assert watcher.problem == ""
    assert caplog.text.count(f"no drift is known to version {bad} in staging") == 1


def test_the_last_reference_stays_when_the_next_one_cannot_be_used_and_the_reason_is_said(
    tracking: MlflowServer,
) -> None:
    client, watcher = MlflowClient(), Watcher(MlflowClient(), "drift-bad", ("price",))
    good = register("drift-bad", window=ROWS)
    client.set_registered_model_alias("drift-bad", "production", good)
    watcher.refresh()
    bad = register("drift-bad", other=ROWS)
    client.set_registered_model_alias("drift-bad", "production", bad)
    watcher.refresh()
    assert watcher.reference is not None
    assert watcher.reference.version == good
    expected = f"Version {bad} has no reference/window.csv; its training must log the rows it learned from."
    assert watcher.problem == expected


def bound(model: str, tracking: MlflowServer, **files: str) -> tuple[str, Path]:
    """A version registered with the digest of its reference, which is then in production, and where that lies."""
    client = MlflowClient()
    version = register(model, **files)
    run_id = str(client.get_model_version(model, version).run_id)
    (kept,) = (tracking.folder / "artifacts").glob(f"**/{run_id}/artifacts/reference")
    client.set_model_version_tag(model, version, Tag.REFERENCE_DIGEST, digest(kept))
    client.set_registered_model_alias(model, "production", version)
    return version, kept


def test_a_reference_of_the_version_s_digest_is_compared_with(tracking: MlflowServer) -> None:
    version, _ = bound("drift-bound", tracking, window=ROWS, **{"month-12": ROWS})
    watcher = Watcher(MlflowClient(), "drift-bound", ("price",))
    watcher.refresh()
    assert watcher.reference is not None
    assert (watcher.reference.version, watcher.problem) == (version, "")


@pytest.mark.parametrize("name", ["window.csv", "month-01.csv"], ids=["replaced", "added"])
def test_another_reference_than_the_version_was_registered_with_is_never_compared_with(
    tracking: MlflowServer, name: str
) -> None:
    model = f"drift-{name}"
    version, kept = bound(model, tracking, window=ROWS)
    (kept / name).write_text(ROWS.replace("2.5", "9"))
    watcher = Watcher(MlflowClient(), model, ("price",))
    watcher.refresh()
    assert watcher.reference is None
    assert not watcher.no_version
    assert watcher.problem.startswith(
        f"Version {version} is not compared with: the files of its reference in the store are not those it was "
        "registered with: their SHA-256 is "
    )
    assert watcher.columns(version) is None


def test_a_reference_that_is_gone_is_not_the_version_s(tracking: MlflowServer) -> None:
    _, kept = bound("drift-gone", tracking, window=ROWS)
    shutil.rmtree(kept)
    watcher = Watcher(MlflowClient(), "drift-gone", ("price",))
    watcher.refresh()
    assert watcher.reference is None
    assert "are not those it was registered with" in watcher.problem


def test_the_last_reference_stays_when_mlflow_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    watcher = Watcher(MlflowClient("http://127.0.0.1:9"), "m", ("price",))
    watcher.reference = parse("3", {"window": ROWS}, ("price",))
    watcher.refresh()
    assert watcher.reference.version == "3"
    assert watcher.problem.startswith("MLflow cannot be asked: ")
    assert not watcher.no_version
    assert watcher.aliases is None


def test_a_season_has_its_own_reference_and_training_stands_in_for_one_that_is_missing(tracking: MlflowServer) -> None:
    version = register("drift-seasons", window=ROWS, **{"month-12": ROWS.replace("2.5", "9")})
    MlflowClient().set_registered_model_alias("drift-seasons", "production", version)
    watcher = Watcher(MlflowClient(), "drift-seasons", ("price",))
    watcher.refresh()
    assert watcher.reference is not None
    assert watcher.reference.season("month-12") == "month-12"
    assert watcher.reference.rows["month-12"][0][0] == 9
    assert watcher.reference.season("month-01") == "window"


def test_seasons_are_in_utc() -> None:
    moment = datetime.fromisoformat("2026-12-31T23:30:00-05:00").timestamp()  # New Year's day in UTC, a Friday
    assert datetime.fromtimestamp(moment, UTC).day == 1
    assert season_of(moment, DriftReference.MONTHLY) == "month-01"
    assert season_of(moment, DriftReference.WEEKLY) == "weekday-5"
    assert season_of(moment, DriftReference.TRAINING) == "window"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"window": "age\n1\n"}, "The reference window.csv of version 3 has no column 'price'; it has age."),
        ({"window": ""}, "The reference window.csv of version 3 has no column 'price'; it has none."),
        (
            {"window": "age,price\n1,2\n"},
            "The reference window.csv of version 3 needs at least 30 rows; it has 1.",
        ),
        (
            {"window": ROWS + "1,inf\n"},
            (
                "The reference window.csv of version 3 holds what is not a number in the watched column 'price': "
                "inf is not finite."
            ),
        ),
        (
            {"window": ROWS + "1,red\n"},
            (
                "The reference window.csv of version 3 holds what is not a number in the watched column 'price': "
                "could not convert string to float: 'red'."
            ),
        ),
        (
            {"window": ROWS.replace("2.5", "")},
            "The reference window.csv of version 3 has no value at all in the column 'price': do not watch it.",
        ),
        (
            {"window": ROWS, "month-01": ROWS.replace("age,price", "price,age")},
            (
                "The reference month-01.csv of version 3 has different columns from reference/window.csv; "
                "give both the same header."
            ),
        ),
    ],
)
def test_a_reference_that_cannot_be_used_says_why(files: dict[str, str], why: str) -> None:
    with pytest.raises(BadReferenceError) as error:
        parse("3", files, ("price",))
    assert str(error.value) == why


def test_a_reference_may_have_rows_without_a_value() -> None:
    rows = parse("3", {"window": ROWS + "1,\n1,nan\n"}, ("price",)).rows["window"]
    assert int(np.isnan(rows[0]).sum()) == 2


def test_columns_are_those_of_the_signature_and_of_the_reference_where_there_is_none(tracking: MlflowServer) -> None:
    client = MlflowClient()
    plain = register("drift-columns", window=ROWS)
    frame = pd.DataFrame({"price": np.ones(2, np.float32), "color": ["red", "blue"], "new": [True, False]})
    signature = infer_signature(frame, np.ones(2))
    with mlflow.start_run() as run:
        logged = log_model(LinearRegression(), name="model", signature=signature, pip_requirements=[])
        mlflow.log_text("price,color,new\n" + "1,red,True\n" * 30, "reference/window.csv")
    source = f"models:/{logged.model_id}"
    signed = client.create_model_version("drift-columns", source, run.info.run_id, model_id=logged.model_id).version

    client.set_registered_model_alias("drift-columns", "production", plain)
    watcher = Watcher(client, "drift-columns", ("price",))
    watcher.refresh()
    assert watcher.columns(plain) == Columns.numbers(("age", "price"))
    kinds = {"price": Kind.SINGLE, "color": Kind.TEXT, "new": Kind.BOOLEAN}
    assert watcher.columns(str(signed)) == Columns(kinds)
    assert watcher.columns("99") is None

    client.set_registered_model_alias("drift-columns", "production", str(signed))
    watcher.refresh()
    assert watcher.reference is not None
    assert watcher.reference.columns == Columns(kinds)
