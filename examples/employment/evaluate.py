"""`python3 -m examples.employment.evaluate`: the evaluate command of the contract, on rows that were held out."""

import hashlib
import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from examples.employment import data


def main() -> None:
    fresh = data.given()
    rows = data.split(data.first())[1] if fresh is None else fresh
    model = mlflow.pyfunc.load_model(os.environ["ML_LOOP_MODEL_URI"])
    score = np.asarray(model.predict(rows[data.FEATURES]))[:, 1]
    output = Path(os.environ["ML_LOOP_OUTPUT"])
    outcome = rows[data.LABEL].to_numpy()
    (output / "metrics.json").write_text(json.dumps({"auc": float(roc_auc_score(outcome, score))}), "utf-8")
    # The gate tells differences from chance by these rows.
    pd.DataFrame({"outcome": outcome, "prediction": score}).to_csv(output / "rows.csv", index=False)
    if fresh is None:  # for fresh rows the loop says it
        digest = hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()
        (output / "data_fingerprint").write_text(digest, "utf-8")


if __name__ == "__main__":
    main()
