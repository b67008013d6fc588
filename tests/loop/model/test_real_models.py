"""Real models, one of each kind, that need no library but the image's: `make models` runs all."""

import sys
from pathlib import Path

import pytest
from mlflow_server import MlflowServer

sys.path.insert(0, str(Path(__file__).parents[2] / "models"))
import scikit
from asking import Server
from closing import close

ONE_OF_EACH = (
    *("wine_matrix", "cancer_frame_of_integer_labels", "digits_tensor", "titanic_pipeline"),
    *(
        "gaps_that_the_signature_does_not_name",
        "text_in_one_column",
        "pipeline_of_texts",
        "function_with_a_type_hint",
        "embeddings",
    ),
    *("horizon", "recommendations", "tensors_by_name", "unnamed_columns"),
    *("months_of_a_strict_encoder", "nullable_integers"),
)


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_real_model_closes_the_loop(name: str, server: Server, tracking: MlflowServer, tmp_path: Path) -> None:
    close(scikit.CASES[name], name, tmp_path, server)
