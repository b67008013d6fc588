"""`python3 -m examples.recommender.evaluate`: the evaluate command of the contract, on the held-out households.

`auc`: how often a product that was bought scores above one that was not. `hit_rate`: how often the product that the
household bought is the first of its shelf. The rows are left, too, so that the gate can look at each kind of product.
"""

import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from examples.recommender import data

SHELF = 4
"""Products per trip; the rows of one trip follow each other."""


def main() -> None:
    _, held_out = data.split(data.load())
    model = mlflow.pyfunc.load_model(os.environ["ML_LOOP_MODEL_URI"])
    score = np.asarray(model.predict(held_out[data.FEATURES]))[:, 1]
    bought = held_out[data.LABEL].to_numpy()
    first = score.reshape(-1, SHELF).argmax(axis=1) == bought.reshape(-1, SHELF).argmax(axis=1)
    metrics = {"auc": float(roc_auc_score(bought, score)), "hit_rate": float(first.mean())}
    output = Path(os.environ["ML_LOOP_OUTPUT"])
    rows = {"outcome": bought, "prediction": score, "panel": held_out[data.HOUSEHOLD].map(data.panel)}
    pd.DataFrame(rows).to_csv(output / "rows.csv", index=False)
    (output / "metrics.json").write_text(json.dumps(metrics))
    (output / "data_fingerprint").write_text(data.fingerprint(held_out))


if __name__ == "__main__":
    main()
