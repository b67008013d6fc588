"""The labels of every object the stack makes, in one place."""

import hashlib
import re
from typing import Final

PART_OF = "ml-loop"
STACK = "ml-loop/stack"
"""Label of a namespace with the name of its stack, by which a namespace that has left the settings is found."""

_VALUE: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""What Kubernetes takes as a label's value."""


def of_stack(name: str) -> dict[str, str]:
    """The label of a stack's namespaces. Pulumi's names may be longer than a label, and begin with a hyphen: such a
    name is shortened, and told apart by its digest."""
    if _VALUE.fullmatch(name):
        return {STACK: name}
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return {STACK: f"{name[:50].strip('-_.')}-{digest}".lstrip("-")}


def selector(app: str, instance: str, role: str | None = None) -> dict[str, str]:
    """The labels that find pods. They never change: a Deployment's selector is immutable.

    `app` is what runs (`mlflow`), `instance` is the component's name in the stack, and `role` tells its kinds of pods
    apart.
    """
    found = {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": instance}
    return found | {"app.kubernetes.io/component": role} if role else found


def labels(app: str, instance: str, role: str | None = None) -> dict[str, str]:
    """The labels that Kubernetes recommends for an object: those of its selector, and whose it is."""
    return selector(app, instance, role) | {
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/managed-by": "pulumi",
    }
