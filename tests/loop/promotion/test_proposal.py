"""The text of a pull request that promotes, word for word, from versions in a real registry."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow_server import MlflowServer

from contract.looks import Histogram, Look, LooksAnswer
from contract.messages import DriftEvent, Window
from contract.names import DRIFT_EVIDENCE, Tag
from loop.__main__ import main
from loop.promotion.proposal import code

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DATA, ROWS = "d" * 64, "e" * 64
DRIFT = {Tag.TRIGGER: "drift:price", Tag.P_VALUE: "0.003", Tag.EVENT_ID: "e-17"}


class Shelf:
    """A registered model whose versions a test makes."""

    def __init__(self) -> None:
        self.client, self.model = MlflowClient(), f"books-{uuid.uuid4().hex[:8]}"
        self.client.create_registered_model(self.model)

    def add(self, *aliases: str, report: Mapping[str, object] | None = None, **tags: str) -> str:
        """A version that passed its gate; returns its run."""
        run_id = self.client.create_run("0").info.run_id
        numbers = {"metric": "auc", "candidate": 0.9, "minimum": 0.7, "data": ROWS, "reason": "well", **(report or {})}
        known = {
            Tag.GATE: "passed",
            Tag.GATE_REPORT: json.dumps(numbers),
            Tag.TRIGGER: "manual",
            Tag.DATA_FINGERPRINT: DATA,
            Tag.SOURCE_COMMIT: "0123abc",
            Tag.WORKFLOW: "books-train-x",
        }
        made = self.client.create_model_version(self.model, f"runs:/{run_id}/model", run_id, tags={**known, **tags})
        for alias in aliases:
            self.client.set_registered_model_alias(self.model, alias, made.version)
        return run_id


@pytest.fixture
def shelf(tracking: MlflowServer) -> Shelf:
    return Shelf()


def told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str]:
    """Exit code, and what was printed."""
    words = ["loop", "evidence", "--model", shelf.model, "--link", "https://mlflow.example.com/", *options]
    monkeypatch.setattr("sys.argv", words)
    capsys.readouterr()  # MLflow's client has said what it made
    status = main()
    printed = capsys.readouterr()
    return status, printed.err or printed.out


def test_a_version_that_drift_asked_for_is_proposed_with_all_its_evidence(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.add("production")
    compared = {"production": 0.875, "production_version": "1", "tolerance": 0}
    canary = {"ml-loop.canary.requests": "412", "ml-loop.canary.error-rate": "0.0024"}
    new = {Tag.DATA_FINGERPRINT: "f" * 64}
    run_id = shelf.add("staging", report=compared, **DRIFT, **canary, **new)
    assert told(shelf, monkeypatch, capsys) == (
        0,
        f"""\
# Promote {shelf.model} to version 2

Puts version 2 of `{shelf.model}` into production, in place of version 1.

