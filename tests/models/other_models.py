"""Libraries beside the usual ones: survival, resampling, recommenders from interactions, forecasts, text of spaCy."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import spacy
from closing import Case
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from implicit.als import AlternatingLeastSquares
from lifelines import CoxPHFitter
from lifelines.datasets import load_lung
from logged import bunch, data, fitted, function, titanic
from mlflow.models import infer_signature
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sksurv.ensemble import RandomSurvivalForest
from sksurv.util import Surv
from sktime.forecasting.naive import NaiveForecaster

BAG_OF_WORDS = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1,
                "no_output_layer": False, "length": 4096}  # fmt: skip


def lung() -> pd.DataFrame:
    rows = load_lung()[["time", "status", "age", "sex", "ph.ecog"]].dropna()
    return rows.astype(float).reset_index(drop=True)


def hazards() -> pd.DataFrame:
    """Lifelines: an object of a fitter, asked for hazards and for curves."""
    rows = lung()
    fitter = CoxPHFitter().fit(rows, "time", "status")
    inputs = rows[["age", "sex", "ph.ecog"]]

    def curves(frame: pd.DataFrame) -> pd.DataFrame:
        found = fitter.predict_survival_function(frame, times=[180, 360]).T
        return found.assign(hazard=fitter.predict_partial_hazard(frame))

    function(curves, infer_signature(inputs))
    return inputs


def survival_forest() -> pd.DataFrame:
    rows = lung()
    inputs = rows[["age", "sex", "ph.ecog"]]
    target = Surv.from_arrays(rows["status"] == 1, rows["time"])
    return fitted(RandomSurvivalForest(10, random_state=0), inputs, target)


def steps_of_survival() -> pd.DataFrame:
    """An array of step functions, which no JSON knows."""
    rows = lung()
    inputs = rows[["age", "sex", "ph.ecog"]]
    forest = RandomSurvivalForest(10, random_state=0).fit(inputs, Surv.from_arrays(rows["status"] == 1, rows["time"]))

    def steps(frame: pd.DataFrame) -> Any:
        return [each(forest.unique_times_[::40]) for each in forest.predict_survival_function(frame)]

    function(steps, infer_signature(inputs))
    return inputs


def resampled() -> pd.DataFrame:
    rows = titanic().dropna()
    inputs = rows[["age", "adult"]].astype(float)
    model = make_resampling_pipeline(StandardScaler(), RandomOverSampler(random_state=0), LogisticRegression())
    return fitted(model, inputs, rows["survived"], "predict_proba")


def alternating_least_squares() -> pd.DataFrame:
    random = np.random.default_rng(0)
    seen = csr_matrix(random.random((150, 30)) < 0.1, dtype=np.float32)
    model = AlternatingLeastSquares(4, iterations=3, num_threads=1, random_state=0)
    model.fit(seen, show_progress=False)

    def best(frame: pd.DataFrame, params: Any) -> Any:
        users = frame["user"].to_numpy()
        items, scores = model.recommend(users, seen[users], N=params["n"])
        return pd.DataFrame({"items": items.tolist(), "scores": scores.tolist()})

    rows = pd.DataFrame({"user": np.arange(150)})
    function(best, infer_signature(rows, params={"n": 5}))
    return rows


def forecast_of_a_horizon() -> pd.DataFrame:
    """A series for so many steps; each row is a request of its own."""
    passengers = data("datasets", "AirPassengers")["value"].astype(float)
    model = NaiveForecaster(strategy="last", sp=12).fit(passengers)

    def forecast(frame: pd.DataFrame) -> pd.DataFrame:
        (steps,) = frame["fh"]
        return pd.DataFrame({"yhat": model.predict(list(range(1, int(steps) + 1))).to_numpy()})

    rows = pd.DataFrame({"fh": np.arange(120) % 12 + 1})
    function(forecast, infer_signature(rows))
    return rows


def frames_of_polars() -> pd.DataFrame:
    """Polars within, and its frame as the answer."""
    rows, target = bunch("iris")
    model = LogisticRegression(max_iter=300).fit(rows, target)

    def shares(frame: pd.DataFrame) -> Any:
        found = model.predict_proba(pl.from_pandas(frame).to_pandas())
        return pl.DataFrame({f"class {at}": found[:, at] for at in range(3)})

    function(shares, infer_signature(rows))
    return rows


def spacy_categories() -> pd.DataFrame:
    """MLflow's own flavor, which wants a frame of one column of text."""
    nlp = spacy.blank("en")
    categories = nlp.add_pipe("textcat", config={"model": BAG_OF_WORDS})
    texts = [f"{row.sex} of class {row.passengerClass}" for row in titanic().head(200).itertuples()]
    for label in ("yes", "no"):
        categories.add_label(label)  # pyright: ignore[reportAttributeAccessIssue]
    nlp.initialize()
    rows = pd.DataFrame({"text": texts})
    mlflow.spacy.log_model(nlp, name="model", signature=infer_signature(rows), pip_requirements=["spacy"])
    return rows


CASES: dict[str, Case] = {
    "lifelines": Case(train=hazards),
    "survival_forest": Case(train=survival_forest),
    "steps_of_survival": Case(train=steps_of_survival),
    "resampled": Case(train=resampled),
    "alternating_least_squares": Case(train=alternating_least_squares),
    "sktime": Case(train=forecast_of_a_horizon),
    "polars": Case(train=frames_of_polars),
    "spacy": Case(train=spacy_categories, unseen={"text": ""}),
}
