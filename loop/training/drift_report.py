"""The report on the drift that has started a training: a page that needs nothing else, and a picture of each column.

It becomes artifacts of the run, before the version is registered: from then on nobody writes there.
"""

import base64
import hashlib
import io
import logging
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from mlflow.entities import RunInfo
from mlflow.exceptions import MlflowException

from contract.evidence import unpack
from contract.looks import Look, LooksAnswer
from contract.messages import Malformed
from contract.names import DRIFT_EVIDENCE, DRIFT_FOLDER, DRIFT_REPORT, Tag
from loop.drift.statistics import ks_p_value
from loop.runtime.registry import Registry, RegistryError

_log = logging.getLogger(__name__)

TEMPLATES: Final = Path(__file__).parent / "templates"
LONGEST_LABEL: Final = 24
"""Characters of a bin's label that a picture has room for."""


@dataclass(frozen=True, kw_only=True)
class DriftedColumn:
    """One column as the report shows it."""

    look: Look
    file: str
    """Name of its picture; empty: there is nothing to draw."""
    picture: bytes
    """PNG."""

    @property
    def embedded(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.picture).decode()

    @property
    def steps(self) -> list[tuple[str, float]]:
        """What each adjustment has made of the p-value, in its order."""
        event, histogram, found = self.look.event, self.look.histogram, list[tuple[str, float]]()
        if histogram and histogram.edges and histogram.reference_rows:
            plain = ks_p_value(event.distance, histogram.reference_rows, event.window.rows)
            found.append(("of the test alone, as if all rows were independent", float(plain)))
        if self.look.own_p_value is not None:
            found.append(("with dependent rows and a finite reference", self.look.own_p_value))
        found.append(("published: for all columns, and all looks of a year", event.p_value))
        return found


def keep(registry: Registry, run: RunInfo, workflow: str, evidence: str) -> dict[str, str]:
    """Leave the report at the run; the version's tags on it, or none.

    A report that cannot be made keeps no version from being registered.
    """
    looks = unpack(evidence)
    if isinstance(looks, Malformed):
        _log.warning("%s; there will be no report on the drift", looks.reason)
        return {}
    if not looks:
        return {}
    try:
        with tempfile.TemporaryDirectory() as scratch:
            told = write(Path(scratch), looks, workflow)
            registry.ask(lambda: registry.client.log_artifacts(run.run_id, scratch, DRIFT_FOLDER))
    except (MlflowException, RegistryError) as error:
        # A step that is tried again finds its version, and the folder closed with it.
        _log.warning("the report on the drift could not be left at run %s: %s", run.run_id, error)
        return {}
    shown = f"experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{DRIFT_REPORT}"
    return {Tag.DRIFT_EVIDENCE: hashlib.sha256(told).hexdigest(), Tag.DRIFT_REPORT: shown}


def write(folder: Path, looks: Sequence[Look], workflow: str) -> bytes:
    """The page, a picture for each column, and the same as data, which is returned.

    `looks` has the event's own column first.
    """
    columns = [_column(number, look) for number, look in enumerate(looks)]
    for column in columns:
        if column.file:
            (folder / column.file).write_bytes(column.picture)
    told = LooksAnswer(model=looks[0].event.model, looks=tuple(looks)).encode()
    (folder / Path(DRIFT_EVIDENCE).name).write_bytes(told)
    page = _templates().get_template("drift_report.html")
    (folder / Path(DRIFT_REPORT).name).write_text(page.render(columns=columns, workflow=workflow), encoding="utf-8")
    return told


def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _column(number: int, look: Look) -> DriftedColumn:
    if look.histogram is None:
        return DriftedColumn(look=look, file="", picture=b"")
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", look.event.feature).strip("-")[:60]
    return DriftedColumn(look=look, file=f"{number + 1:02}-{name or 'column'}.png", picture=_drawn(look))


def _drawn(look: Look) -> bytes:
    """The window beside the reference."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # a second to import, for trainings after drift alone

    histogram, event = look.histogram, look.event
    assert histogram is not None  # noqa: S101  # asked by the caller
    figure = Figure(figsize=(7.2, 3.2), dpi=100, layout="constrained")
    axes: Any = figure.subplots()
    places = range(len(histogram.bins))
    axes.bar(places, histogram.reference, width=0.86, color="#b9c4d0", label="reference")
    axes.stairs(
        histogram.window,
        [place - 0.5 for place in (*places, len(places))],
        color="#b3261e",
        linewidth=2,
        label="window",
    )
    axes.set_xticks(places, map(_short, histogram.bins), rotation=60, ha="right", fontsize=7, parse_math=False)
    axes.set_ylabel("share of rows")
    axes.set_title(
        f"{_short(event.feature)}: distance {event.distance:.3f}, p {event.p_value:.2g}", fontsize=10, parse_math=False
    )
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _short(text: str) -> str:
    """A name that may be of any length and hold anything, on one line."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
