"""A pod's token for the API server, mounted by name: for containers of pods whose account hands none out by itself."""

from collections.abc import Mapping
from typing import Any, Final

VOLUME: Final = "api-token"
SOURCES: Final[tuple[Mapping[str, Any], ...]] = (
    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
)
"""Of a projected volume: the token, and whom to trust."""
TOKEN_MOUNT: Final[Mapping[str, Any]] = {
    "name": VOLUME,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}
"""Where clients look for it."""
