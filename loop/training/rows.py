"""The evaluated rows: what an evaluate command may leave for each row that it measured on, so that differences can be
told from chance.

One line for each row, the same rows in the same order for every model. A metric is the mean of the column of its name,
or one of `SCORES` of the columns `outcome` and `prediction`. All other columns are groups that the gate may slice by.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from contract.names import EVALUATED_ROWS, Env
from loop.training.step import TrainingError

OUTCOME: Final = "outcome"
PREDICTION: Final = "prediction"
MOST: Final = 200_000
"""The most rows, as the gate draws them again a thousand times."""
AGREES: Final = 1e-4
"""How far a metric may be from what its rows say, as a share of the metric."""


def auc(outcome: Any, prediction: Any) -> float:
    """The area under the ROC curve by ranks; scikit-learn's own takes twenty times as long, and is asked thousands of
    times. Raises ValueError for other than two outcomes."""
    from scipy import stats  # noqa: PLC0415  # half a second, which a gate without rows saves

    negative, positive = np.unique(outcome)
    ones = int(np.sum(outcome == positive))
    ranks = stats.rankdata(prediction)[outcome == positive]
    return float((ranks.sum() - ones * (ones + 1) / 2) / (ones * np.sum(outcome == negative)))


def _sklearn(name: str) -> Callable[[Any, Any], Any]:
    """scikit-learn's score of this name, which is imported when it is first asked for."""

    def score(outcome: Any, prediction: Any) -> Any:
        from sklearn import metrics  # noqa: PLC0415  # as above

        return getattr(metrics, name)(outcome, prediction)

    return score


SCORES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "auc": auc,
    "roc_auc": auc,
    "average_precision": _sklearn("average_precision_score"),
    "accuracy": _sklearn("accuracy_score"),
    "balanced_accuracy": _sklearn("balanced_accuracy_score"),
    "f1": _sklearn("f1_score"),
    "precision": _sklearn("precision_score"),
    "recall": _sklearn("recall_score"),
    "log_loss": _sklearn("log_loss"),
    "brier": _sklearn("brier_score_loss"),
    "r2": _sklearn("r2_score"),
    "rmse": _sklearn("root_mean_squared_error"),
    "mse": _sklearn("mean_squared_error"),
    "mae": _sklearn("mean_absolute_error"),
    "mape": _sklearn("mean_absolute_percentage_error"),
}
"""Metrics of an outcome and a prediction, by their usual names."""


def found(output: Path) -> Path | None:
    """The file that the evaluate command wrote, if it did."""
    return next((path for name in EVALUATED_ROWS if (path := output / name).is_file()), None)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def table(path: Path) -> pd.DataFrame:
    """A file of rows, in which only an empty cell and `nan` are missing values."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    # Pandas' own list has `NA`, which is a region, and `None`, which may be an answer.
    return pd.read_csv(path, na_values=("", "nan", "NaN"), keep_default_na=False)


def read(path: Path) -> pd.DataFrame:
    """The table. Raises TrainingError for anything else."""
    try:
        frame = table(path)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise TrainingError(f"{path.name} must hold one line for each evaluated row: {said}") from error
    if not 0 < len(frame) <= MOST:
        raise TrainingError(
            f"{path.name} must hold 1 to {MOST} rows, and holds {len(frame)}: measure on a sample of them, "
            "the same for every model"
        )
    return frame


def knows(frame: pd.DataFrame, metric: str) -> bool:
    """Whether the rows determine the metric."""
    return metric in frame or (metric in SCORES and {OUTCOME, PREDICTION} <= set(frame.columns))


def score(columns: Mapping[str, Any] | pd.DataFrame, metric: str) -> float:
    """The metric of these rows, which determine it; NaN where it has no value, such as an AUC of one class."""
    if metric in columns:
        return float(np.mean(np.asarray(columns[metric], float)))
    outcome, prediction = np.asarray(columns[OUTCOME]), np.asarray(columns[PREDICTION])
    if metric in ("average_precision", "balanced_accuracy") and len(np.unique(outcome)) == 1:
        return math.nan
    try:
        return float(SCORES[metric](outcome, prediction))
    except ValueError:
        return math.nan


def check(frame: pd.DataFrame, name: str, measured: Mapping[str, float], groups: Mapping[str, str]) -> None:
    """Checks that the rows are those that were measured on, and have what the gate slices by. Raises TrainingError.

    `groups` names the setting that asks for each column or metric that the rows must have.
    """
    for metric, value in measured.items():
        if not knows(frame, metric):
            continue
        if frame[[each for each in (metric, OUTCOME, PREDICTION) if each in frame]].isna().to_numpy().any():
            raise TrainingError(f"{name} must hold no missing value in what {metric} is measured by")
        told = score(frame, metric)
        if not abs(told - value) <= AGREES * max(1.0, abs(value)):
            raise TrainingError(
                f"{name} must hold the rows that the metrics were measured on: {metric} of its rows is {told:.6g}, "
                f"and {value:.6g} in metrics.json"
            )
    for column, asked in groups.items():
        if column not in frame and not knows(frame, column):
            raise TrainingError(
                f"{name} must know {column!r}, which {asked} names: its columns are {', '.join(map(str, frame))}; "
                f"write it as a column, or a metric as {OUTCOME} and {PREDICTION}"
            )


def missing(metric: str, asked: str) -> TrainingError:
    """The sentence where the gate needs rows and there are none."""
    return TrainingError(
        f"the evaluate command must write the evaluated rows to ${Env.OUTPUT}/{EVALUATED_ROWS[0]}, as {asked} "
        f"compares {metric} row by row: it wrote none"
    )
