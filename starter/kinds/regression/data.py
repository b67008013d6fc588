"""Rows of the model: the CSV that the settings name, else scikit-learn's 442 patients with diabetes. Put yours here."""

from typing import Any

import pandas as pd
from sklearn.datasets import load_diabetes

from starter.shared import leave

FEATURES = ["age", "bmi", "blood_pressure", "cholesterol_ratio", "triglycerides", "glucose"]
LABEL = "progression"
_NAMES = {"bp": "blood_pressure", "s4": "cholesterol_ratio", "s5": "triglycerides", "s6": "glucose"}


def load() -> pd.DataFrame:
    """All rows: features, and the number to predict."""
    if (rows := leave.data([*FEATURES, LABEL])) is not None:
        return rows
    found: Any = load_diabetes(as_frame=True, scaled=False)
    rows = found.data.rename(columns=_NAMES)[FEATURES].astype("float64")
    return rows.assign(**{LABEL: found.target.astype("float64")})


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and held-out rows, by the rows alone: the same ones are held out whatever is trained."""
    held_out = pd.util.hash_pandas_object(rows, index=False) % 5 == 0
    return rows[~held_out], rows[held_out]
