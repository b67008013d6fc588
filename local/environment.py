"""`make env`: exports for a shell, so that kubectl, pulumi and MLflow clients mean this stack."""

import shlex
import sys
from typing import Final

from local import stack
from local.paths import Paths
from local.toolchain import pulumi

HINT: Final = 'eval "$(make env)" gives your shell kubectl, pulumi and the URLs above; `make check` asks the stack.'


def exports(paths: Paths) -> str:
    """One `export` line per variable, quoted for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables(paths).items())


def variables(paths: Paths) -> dict[str, str]:
    """Everything a user's tools need. The passphrase is named by its file."""
    outputs = stack.outputs(stack.BUILT_IN, paths)
    tracking = outputs.get("mlflow", {})
    found = pulumi.environment(paths, sys.executable) | {
        "KUBECONFIG": str(paths.kubeconfig),
        "PULUMI_CONFIG_FILE": str(paths.stack / "Pulumi.local.yaml"),
        # Presigned URLs would name the store by its address inside the cluster.
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    }
    if url := tracking.get("externalUrl"):
        found["MLFLOW_TRACKING_URI"] = url
    return found
