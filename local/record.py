"""The record of a model of the built-in stack, from this machine: how it is reached, and `make erase`."""

import base64
import json
import os
import subprocess
from typing import Any, Final

from contract.names import Env
from contract.outcome_commands import Erase
from local import environment, stack
from local.paths import REPOSITORY, Paths
from local.shell import run
from local.steps import StepError
from settings.problem import PROJECT

LOOP_PYTHON: Final = REPOSITORY / "images" / "loop" / ".venv" / "bin" / "python"
BUCKET: Final = "ml-loop-record"


def variables(paths: Paths, model: str) -> dict[str, str]:
    """The variables by which MLflow, Kafka, the cluster and the model's record are found; as the store's root."""
    config = stack.applied(stack.BUILT_IN, paths)
    address = config[f"{PROJECT}:cluster"]["nodeAddress"]
    held = _object(paths, "secret", "artifacts-s3-root")["data"]
    store = _object(paths, "service", "s3")["spec"]
    keys = {name: base64.b64decode(text).decode() for name, text in held.items()}
    return environment.variables(paths) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{address}:{config[f'{PROJECT}:kafka']['nodePort']}",
        "AWS_ENDPOINT_URL_S3": f"http://{store['clusterIP']}:{store['ports'][0]['port']}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": keys["access-key-id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret-access-key"],
        Env.RECORD: f"s3://{BUCKET}/{model}",
    }


def _object(paths: Paths, kind: str, name: str) -> Any:
    kubectl = (str(paths.bin / "kubectl"), f"--kubeconfig={paths.kubeconfig}")
    return json.loads(run(*kubectl, "get", kind, name, "-n", "mlflow", "-o", "json"))


def erase(paths: Paths, model: str, user_id: str) -> int:
    """The exit code of `python3 -m loop erase`. Raises StepError for a model without outcomes, and without a user."""
    models = stack.applied(stack.BUILT_IN, paths)[f"{PROJECT}:models"] if _is_up(paths) else {}
    known = [name for name, settings in models.items() if "outcomes" in settings]
    if model not in known:
        said = ", ".join(known) or "none"
        raise StepError(f"MODEL is {model or 'not set'}; the stack's models that have a record: {said}")
    try:
        command = Erase(user_id=user_id)
    except ValueError as error:
        raise StepError(str(error).replace("--user-id", "USER_ID")) from None
    given = [str(LOOP_PYTHON), "-m", "loop", command.NAME, *command.argv()]
    return subprocess.run(given, cwd=REPOSITORY, env=os.environ | variables(paths, model), check=False).returncode


def _is_up(paths: Paths) -> bool:
    return (paths.stack / f"Pulumi.{stack.BUILT_IN}.yaml").exists()
