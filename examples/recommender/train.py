"""`python3 -m examples.recommender.train`: the train command of the contract. Seconds on one CPU."""

import json
import os
import tempfile
from pathlib import Path

import mlflow
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from examples.recommender import data

REFERENCE_ROWS = 2000


def main() -> None:
    parameters = {"degree": 2, "regularization": 1.0} | json.loads(os.environ.get("ML_LOOP_PARAMETERS", "{}"))
    training, _ = data.split(data.load())
    features, label = training[data.FEATURES], training[data.LABEL]
    model = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(degree=int(parameters["degree"]), include_bias=False),
        LogisticRegression(C=1 / parameters["regularization"], max_iter=500),
    )
    with mlflow.start_run() as run:
        mlflow.log_params({**parameters, "data_fingerprint": data.fingerprint(training), "rows": len(training)})
        model.fit(features, label)
        log(model, features)
    (Path(os.environ["ML_LOOP_OUTPUT"]) / "run_id").write_text(run.info.run_id)


def log(model: sklearn.pipeline.Pipeline, features: pd.DataFrame) -> None:
    """The model and its reference window, into the active run.

    skops, MLflow's default: loading a linear model needs no trusted types, so a tampered file cannot run code in the
    server. `predict_proba` gives [not bought, bought] per row: a shelf is sorted by the second.
    """
    log_model(
        model,
        name="model",
        signature=infer_signature(features, model.predict_proba(features)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="skops",
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
    )
    with tempfile.TemporaryDirectory() as folder:
        window = Path(folder) / "window.csv"
        features.sample(min(REFERENCE_ROWS, len(features)), random_state=0).to_csv(window, index=False)
        mlflow.log_artifact(str(window), "reference")


if __name__ == "__main__":
    main()
