"""The report on the drift that started a training: at the run, readable by itself, and never in the way."""

import hashlib
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bench import Bench
from scipy.stats import kstwo

from contract.evidence import pack
from contract.looks import Histogram, Look, LooksAnswer
from contract.messages import DriftEvent, EventKind, Window
from contract.names import DRIFT_EVIDENCE, DRIFT_REPORT, Tag
from loop.training.drift_report import write

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENT = DriftEvent(
    id="0123456789abcdef" * 2,
    model="books",
    feature="price",
    distance=0.3,
    p_value=0.003,
    threshold=0.05,
    window=Window(start=AT, end=AT, rows=1000),
    reference_version="7",
    at=AT,
    effective_rows=900,
)
PRICE = Look(
    event=EVENT,
    smallest=0.125,
    histogram=Histogram(
        bins=("below 1.5", "1.5 and above", "(missing)"),
        edges=(1.5,),
        reference=(0.5, 0.5, 0.0),
        window=(0.8, 0.1, 0.1),
        reference_rows=2000,
    ),
    own_p_value=2e-8,
)
HOSTILE = "<script>alert(1)</script> $x^2$"
LABEL = replace(
    PRICE,
    event=replace(EVENT, feature=HOSTILE, kind=EventKind.QUALITY, reason="all rows have the value <b>"),
    histogram=Histogram(bins=(HOSTILE, "(others)"), edges=(), reference=(0.5, 0.5), window=(1.0, 0.0)),
)
DRIFT = {"TRIGGER": "drift", "FEATURE": "price", "P_VALUE": "0.003", "EVENT_ID": "e-17"}


def test_a_training_that_drift_has_started_leaves_a_report_that_its_version_vouches_for(
    bench: Bench, tmp_path: Path
) -> None:
    run_id = bench.run()
    assert bench.register(run_id, **DRIFT, EVIDENCE=pack([PRICE, LABEL], "price"))[0] == 0
    tags = bench.client.get_model_version(bench.model, "1").tags
    told = Path(bench.client.download_artifacts(run_id, DRIFT_EVIDENCE, str(tmp_path))).read_bytes()
    assert tags[Tag.DRIFT_EVIDENCE] == hashlib.sha256(told).hexdigest()
    experiment = bench.client.get_run(run_id).info.experiment_id
    assert tags[Tag.DRIFT_REPORT] == f"experiments/{experiment}/runs/{run_id}/artifacts/drift/report.html"
    assert LooksAnswer.parse(told) == LooksAnswer(model="books", looks=(PRICE, LABEL))
    page = Path(bench.client.download_artifacts(run_id, DRIFT_REPORT, str(tmp_path))).read_text("utf-8")
    assert f"{bench.model}-train-1" in page


@pytest.mark.parametrize("evidence", ["", "none", "bm8="])
def test_a_training_without_evidence_is_registered_all_the_same(
    bench: Bench, evidence: str, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = bench.run()
    with caplog.at_level(logging.WARNING):
        assert bench.register(run_id, **DRIFT, EVIDENCE=evidence)[0] == 0
    assert Tag.DRIFT_EVIDENCE not in bench.client.get_model_version(bench.model, "1").tags
    assert bench.client.list_artifacts(run_id, "drift") == []
    assert ("no evidence of drift" in caplog.text) == (evidence == "bm8=")


def test_the_page_says_what_each_adjustment_did_and_needs_no_other_file(tmp_path: Path) -> None:
    write(tmp_path, [PRICE, LABEL], "books-train-1")
    page = (tmp_path / "report.html").read_text("utf-8")
    plain = kstwo.sf(0.3, round(2000 * 1000 / 3000))
    assert f"as if all rows were independent</th><td>{plain:.3g}" in page
    assert "finite reference</th><td>2e-08" in page
    assert "looks of a year</th><td>0.003; drift below 0.05" in page
    assert page.count("data:image/png;base64,") == 2
    assert "<script>" not in page
    assert "all rows have the value &lt;b&gt;" in page
    assert [part for part in page.split('"') if part.startswith(("http", "//"))] == []


def test_each_column_has_a_picture_whatever_it_is_called(tmp_path: Path) -> None:
    write(tmp_path, [PRICE, LABEL, replace(PRICE, event=replace(EVENT, feature="*"), histogram=None)], "books-train-1")
    pictures = sorted(tmp_path.glob("*.png"))
    assert [each.name for each in pictures] == ["01-price.png", "02-script-alert-1-script-x-2.png"]
    assert {each.read_bytes()[:8] for each in pictures} == {b"\x89PNG\r\n\x1a\n"}
