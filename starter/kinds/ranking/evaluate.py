"""`python3 -m starter.kinds.ranking.evaluate`: the evaluate command of the contract, on the held-out searches."""

import os

import mlflow
import numpy as np
from sklearn.metrics import ndcg_score

from starter.kinds.ranking import data
from starter.shared import leave


def main() -> None:
    _, held_out = data.split(data.load())
    model = mlflow.pyfunc.load_model(os.environ["ML_LOOP_MODEL_URI"])
    score = np.asarray(model.predict(held_out[data.FEATURES])).reshape(-1, data.RESULTS)
    relevance = held_out[data.LABEL].to_numpy().reshape(-1, data.RESULTS)
    leave.metrics(
        {"ndcg": float(ndcg_score(relevance, score)), "ndcg_at_3": float(ndcg_score(relevance, score, k=3))}, held_out
    )


if __name__ == "__main__":
    main()
