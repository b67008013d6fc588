"""The labels of every object the stack makes, in one place."""

PART_OF = "ml-loop"
STACK = "ml-loop/stack"
"""Label of a namespace with the name of its stack, by which a namespace that has left the settings is found."""


def selector(app: str, instance: str, role: str | None = None) -> dict[str, str]:
    """The labels that find pods. They never change: a Deployment's selector is immutable.

    `app` is what runs (`mlflow`), `instance` the component's name in the stack, `role` tells its kinds of pods apart.
    """
    found = {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": instance}
    return found | {"app.kubernetes.io/component": role} if role else found


def labels(app: str, instance: str, role: str | None = None) -> dict[str, str]:
    """The recommended labels of Kubernetes for an object: its selector's, and whose it is."""
    return selector(app, instance, role) | {
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/managed-by": "pulumi",
    }
