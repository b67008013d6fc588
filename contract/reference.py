"""`docs/metrics.md`: every metric of the loop's own programs, written from `contract.metrics`.

`python -m contract.reference` writes it, `--check` compares.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract import metrics
from contract.metrics import Metric

PAGE: Final = Path(__file__).parent.parent / "docs" / "metrics.md"
PREFACE: Final = """# Metrics

What the loop's own programs count, with the help texts that they export. Written by `make schema` from
`contract/metrics.py`; not edited by hand. Which pods Prometheus reads, and the labels that it adds (`namespace`; for
model servers also `model` and `slot`): [observability](observability.md#what-is-read).
"""
SECTIONS: Final[Sequence[tuple[str, str, Sequence[Metric]]]] = (
    ("Model servers", "Port 8080, beside KServe's own ([serving](serving.md)).", metrics.SERVING),
    ("Drift detectors", "Port 9090 ([drift](drift.md)).", metrics.DRIFT),
    ("Aliases", "Port 9090 of `<model>-aliases` ([promotion](promotion.md#moved-by-hand)).", metrics.ALIASES),
    ("MLflow", "Port 5001 of its servers ([identities](identities.md#what-a-refusal-looks-like)).", metrics.TRACKING),
    (
        "Workflows",
        "Counted by Argo Workflows' controller, port 9090 ([observability](observability.md#what-is-read)).",
        metrics.WORKFLOWS,
    ),
)


def page() -> str:
    """The whole page."""
    return PREFACE + "".join(_section(*section) for section in SECTIONS)


def _section(title: str, where: str, of: Sequence[Metric]) -> str:
    head = "| metric | kind | labels | help |\n| --- | --- | --- | --- |"
    return f"\n## {title}\n\n{where}\n\n{head}\n" + "".join(f"{_row(metric)}\n" for metric in of)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind, labels, metric.help.removesuffix("."))
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m contract.reference", description="Write docs/metrics.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        print(f"{PAGE.name} is not current; run: make schema", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
