"""What is watched of a model's published rows: by the drift detector's reader, and by the promotion's."""

import csv
import math
import time
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.artifacts import load_text
from scipy import stats

from contract.messages import Prediction
from contract.names import REFERENCE_ARTIFACT
from loop.drift import reference, row
from loop.drift.columns import Kind
from loop.drift.reference import ALWAYS
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
    columns = reference.columns_of(client, served.name, served.version)
    assert columns is not None, "the detector knows no columns of the version"
    header = next(csv.reader(load_text(f"runs:/{served.run_id}/{REFERENCE_ARTIFACT}").splitlines()))
    numbers = {name for name, kind in columns.kinds.items() if kind in (Kind.NUMBER, Kind.SINGLE)}
    # Optional columns may be left out of a reference: then nobody watches them.
    features = tuple(name for name in columns.kinds if name in numbers and name in header)
    expected = reference.fetch(client, served.name, served.version, features)
    layouts = row.Layouts(features, lambda _: columns)
    if not columns.kinds:
        return  # rows of differing shapes: predictions alone are watched
    rows = [row.parse(message, served.name, layouts, time.time()) for message in messages]
    for place, name in enumerate(features):
        usual = [value for value in expected.rows[ALWAYS][:, place] if not math.isnan(value)]
        now = [r.features[place] for r in rows[1 : 1 + many] if r and not math.isnan(r.features[place])]
        distance = float(stats.ks_2samp(now, usual).statistic)
        assert distance < QUIET, f"{name}: the reference's own rows are {distance:.2f} away from the reference"
