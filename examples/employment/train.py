"""`python3 -m examples.employment.train`: the train command of the contract. Seconds on one CPU."""

import hashlib
import os
import tempfile
from pathlib import Path

import mlflow
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from examples.employment import data

REFERENCE_ROWS = 4000


def fit(rows: pd.DataFrame) -> Pipeline:
    """A logistic regression on a curve of age and the codes, which skops loads without running code.

    Where the loop has fresh rows, it learns from these alone: 60,000 of other people would outvote them.
    """
    columns = make_column_transformer(
        (make_pipeline(StandardScaler(), PolynomialFeatures(degree=5, include_bias=False)), [data.AGE]),
        (OneHotEncoder(handle_unknown="ignore"), [each for each in data.FEATURES if each != data.AGE]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=300)).fit(rows[data.FEATURES], rows[data.LABEL])


def main() -> None:
    fresh = data.given()
    rows = data.split(data.first())[0] if fresh is None else fresh
    features = rows[data.FEATURES]
    with mlflow.start_run() as run:
        mlflow.log_param("rows", len(rows))
        if fresh is None:  # for fresh rows the loop says it
            mlflow.log_param("data_fingerprint", hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest())
        model = fit(rows)
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
            features.iloc[:: max(1, len(features) // REFERENCE_ROWS)].to_csv(window, index=False)
            mlflow.log_artifact(str(window), "reference")
    Path(os.environ["ML_LOOP_OUTPUT"], "run_id").write_text(run.info.run_id, "utf-8")


if __name__ == "__main__":
    main()
