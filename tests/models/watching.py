"""What is watched of a model's published rows: by the drift detector's reader, and by the promotion's."""

import csv
import time
from collections.abc import Sequence

import numpy as np
from mlflow import MlflowClient
from mlflow.artifacts import load_text

from contract.messages import PREDICTION, Prediction
from contract.names import REFERENCE_ARTIFACT
from loop.drift import row, watcher
from loop.drift.reference import ALWAYS
from loop.drift.values import column_of
from loop.promotion.observation import published, sample
from loop.serving.served import ServedModel

QUIET = 0.1
"""KS distance of rows to the reference that they are from; the rest is the choice of rows."""


def watch(client: MlflowClient, served: ServedModel, messages: Sequence[bytes], many: int) -> None:
    """The detector reads each row, and finds the `many` rows of the reference where the reference is."""
    assert published(served.name, [served.version], messages).skipped == 0, "rows are no predictions to the judge"
    predictions = [Prediction.parse(message, served.name) for message in messages]
    read = sample([(each.features, each.predictions) for each in predictions if isinstance(each, Prediction)])
    assert read.outputs, "the judge finds no output"
    columns = watcher.columns_of(client, served.name, served.version)
    assert columns is not None, "the detector knows no columns of the version"
    header = next(csv.reader(load_text(f"runs:/{served.run_id}/{REFERENCE_ARTIFACT}").splitlines()))
    # Optional columns may be left out of a reference: then nobody watches them.
    features = (*(name for name in columns.kinds if name in header), PREDICTION)
    expected = watcher.fetch(client, served.name, served.version, features)
    layouts = row.Layouts(expected.kinds(features), lambda _: columns)
    if not columns.kinds:
        return  # rows of differing shapes: predictions alone are watched
    rows = [row.parse(message, served.name, layouts, time.time()) for message in messages]
    for place, name in enumerate(features):
        column = column_of(expected.kinds(features)[name], expected.rows[ALWAYS][place], expected.labels)
        now = np.array([r.features[place] for r in rows[1 : 1 + many] if r])
        placed = column.placed(now)[None]
        distance = float(column.distances(placed, column.places(placed))[0])
        assert distance < QUIET, f"{name}: the reference's own rows are {distance:.2f} away from the reference"
