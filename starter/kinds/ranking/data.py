"""Rows of the model: the CSV that the settings name, else 400 made-up searches with ten results each. Put yours here.

There is one row for each result of a search. A search's rows follow each other, with its name in the column GROUP.
"""

import numpy as np
import pandas as pd

from starter.shared import leave

FEATURES = ["text_match", "popularity", "age_days", "price_to_usual"]
LABEL = "relevance"
GROUP = "search"
RESULTS = 10
"""Results of each search."""


def load() -> pd.DataFrame:
    """All rows: features, the search, and how relevant the result was, from 0 to 3."""
    if (rows := leave.data([*FEATURES, LABEL])) is not None:
        return rows
    draw, searches = np.random.default_rng(0), 400
    count = searches * RESULTS
    match, popularity = draw.beta(2, 3, count), draw.gamma(2.0, 1.0, count)
    age, price = draw.exponential(60.0, count), draw.normal(1.0, 0.1, count)
    liking = 3 * match + 0.4 * popularity - 0.004 * age - 2 * (price - 1) + draw.normal(0, 0.3, count)
    relevance = np.clip(np.floor(liking), 0, 3)
    columns = dict(zip(FEATURES, (match, popularity, age, price), strict=True))
    names = np.repeat([f"search-{number}" for number in range(searches)], RESULTS)
    return pd.DataFrame({**columns, GROUP: names, LABEL: relevance})


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and held-out rows: whole searches, by their names alone."""
    held_out = pd.util.hash_array(rows[GROUP].astype(str).to_numpy(dtype=object)) % 5 == 0
    return rows[~held_out], rows[held_out]