| evidence | |
| --- | --- |
| Evaluation | `auc` 0.9000, minimum 0.7; version 1 in production 0.8750 on the same rows |
| Evaluated on | rows with SHA-256 `{ROWS}` |
| Canary | error-rate: `0.0024`; requests: `412` |
| Why it was trained | drift of `price`: adjusted p-value `0.003`, event `e-17` |
| Training data | SHA-256 `{"f" * 64}` |
| Source | `0123abc` |
| Workflow | `books-train-x` |
| MLflow | [version 2](https://mlflow.example.com/#/models/{shelf.model}/versions/2), run `{run_id}` |

Merging this lets `pulumi up` promote the version: it is watched, and taken back if it fails. \
Reverting the merge is the rollback.
""",
    )


def test_the_groups_and_the_drift_are_drawn_from_plain_text(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = [
        {"slice": 'region="]\n```', "rows": 80, "metric": "auc", "candidate": 0.9, "production": 0.8},
        {"slice": "region=b", "rows": 3, "metric": "auc", "unjudged": "3 rows, 50 are needed"},
    ]
    histogram = Histogram(bins=("below 1", "ünder%%{init}"), edges=(), reference=(0.25, 0.75), window=(0.5, 0.5))
    event = DriftEvent(
        id="0" * 32,
        model=shelf.model,
        feature="price",
        distance=0.25,
        p_value=0.003,
        threshold=0.05,
        window=Window(start=AT, end=AT, rows=1000),
        reference_version="1",
        at=AT,
    )
    told_of = LooksAnswer(model=shelf.model, looks=(Look(event=event, histogram=histogram),)).encode()
    tag = {Tag.DRIFT_EVIDENCE: hashlib.sha256(told_of).hexdigest()}
    run_id = shelf.add("staging", report={"slices": groups}, **DRIFT, **tag)
    shelf.client.log_text(run_id, told_of.decode(), DRIFT_EVIDENCE)
    _, text = told(shelf, monkeypatch, capsys)
    assert (
        text.partition("\n\n```mermaid\n")[2].partition("\n\nMerging")[0]
        == """\
xychart-beta
    title "auc by group: bars are production, the line is the candidate"
    x-axis ["region="]
    y-axis 0 --> 0.9
    bar [0.8000]
    line [0.9000]
```
Groups that are only in the gate's report: 1.

```mermaid
xychart-beta
    title "price: bars are the reference, the line is the window of 1000 rows"
    x-axis ["below 1", "ünder   init"]
    y-axis 0 --> 0.75
    bar [0.2500, 0.7500]
    line [0.5000, 0.5000]
```"""
    )
    shelf.client.log_text(run_id, told_of.decode().replace("0.25", "0.01"), DRIFT_EVIDENCE)
    assert "**The evidence of the drift is not what the loop left there**" in told(shelf, monkeypatch, capsys)[1]


def test_the_first_version_is_proposed_without_a_comparison_and_without_canary_numbers(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.add("staging")
    status, text = told(shelf, monkeypatch, capsys)
    lines = text.splitlines()
    assert (status, lines[2]) == (0, f"Puts version 1 of `{shelf.model}` into production, the first one.")
    assert "| Evaluation | `auc` 0.9000, minimum 0.7 |" in lines
    assert "| Canary | no numbers on the version |" in lines
    assert "| Why it was trained | `manual` |" in lines


def test_each_metric_of_the_gate_is_evidence(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {"metric": "auc", "candidate": 0.9, "minimum": 0.7, "production": 0.875}
    second = {"metric": "rmse", "candidate": 3.0, "maximum": 3.5, "production": 3.2}
    shelf.add("production")
    shelf.add("staging", report={"metrics": [first, second], "production_version": "1"})
    assert (
        "| Evaluation | `auc` 0.9000, minimum 0.7; version 1 in production 0.8750 on the same rows; "
        "`rmse` 3.0000, maximum 3.5; version 1 in production 3.2000 on the same rows |"
    ) in told(shelf, monkeypatch, capsys)[1].splitlines()


def test_a_comparison_with_a_version_that_has_left_production_is_said_to_be_one(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.add()
    shelf.add("production")
    shelf.add("staging", report={"production": 0.875, "production_version": "1"})
    assert (
        "| Evaluation | `auc` 0.9000, minimum 0.7; version 1 in production 0.8750 on the same rows; "
        "**not compared with version 2, which is in production now** |"
    ) in told(shelf, monkeypatch, capsys)[1].splitlines()


@pytest.mark.parametrize(
    ("aliases", "tags", "reason"),
    [
        (("production", "staging"), {}, "version 1 is in production already"),
        (("production",), {}, "no version is staging"),
        (
            ("staging",),
            {Tag.PROMOTED: "2026-01-02T03:04:05+00:00"},
            (
                "version 1 was in production from 2026-01-02T03:04:05+00:00 on, until a human took it back: "
                "whoever wants it again writes its number into the settings"
            ),
        ),
        (("staging",), {Tag.REJECTED: "2 of 90 requests failed"}, "version 1 was rejected: 2 of 90 requests failed"),
    ],
)
def test_where_nothing_is_to_be_proposed_the_reason_is_told_and_no_file_is_written(
    aliases: tuple[str, ...],
    tags: dict[str, Any],
    reason: str,
    *,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    shelf.add(*aliases, **tags)
    printed = (0, f"{shelf.model}: nothing to propose, as {reason}\n")
    assert told(shelf, monkeypatch, capsys, "--output", str(tmp_path)) == printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({}, "; **the same data and code as version 1, which is in production**"),
        ({Tag.SOURCE_COMMIT: "9"}, "; **the same data as version 1, which is in production**"),
        (
            {Tag.SOURCE_COMMIT: "9", Tag.MODEL_DIGEST: "a"},
            "; **the same data and model as version 1, which is in production**",
        ),
        ({Tag.DATA_FINGERPRINT: "9"}, ""),
    ],
)
def test_whoever_approves_is_told_that_nothing_new_was_learnt(
    tags: dict[str, Any],
    said: str,
    *,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    digest: dict[str, Any] = {Tag.MODEL_DIGEST: "a"}
    shelf.add("production", **digest)
    shelf.add("staging", **tags)
    data = tags.get(Tag.DATA_FINGERPRINT, DATA)
    assert f"| Training data | SHA-256 `{data}`{said} |" in told(shelf, monkeypatch, capsys)[1].splitlines()


def test_a_version_that_failed_its_gate_is_not_proposed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rejected: dict[str, Any] = {Tag.GATE: "rejected"}
    shelf.add(**rejected)
    sentence = f"version 1 of {shelf.model} must have passed its gate: its tag ml-loop.gate is rejected"
    assert told(shelf, monkeypatch, capsys, "--version", "1") == (1, f"error: {sentence}\n")


def test_a_version_that_is_not_there_is_told_so(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tracking: MlflowServer
) -> None:
    sentence = f"model {shelf.model} has no version 9 in the registry at {tracking.url}"
    assert told(shelf, monkeypatch, capsys, "--version", "9") == (1, f"error: {sentence}\n")


def test_the_pull_request_s_parts_are_files_for_whoever_opens_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shelf.add("staging")
    assert told(shelf, monkeypatch, capsys, "--output", str(tmp_path / "pr")) == (0, "")
    files = {file.name: file.read_text() for file in (tmp_path / "pr").iterdir()}
    assert (files["version"], files["title"]) == ("1", f"Promote {shelf.model} to version 1")
    assert files["body.md"].startswith(f"Puts version 1 of `{shelf.model}` into production, the first one.\n")
    assert len(files) == 3


def test_what_a_tag_holds_is_shown_and_never_interpreted() -> None:
    assert code("a`b | [c](http://x)\n@all") == "`a b [c](http://x) @all`"
