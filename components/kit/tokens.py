"""Tokens of a pod's service account, mounted by name: that for the API server, where the account hands none out by
itself, and that for MLflow.
"""

from collections.abc import Mapping
from typing import Any, Final

from contract.names import TRACKING_AUDIENCE, Env

VOLUME: Final = "api-token"
SOURCES: Final[tuple[Mapping[str, Any], ...]] = (
    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
)
"""Sources of a projected volume: the token, and whom to trust."""
TOKEN_MOUNT: Final[Mapping[str, Any]] = {
    "name": VOLUME,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}
"""Where clients look for it."""
TRACKING_TOKEN: Final[Any] = {
    "name": "tracking-token",
    "projected": {
        "sources": [{"serviceAccountToken": {"path": "token", "audience": TRACKING_AUDIENCE, "expirationSeconds": 600}}]
    },
}
"""The account's token for MLflow, which tells MLflow who asks (docs/identities.md). The kubelet renews it."""
TRACKING_TOKEN_MOUNT: Final[Any] = {
    "name": TRACKING_TOKEN["name"],
    "mountPath": "/var/run/secrets/ml-loop.dev/tracking",
    "readOnly": True,
}
TRACKING_TOKEN_ENV: Final[Mapping[str, str]] = {
    str(Env.TRACKING_TOKEN_FILE): f"{TRACKING_TOKEN_MOUNT['mountPath']}/token"
}
"""Where `loop.runtime.identity` finds it, in whatever program of the pod calls MLflow."""
