"""What the docs say about the contract's names, written from the code: `docs/metrics.md`, a table of the training
contract.

`python -m contract.reference` writes both, `--check` compares.
"""

import argparse
import ast
import inspect
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Final

from contract import metrics
from contract.metrics import Metric
from contract.names import Env

DOCS: Final = Path(__file__).parent.parent / "docs"
PAGE: Final = DOCS / "metrics.md"
CONTRACT: Final = DOCS / "training-contract.md"
BEGIN: Final = "<!-- Written by `make schema` from contract/names.py; not edited by hand. -->\n"
END: Final = "<!-- End of what is written. -->\n"
PREFACE: Final = """# Metrics

What the loop's own programs count, with the help texts that they export. Written by `make schema` from
`contract/metrics.py`; not edited by hand. Which pods Prometheus reads, and the labels that it adds (`namespace`; for
model servers also `model` and `slot`): [observability](observability.md#what-is-read).
"""
SECTIONS: Final[Sequence[tuple[str, str, Sequence[Metric]]]] = (
    ("Model servers", "Port 8080, beside KServe's own ([serving](serving.md)).", metrics.SERVING),
    ("Drift detectors", "Port 9090 ([drift](drift.md)).", metrics.DRIFT),
    ("Outcomes", "Port 9090 of `outcomes` ([outcomes](outcomes.md)).", metrics.OUTCOMES),
    ("Aliases", "Port 9090 of `<model>-aliases` ([promotion](promotion.md#moved-by-hand)).", metrics.ALIASES),
    ("MLflow", "Port 5001 of its servers ([identities](identities.md#what-a-refusal-looks-like)).", metrics.TRACKING),
    (
        "Workflows",
        "Counted by Argo Workflows' controller, port 9090 ([observability](observability.md#what-is-read)).",
        metrics.WORKFLOWS,
    ),
)
COMMANDS: Final[Mapping[str, str]] = {
    "MLFLOW_TRACKING_URI": "both",
    "MLFLOW_EXPERIMENT_NAME": "train",
    Env.MODEL: "both",
    Env.DATA_URI: "both",
    Env.PARAMETERS: "both",
    Env.OUTPUT: "both",
    Env.MODEL_URI: "evaluate",
}
"""Variables → the user's commands that find them."""
MLFLOW: Final[Mapping[str, str]] = {
    "MLFLOW_TRACKING_URI": "The MLflow server",
    "MLFLOW_EXPERIMENT_NAME": "The model's name, unless the pod sets another",
}
"""What MLflow's own variables hold."""


def page() -> str:
    """The whole page of metrics."""
    return PREFACE + "".join(_section(*section) for section in SECTIONS)


def contract(current: str) -> str:
    """The training contract with its table of variables written anew. Raises ValueError without the table's place."""
    before, begun, rest = current.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{CONTRACT.name} must hold the lines {BEGIN.strip()!r} and {END.strip()!r}: put them back")
    return before + BEGIN + variables() + END + after


def variables() -> str:
    """The table of what the user's commands find in their environment."""
    holds = described(Env) | MLFLOW
    rows = (f"| `{name}` | {where} | {holds[str(name)]} |\n" for name, where in COMMANDS.items())
    return "| variable | in | holds |\n| --- | --- | --- |\n" + "".join(rows)


def described(names: type[StrEnum]) -> dict[str, str]:
    """Value of each member → its docstring, without the full stop. Raises KeyError for a member without a text."""
    texts: dict[str, str] = {}
    body = [node for top in ast.parse(inspect.getsource(names)).body for node in ast.iter_child_nodes(top)]
    for member, text in pairwise(body):
        match member, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(said))):
                texts[name] = inspect.cleandoc(said).removesuffix(".")
            case _:
                pass
    return {member.value: texts[member.name] for member in names}


def _section(title: str, where: str, of: Sequence[Metric]) -> str:
    head = "| metric | kind | labels | help |\n| --- | --- | --- | --- |"
    return f"\n## {title}\n\n{where}\n\n{head}\n" + "".join(f"{_row(metric)}\n" for metric in of)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind, labels, metric.help.removesuffix("."))
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Writes both, or says which of them is not current."""
    parser = argparse.ArgumentParser(
        prog="python -m contract.reference", description="Write docs/metrics.md and the training contract's table."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    checking = parser.parse_args().check
    read = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in (PAGE, CONTRACT)}
    current = {PAGE: page(), CONTRACT: contract(read[CONTRACT])}
    stale = [path for path, text in current.items() if read[path] != text]
    for path in stale:
        if checking:
            print(f"{path.name} is not current; run: make schema", file=sys.stderr)
        else:
            path.write_text(current[path], encoding="utf-8")
    return 1 if checking and stale else 0


if __name__ == "__main__":
    sys.exit(main())
