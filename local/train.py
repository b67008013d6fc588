"""`make train`: starts a training on the built-in cluster, and waits for its end."""

import os
import shlex
import subprocess

from local import stack
from local.paths import Paths
from local.steps import StepError


def run(paths: Paths, model: str | None) -> int:
    """The exit code of `argo submit … --wait`. Raises StepError where it is not clear what to train."""
    models = stack.outputs(stack.BUILT_IN, paths).get("models", {})
    if model is None and len(models) == 1:
        (model,) = models
    if model not in models:
        known = ", ".join(models) or "none; run `make up` first"
        raise StepError(f"MODEL is {model or 'not set'}; the stack's models: {known}")
    command = shlex.split(models[model]["submit"])
    command[0] = str(paths.bin / command[0])
    environment = os.environ | {"KUBECONFIG": str(paths.kubeconfig)}
    return subprocess.run(command, env=environment, check=False).returncode
