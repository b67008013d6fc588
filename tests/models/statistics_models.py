"""Statsmodels, Prophet and pmdarima on R's series: formulas, forecasts of dates and of horizons."""

import mlflow
import numpy as np
import pandas as pd
import pmdarima
import statsmodels.api as sm
import statsmodels.formula.api as smf
from closing import Case
from logged import bunch, data
from mlflow.models import infer_signature
from prophet import Prophet

REQUIREMENTS = ["statsmodels", "prophet", "pmdarima"]


def ordinary_least_squares() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    model = sm.OLS(target, rows).fit()
    signature = infer_signature(rows, model.predict(rows))
    mlflow.statsmodels.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def logit_formula() -> pd.DataFrame:
    """A formula with text in it: patsy encodes the categories that it has seen."""
    rows = data("carData", "TitanicSurvival").dropna()
    rows = rows.assign(target=(rows["survived"] == "yes").astype(int))
    model = smf.logit("target ~ sex + age + passengerClass", rows).fit(disp=False)
    inputs = rows[["sex", "age", "passengerClass"]]
    signature = infer_signature(inputs, model.predict(inputs))
    mlflow.statsmodels.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return inputs


def autologged_without_signature() -> pd.DataFrame:
    """What autologging leaves of statsmodels: no signature."""
    rows, target = bunch("diabetes")
    mlflow.statsmodels.autolog(silent=True)
    try:
        sm.OLS(target, rows).fit()
    finally:
        mlflow.statsmodels.autolog(disable=True)
    return rows


def prophet() -> pd.DataFrame:
    """A forecast for each date, a frame with dates among its columns."""
    series = data("datasets", "AirPassengers")
    days = pd.date_range("1949-01-01", periods=len(series), freq="MS")
    frame = pd.DataFrame({"ds": days, "y": series["value"].to_numpy(float)})
    model = Prophet(uncertainty_samples=0).fit(frame)
    future = frame[["ds"]]
    signature = infer_signature(future, model.predict(future))
    mlflow.prophet.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return future


def arima() -> pd.DataFrame:
    """A forecast of so many periods; one row per request, as MLflow's flavor asks."""
    series = data("datasets", "AirPassengers")["value"].to_numpy(float)
    model = pmdarima.ARIMA((1, 1, 1), seasonal_order=(0, 1, 0, 12)).fit(series)
    rows = pd.DataFrame({"n_periods": np.arange(120) % 12 + 1})
    signature = infer_signature(rows, pd.DataFrame({"yhat": model.predict(3)}))
    mlflow.pmdarima.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


CASES: dict[str, Case] = {
    "statsmodels_ols": Case(train=ordinary_least_squares),
    "statsmodels_formula": Case(train=logit_formula),
    "statsmodels_autolog": Case(train=autologged_without_signature),
    "prophet": Case(train=prophet),
    "pmdarima": Case(train=arima),
}
