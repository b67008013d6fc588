"""Registers versions of a model: run by the loop's environment, as `… NAME KEY good|failing|slow|constant|rejected …`.

Each answers 20 ms after it was asked, with the sum of a row, unless it is bad in the one way that its kind says.
All but `unsigned` are signed as the gate's step does it, with the private key in the file KEY, `foreign` with another.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.pyfunc.model import PythonModel

from contract.names import GateResult, Tag
from loop.runtime import signatures
from loop.runtime.registry import Registry

SECONDS = 0.02
SLOW = 10 * SECONDS
"""By so much that a busy machine, on which both take longer, hides none of it."""
ROWS = pd.DataFrame({"a": np.linspace(0.0, 1.0, 10), "b": np.linspace(1.0, 3.0, 10)})


class Model(PythonModel):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]  # MLflow's own names no type it returns
        self, context: object, model_input: pd.DataFrame, params: object = None
    ) -> np.ndarray:
        time.sleep(SLOW if self.kind == "slow" else SECONDS)
        if self.kind == "failing" and random.random() < 0.05 and not model_input.equals(ROWS):
            raise ValueError("one of twenty")
        sums = model_input["a"].to_numpy() + model_input["b"].to_numpy()
        return np.full(len(sums), 0.5) if self.kind == "constant" else sums


def main() -> None:
    name, key, *kinds = sys.argv[1:]
    mlflow.set_experiment(name)
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    for kind in kinds:
        with mlflow.start_run() as run:
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=Model(kind),
                signature=infer_signature(ROWS, np.zeros(10)),
                input_example=ROWS,
                pip_requirements=[],
            )
        gate = GateResult.REJECTED if kind == "rejected" else GateResult.PASSED
        tags: dict[str, Any] = {Tag.GATE: gate}

        def sign(folder: Path, kind: str = kind, tags: dict[str, Any] = tags) -> None:
            if kind != "unsigned":
                file = Path(f"{key}.foreign") if kind == "foreign" else Path(key)
                tags[Tag.SIGNATURE] = signatures.sign(folder.rename(folder.with_name(name)), file)

        tags |= Registry().digests(logged.model_uri, run.info.run_id, sign)
        client.create_model_version(name, logged.model_uri, run.info.run_id, tags, model_id=logged.model_id)


if __name__ == "__main__":
    main()
