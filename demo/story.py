"""The story in numbers: the answers, read back from the record, and those that two other ways would have given.

"Never retrained": the version that production began with, loaded from MLflow, answers every row of the record.
"Monthly": each month a model is trained on the rows that the loop would have trained on then, and answers from the next
step on if it is not worse on the held-out rows, as for the gate.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import mlflow
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from demo.state import MONTH, Play
from examples.employment import data
from examples.employment.train import fit
from loop.outcomes import join, measures
from loop.outcomes.archive import RowKind
from loop.runtime.objects import ObjectFolder

RECENT: Final = 10
"""Steps whose rows a training of `monthly` learns from: those of the loop's two minutes."""
PHASES: Final = ("before", "shift, until trained", "shift, after", "after")
WAYS: Final = ("never retrained", "monthly", "the loop")


def recorded(record: ObjectFolder, play: Play) -> pd.DataFrame:
    """What the record holds of a play: a line for each prediction that has its outcome."""
    since = datetime.fromtimestamp(play.steps[0].began, UTC) - timedelta(minutes=5)
    until = datetime.now(UTC) + timedelta(minutes=1)
    asked, said = (join.read(record, kind, since, until) for kind in (RowKind.PREDICTIONS, RowKind.OUTCOMES))
    rows = pd.DataFrame(join.joined(asked, said))
    rows = rows[rows["id"].str.startswith(f"{play.tag}-") & rows["outcome"].notna()].reset_index(drop=True)
    features = pd.DataFrame([json.loads(each) for each in rows["features"]], columns=data.FEATURES)
    found = {
        "step": rows["id"].str.removeprefix(f"{play.tag}-").str[:3].astype(int),
        "version": rows["version"],
        "the loop": [json.loads(each)[-1] for each in rows["predictions"]],
        data.LABEL: [int(json.loads(each)) for each in rows["outcome"]],
    }
    return pd.concat([features, pd.DataFrame(found)], axis=1)


def counterfactual(rows: pd.DataFrame, play: Play, model: str) -> pd.DataFrame:
    """The same lines, with the answers of the other ways."""
    first: Any = mlflow.pyfunc.load_model(f"models:/{model}/{play.served}")
    never = np.asarray(first.predict(rows[data.FEATURES]))[:, 1]
    monthly, serving = np.array(never), Answering(lambda some: np.asarray(first.predict(some[data.FEATURES]))[:, 1])
    for step in sorted(rows["step"].unique()):
        now = (rows["step"] == step).to_numpy()
        monthly[now] = serving.answer(rows[now])
        if (step + 1) % MONTH == 0:
            known = rows[(rows["step"] < step) & (rows["step"] >= step - RECENT)]
            cut = len(known) - len(known) // 5
            candidate = Answering(_scores(fit(known[:cut])))
            serving = max(serving, candidate, key=lambda each: each.auc(known[cut:]))
    return rows.assign(**{"never retrained": never, "monthly": monthly})


@dataclass(frozen=True)
class Answering:
    """A model, by its answers to rows."""

    answer: Callable[[pd.DataFrame], NDArray[np.float64]]

    def auc(self, rows: pd.DataFrame) -> float:
        return float(roc_auc_score(rows[data.LABEL], self.answer(rows)))


def _scores(model: Pipeline) -> Callable[[pd.DataFrame], NDArray[np.float64]]:
    def answer(rows: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(model.predict_proba(rows[data.FEATURES]), np.float64)[:, 1]

    return answer


def phase(play: Play) -> Mapping[int, str]:
    """The phase of each step: most of its people live in group quarters, or it is before or after those."""
    shift = [each.number for each in play.steps if each.in_group_quarters > 0.5]
    first, last = min(shift), max(shift)
    trained = play.trained_after if play.trained_after is not None else last
    names: dict[int, str] = {}
    for each in play.steps:
        during = PHASES[1] if each.number <= trained else PHASES[2]
        names[each.number] = PHASES[0] if each.number < first else PHASES[3] if each.number > last else during
    return names


@dataclass(frozen=True)
class Cell:
    """An AUC with its standard error; None where there are too few rows."""

    found: measures.Measurement | None

    def __str__(self) -> str:
        return "-" if self.found is None else f"{self.found.value:.3f} ± {self.found.error:.3f}"


def by_way(rows: pd.DataFrame, play: Play) -> dict[str, pd.DataFrame]:
    """Way → its rows, with what it answered. A version that waits has a share of the requests, and is told apart."""
    ways = {each: rows.assign(answer=rows[each]) for each in WAYS}
    if play.proposed and not play.approved:
        answered = ways["the loop"]
        waits = answered["version"] == play.proposed
        ways["the loop"], ways[waiting(play)] = answered[~waits], answered[waits]
    return ways


def waiting(play: Play) -> str:
    return f"version {play.proposed}, which waits"


def table(rows: pd.DataFrame, play: Play) -> list[list[str]]:
    """Lines of words: a head, and one for each way."""
    in_phase = rows["step"].map(dict(phase(play)))
    lines = [["", *PHASES]]
    for name, own in by_way(rows, play).items():
        cells = [own[in_phase.loc[own.index] == each] for each in PHASES]
        lines.append([name, *(str(Cell(measures.measure("auc", *_pair(each)))) for each in cells)])
    return lines


def by_step(rows: pd.DataFrame, play: Play) -> pd.DataFrame:
    """AUC of each way, by step; not a number where a way has not answered."""
    found = {
        way: {step: float(roc_auc_score(*_pair(each))) for step, each in own.groupby("step")}
        for way, own in by_way(rows, play).items()
    }
    return pd.DataFrame(found).sort_index()


def shown(lines: list[list[str]]) -> str:
    """As text, in columns."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _pair(rows: pd.DataFrame) -> tuple[Any, Any]:
    return rows[data.LABEL].to_numpy(dtype=float), rows["answer"].to_numpy(dtype=float)
