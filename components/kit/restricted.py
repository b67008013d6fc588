"""The security contexts that Pod Security restricted asks for: the only place that writes them.

Both are in the API's own spelling and typed `Any`, so that one value fits typed Pulumi arguments and the plain specs of
custom resources alike. The rule they satisfy is `policy.pod_security.violations`.
"""

from typing import Any

NONROOT = 65532
"""The user of the images built here. It owns no file in them."""


def pod_security_context(uid: int = NONROOT) -> Any:
    """`spec.securityContext` of a pod that runs as `uid` and owns its volumes through the group of the same number."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "fsGroup": uid,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security_context() -> Any:
    """`securityContext` of every container, init ones too: no privilege to gain, nothing to write but volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
