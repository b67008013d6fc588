"""The pictures in the pull request that promotes: diagrams that GitHub draws from text, so that nothing is hosted.

Names of columns, groups and categories may come from anybody: in a diagram only plain characters of them are left.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mlflow.entities.model_registry import ModelVersion

from contract.looks import Look, LooksAnswer
from contract.messages import Malformed
from contract.names import DRIFT_EVIDENCE, Tag
from loop.runtime.registry import Registry

MOST_GROUPS: Final = 20
"""Groups in a diagram: with more, none of them can be read."""
PLAIN: Final = frozenset(" .,:+-_=()/@")


def drift(registry: Registry, version: ModelVersion) -> list[str]:
    """What the training was started for, as lines of Markdown; none where the loop has left no evidence of it."""
    wanted = version.tags.get(Tag.DRIFT_EVIDENCE)
    if wanted is None or not version.run_id:
        return []
    with tempfile.TemporaryDirectory() as scratch:
        told = registry.download(f"runs:/{version.run_id}/{DRIFT_EVIDENCE}", Path(scratch)).read_bytes()
    found = LooksAnswer.parse(told)
    if hashlib.sha256(told).hexdigest() != wanted or isinstance(found, Malformed):
        return [
            "",
            f"**The evidence of the drift is not what the loop left there**: the tag `{Tag.DRIFT_EVIDENCE}` says so.",
        ]
    return [line for look in found.looks[:1] for line in _histogram(look)]


def slices(report: Mapping[str, Any]) -> list[str]:
    """How each group of rows was answered, beside production, as lines of Markdown; none where none was compared."""
    found: Any = report.get("slices", [])
    compared = [each for each in found if "candidate" in each and "production" in each][:MOST_GROUPS]
    if not compared:
        return []
    values = {side: [float(each[side]) for each in compared] for side in ("production", "candidate")}
    title = f"{compared[0]['metric']} by group: bars are production, the line is the candidate"
    left_out = len(found) - len(compared)
    more = [f"Groups that are only in the gate's report: {left_out}."] if left_out else []
    return [*_chart(title, [str(each["slice"]) for each in compared], values["production"], values["candidate"]), *more]


def _histogram(look: Look) -> Iterator[str]:
    if (found := look.histogram) is None:
        return
    title = f"{look.event.feature}: bars are the reference, the line is the window of {look.event.window.rows} rows"
    yield from _chart(title, found.bins, found.reference, found.window)


def _chart(title: str, names: Sequence[str], bars: Sequence[float], line: Sequence[float]) -> list[str]:
    places = ", ".join(f'"{_plain(name)}"' for name in names)
    lowest, highest = min(0.0, *bars, *line), max(0.0, *bars, *line)
    return [
        "",
        "```mermaid",
        "xychart-beta",
        f'    title "{_plain(title)}"',
        f"    x-axis [{places}]",
        f"    y-axis {lowest:.4g} --> {highest or 1:.4g}",
        f"    bar [{', '.join(f'{value:.4f}' for value in bars)}]",
        f"    line [{', '.join(f'{value:.4f}' for value in line)}]",
        "```",
    ]


def _plain(text: str) -> str:
    """Text in which the diagram's language finds nothing but a name."""
    return "".join(each if each.isalnum() or each in PLAIN else " " for each in text)[:90].strip() or "-"
