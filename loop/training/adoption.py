"""Models that were logged by an older client or without a signature, brought to what the registry and the server
accept.

A client of MLflow 2 leaves its model among the run's artifacts, where nothing binds it to a version. Autologging logs
some flavors without a signature.
"""

import tempfile
from pathlib import Path

import mlflow.pyfunc
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature, set_signature

from contract.names import MODEL_ARTIFACT
from loop.runtime.registry import Registry
from loop.training.rows import table
from loop.training.step import TrainingError


def of_mlflow_2(registry: Registry, run_id: str) -> str | None:
    """The id of a logged model made from the run's artifact `model`; None when the run has no such artifact."""
    run = registry.run(run_id)
    if run is None or f"{MODEL_ARTIFACT}/MLmodel" not in registry.run_artifacts(run_id, MODEL_ARTIFACT):
        return None
    client = registry.client
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(f"runs:/{run_id}/{MODEL_ARTIFACT}", Path(scratch))
        logged = registry.ask(
            lambda: client.create_logged_model(run.info.experiment_id, name=MODEL_ARTIFACT, source_run_id=run_id)
        )
        model = Model.load(str(folder))
        model.model_id, model.run_id = logged.model_id, run_id
        model.save(str(folder / "MLmodel"))
        registry.ask(lambda: client.log_model_artifacts(logged.model_id, str(folder)))
    registry.ask(lambda: client.finalize_logged_model(logged.model_id, "READY"))
    registry.ask(lambda: client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)]))
    return str(logged.model_id)


def infer(registry: Registry, model_id: str, folder: Path, window: Path) -> None:
    """Gives a model without a signature the one that its reference rows and its answers to them show.

    Raises TrainingError where the model does not answer these rows: nothing safe can be inferred then.
    """
    try:
        rows = table(window)
        answer = mlflow.pyfunc.load_model(str(folder)).predict(rows)
        signature = infer_signature(rows, answer)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"the model {MODEL_ARTIFACT!r} must have a signature: log it with one, such as mlflow's infer_signature "
            f"(none could be inferred from the reference: {type(error).__name__}: {said})"
        ) from error
    try:
        set_signature(str(folder), signature)
        registry.ask(lambda: set_signature(f"models:/{model_id}", signature))
    except MlflowException as error:
        raise TrainingError(
            f"the model {MODEL_ARTIFACT!r} must have a signature: log it with one "
            f"(the inferred one could not be set: {error})"
        ) from error
