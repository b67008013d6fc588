"""Gradient boosting on R's data: native categories, missing values, models of CatBoost, LightGBM and XGBoost."""

from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from catboost import CatBoostClassifier, CatBoostRegressor
from closing import Case
from logged import bunch, data, fitted, titanic
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

REQUIREMENTS = ["catboost", "lightgbm", "xgboost-cpu"]


def passengers() -> tuple[pd.DataFrame, Any]:
    rows = titanic()
    return rows[["sex", "age", "passengerClass", "adult"]], (rows["survived"] == "yes").astype(int)


def catboost_text() -> pd.DataFrame:
    """Categories as text, as CatBoost takes them."""
    rows, target = passengers()
    model = CatBoostClassifier(
        iterations=20, cat_features=["sex", "passengerClass"], verbose=False, allow_writing_files=False
    ).fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    mlflow.catboost.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def catboost_regressor() -> pd.DataFrame:
    rows, target = bunch("diabetes")
    model = CatBoostRegressor(iterations=20, verbose=False, allow_writing_files=False).fit(rows, target)
    mlflow.catboost.log_model(
        model, name="model", signature=infer_signature(rows, model.predict(rows)), pip_requirements=REQUIREMENTS
    )
    return rows


def lightgbm_pipeline() -> pd.DataFrame:
    """Categories encoded in the pipeline, unknown and missing ones included."""
    rows, target = passengers()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, ["sex", "passengerClass"]), remainder="passthrough")
    return fitted(make_pipeline(columns, lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)), rows, target)


def lightgbm_booster() -> pd.DataFrame:
    rows = data("datasets", "airquality")[["Ozone", "Solar.R", "Wind"]].astype("float64")
    target = data("datasets", "airquality")["Temp"]
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, target), num_boost_round=10)
    signature = infer_signature(rows, booster.predict(rows))
    mlflow.lightgbm.log_model(booster, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def categories() -> tuple[pd.DataFrame, Any]:
    """A frame with pandas' own categories, which the signature has as text."""
    rows, target = passengers()
    return rows.assign(**{name: rows[name].astype("category") for name in ("sex", "passengerClass")}), target


def lightgbm_category() -> pd.DataFrame:
    rows, target = categories()
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    mlflow.lightgbm.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def lightgbm_categories_of_integers() -> pd.DataFrame:
    """Text and integers, all of them categories."""
    rows, target = categories()
    rows = rows.drop(columns="adult").assign(deck=np.arange(len(rows)) % 4).astype({"deck": "category"})
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    mlflow.lightgbm.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def xgboost_categories_of_integers() -> pd.DataFrame:
    """Text and integers as categories, beside integers and booleans that are none, which XGBoost tells apart."""
    rows, target = categories()
    rows = rows.assign(berth=np.arange(len(rows)) % 9, deck=np.arange(len(rows)) % 4).astype({"deck": "category"})
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True).fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    mlflow.xgboost.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def xgboost_category() -> pd.DataFrame:
    rows, target = categories()
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True).fit(rows, target)
    signature = infer_signature(rows, model.predict(rows))
    mlflow.xgboost.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def xgboost_missing() -> pd.DataFrame:
    rows = data("datasets", "airquality")[["Ozone", "Solar.R", "Wind"]].astype("float32")
    model = xgboost.XGBRegressor(n_estimators=10).fit(rows, data("datasets", "airquality")["Temp"])
    signature = infer_signature(rows, model.predict(rows))
    mlflow.xgboost.log_model(model, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def xgboost_booster() -> pd.DataFrame:
    """The low-level API, several classes, an answer of probabilities."""
    rows, target = bunch("wine")
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(rows, target), 10)
    signature = infer_signature(rows, booster.predict(xgboost.DMatrix(rows)))
    mlflow.xgboost.log_model(
        booster, name="model", signature=signature, model_format="json", pip_requirements=REQUIREMENTS
    )
    return rows


def autologged_xgboost() -> pd.DataFrame:
    return autologged(mlflow.xgboost, xgboost.XGBClassifier(n_estimators=10))


def autologged_lightgbm() -> pd.DataFrame:
    return autologged(mlflow.lightgbm, lightgbm.LGBMClassifier(n_estimators=10, verbose=-1))


def autologged(flavor: Any, model: Any) -> pd.DataFrame:
    """What autologging leaves, with its own name of the model and its own signature."""
    rows, target = bunch("breast_cancer")
    flavor.autolog(log_models=True, silent=True)
    try:
        model.fit(rows, target)
    finally:
        flavor.autolog(disable=True)
    return rows


def lightgbm_probabilities() -> pd.DataFrame:
    rows, target = bunch("iris")
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, target)
    signature = infer_signature(rows, model.predict_proba(rows))
    model.booster_.params["objective"] = "multiclass"
    mlflow.lightgbm.log_model(model.booster_, name="model", signature=signature, pip_requirements=REQUIREMENTS)
    return rows


def xgboost_matrix() -> pd.DataFrame:
    rows, target = bunch("wine")
    matrix = rows.to_numpy(np.float32)
    fitted(xgboost.XGBClassifier(n_estimators=10), matrix, target)
    return rows


CASES: dict[str, Case] = {
    "catboost_text": Case(train=catboost_text, null="age", unseen={"passengerClass": "4th"}),
    "catboost_regressor": Case(train=catboost_regressor, null="bmi"),
    "lightgbm_pipeline": Case(train=lightgbm_pipeline, null="age", unseen={"passengerClass": "4th"}),
    "lightgbm_booster": Case(train=lightgbm_booster, null="Ozone", parquet=True),
    "lightgbm_category": Case(train=lightgbm_category, unseen={"passengerClass": "4th"}),
    "lightgbm_categories_of_integers": Case(train=lightgbm_categories_of_integers, unseen={"passengerClass": "4th"}),
    "xgboost_categories_of_integers": Case(train=xgboost_categories_of_integers),
    "lightgbm_probabilities": Case(train=lightgbm_probabilities),
    "xgboost_category": Case(train=xgboost_category),
    "xgboost_missing": Case(train=xgboost_missing, null="Wind"),
    "xgboost_booster": Case(train=xgboost_booster, null="alcohol"),
    "xgboost_matrix": Case(train=xgboost_matrix),
    "autologged_xgboost": Case(train=autologged_xgboost, null="mean radius"),
    "autologged_lightgbm": Case(train=autologged_lightgbm),
}
