"""What a server learns of a model from rows that it knows: how it wants its texts, and rows of differing lengths."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.sklearn import save_model
from mlflow.types import Schema, TensorSpec
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from loop.model.pyfunc import ServableModel

TEXTS = pd.Series(["win a prize now", "see you at home", "free prize", "home by ten"] * 5, name="message")
LABELS = ["spam", "ham", "spam", "ham"] * 5
SIGNATURES: dict[str, Any] = {
    "of the series": TEXTS,
    "of a frame": TEXTS.to_frame(),
    "of a list": list(TEXTS),
    "of a series without a name": TEXTS.rename(None),
}


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("vectorizer", [TfidfVectorizer, CountVectorizer, HashingVectorizer])
def test_a_pipeline_of_texts_answers_each_text_and_not_the_names_of_columns(
    signature: str, vectorizer: type, tmp_path: Path
) -> None:
    model = make_pipeline(vectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    save_model(model, str(tmp_path / "m"), signature=infer_signature(SIGNATURES[signature], ["spam"]),
               serialization_format="cloudpickle", pip_requirements=[])  # fmt: skip
    served = ServableModel(tmp_path / "m", 100)
    served.try_rows(list(TEXTS))
    assert not served.by_row, "twenty texts are one call"
    assert served.answer(served.check.rows(list(TEXTS)))[0] == LABELS
    assert served.answer(served.check.rows(["a prize"]))[0] == ["spam"]


class Lengths(PythonModel):
    """The number of tokens of each row, which padding would change."""

    def predict(self, context: object, model_input: Any, params: object = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        ids = model_input["ids"] if isinstance(model_input, dict) else model_input
        assert ids.dtype == np.int64
        return np.array([len(row) for row in ids])


@pytest.mark.parametrize("name", ["ids", None])
def test_rows_of_differing_lengths_are_asked_one_by_one_and_others_together(name: str | None, tmp_path: Path) -> None:
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("int64"), (-1, -1), name)]))
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Lengths(), signature=signature, pip_requirements=[])
    served = ServableModel(tmp_path / "m", 100)
    rows = [[1] * (1 + at % 4) for at in range(20)]
    served.try_rows(rows)
    assert not served.by_row
    batch = served.check.rows(rows)
    assert served.answer(batch)[0] == [len(row) for row in rows]
    assert batch.rows == rows, "published as they came"
    assert served.answer(served.check.rows([[1, 2], [3, 4]]))[0] == [2, 2]
