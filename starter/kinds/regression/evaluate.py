"""`python3 -m starter.kinds.regression.evaluate`: the evaluate command of the contract, on the held-out rows."""

import os

import mlflow
import numpy as np
from sklearn.metrics import r2_score, root_mean_squared_error

from starter.kinds.regression import data
from starter.shared import leave


def main() -> None:
    _, held_out = data.split(data.load())
    model = mlflow.pyfunc.load_model(os.environ["ML_LOOP_MODEL_URI"])
    predicted = np.asarray(model.predict(held_out[data.FEATURES]))
    actual = held_out[data.LABEL].to_numpy()
    found = {"rmse": float(root_mean_squared_error(actual, predicted)), "r2": float(r2_score(actual, predicted))}
    leave.metrics(found, held_out)


if __name__ == "__main__":
    main()
