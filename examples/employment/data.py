"""Answers of people in Massachusetts to the American Community Survey, 2015 to 2018, in the order of its files.

Data: US Census Bureau, public use microdata, as the Python package `nannyml` (Apache-2.0) carries it: 68,785 people of
2015 and 208,892 of 2016 to 2018, 16 columns, and whether each was employed. Between the files of 2017 and 2018, people
in group quarters (dormitories, prisons, homes) follow each other: some 11,000 rows, from the end of one to the
beginning of the other. The package's code never runs: its files are read in place.
"""

import importlib.util
import os
from pathlib import Path
from typing import Final

import pandas as pd

LABEL: Final = "employed"
FEATURES: Final = [
    "AGEP",  # age in years
    "SCHL",  # schooling
    "MAR",  # marital status
    "RELP",  # relationship to the householder; 16 and 17: in group quarters
    "DIS",  # disability
    "ESP",  # employment of parents
    "CIT",  # citizenship
    "MIG",  # moved within the year
    "MIL",  # military service
    "ANC",  # ancestry
    "NATIVITY",  # born in the country or not
    "DEAR",  # hard of hearing
    "DEYE",  # hard of seeing
    "DREM",  # hard of remembering
    "SEX",
    "RAC1P",  # race
]
AGE: Final = "AGEP"
HOUSEHOLD: Final = "RELP"
GROUP_QUARTERS: Final = frozenset({"16", "17"})
"""Values of `RELP`: in an institution, and in other group quarters."""
OUTCOME: Final = "@outcome"
"""Column of the label in the rows that the loop sets down."""


def first() -> pd.DataFrame:
    """The people for whom the service was made: those of 2015 in households. Features and label."""
    rows = _typed(pd.read_parquet(_file("reference")))
    return rows[~rows[HOUSEHOLD].isin(GROUP_QUARTERS)].reset_index(drop=True)


def later() -> pd.DataFrame:
    """All people of 2016 to 2018, in the order of the files."""
    rows = pd.read_parquet(_file("analysis")).merge(pd.read_parquet(_file("analysis_target")), on="id")
    return _typed(rows)


def given() -> pd.DataFrame | None:
    """The rows that the loop has set down for this step; None where it has none yet."""
    uri = os.environ.get("ML_LOOP_DATA_URI")
    return None if not uri else _typed(pd.read_parquet(uri.removeprefix("file://")).rename(columns={OUTCOME: LABEL}))


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and held-out rows, where the loop has not split them: every fifth is held out."""
    held_out = rows.index % 5 == 0
    return rows[~held_out], rows[held_out]


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their types: age is a number, all other columns are codes, as texts."""
    codes = dict.fromkeys((each for each in FEATURES if each != AGE), "str")
    return rows[[*FEATURES, LABEL]].astype({AGE: "float64", LABEL: "int64"} | codes)


def _file(part: str) -> Path:
    spec = importlib.util.find_spec("nannyml")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the census comes with the package nannyml, which is not installed here")
    return Path(spec.submodule_search_locations[0], "datasets", "data", f"employment_MA_{part}.pq")
