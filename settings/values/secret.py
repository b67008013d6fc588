"""Secrets: names of Kubernetes Secrets, and the keys that stay encrypted in the stack file."""

import re
from typing import Annotated

import pulumi
from pydantic import AfterValidator, Field, InstanceOf, WithJsonSchema

from settings.problem import NOT_SHOWN, PROJECT, Allowed

_KEY_MATERIAL = re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{20,}|[0-9]{20,}")


def _not_the_secret_itself(name: str) -> str:
    if _KEY_MATERIAL.search(name):
        raise ValueError
    return name


SecretName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253),
    AfterValidator(_not_the_secret_itself),
    Allowed(
        "the name of a Kubernetes Secret, not the secret itself",
        "Create a Secret that holds it (kubectl create secret generic NAME) and write its name here",
        instead_of_value=NOT_SHOWN,
    ),
]
"""Lowercase letters, digits, inner hyphens and dots, without a run of letters and digits that looks like a key."""

StackSecret = Annotated[
    InstanceOf[pulumi.Output[str]],
    WithJsonSchema({"type": "object", "properties": {"secure": {"type": "string"}}, "required": ["secure"]}),
]
"""A value that Pulumi encrypts in the stack file and in state; it is never plain text in the program."""


def set_secret(key: str) -> str:
    """The command that sets a secret of the stack to a new random key."""
    return f'pulumi config set --secret {PROJECT}:{key} "$(openssl rand -hex 24)"'


def stack_secret(key: str) -> Allowed:
    return Allowed("a Pulumi secret", f"Run {set_secret(key)}", instead_of_value="plain text (not shown)")
