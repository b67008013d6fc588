"""`python3 -m starter.kinds.classification.evaluate`: the evaluate command of the contract, on the held-out rows."""

import os

import mlflow
import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from starter.kinds.classification import data
from starter.shared import leave


def main() -> None:
    _, held_out = data.split(data.load())
    model = mlflow.pyfunc.load_model(os.environ["ML_LOOP_MODEL_URI"])
    score = np.asarray(model.predict(held_out[data.FEATURES]))[:, 1]
    label = held_out[data.LABEL].to_numpy()
    leave.metrics({"auc": float(roc_auc_score(label, score)), "log_loss": float(log_loss(label, score))}, held_out)


if __name__ == "__main__":
    main()
