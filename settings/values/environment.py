"""Environment variables that the user's code is given."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from contract.credentials import SECRET_VALUE
from settings.problem import NOT_SHOWN, Allowed, has_password
from settings.values.templates import untemplated

_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_RESERVED = re.compile(
    r"(ML_LOOP|KAFKA|MLFLOW_TRACKING|MLFLOW_REGISTRY|MLFLOW_EXPERIMENT|KUBERNETES|ARGO)_.*"
    r"|MLFLOW_RUN_ID|K_SERVICE|K_CONFIGURATION|K_REVISION|PORT|PATH|HOME|PYTHONPATH|PYTHONHOME|LD_PRELOAD"
)
"""Variables by which the loop's pods are configured, or find their programs and addresses; Knative's, too."""


def _not_the_loop_s_own(name: str) -> str:
    if _RESERVED.fullmatch(name):
        raise ValueError
    return name


def _written_as_number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _plain(text: str) -> str:
    if "\0" in text or has_password(text) or SECRET_VALUE.search(text):
        raise ValueError
    return untemplated(text)


EnvName = Annotated[
    str,
    Field(pattern=_NAME),
    AfterValidator(_not_the_loop_s_own),
    Allowed(
        "the name of an environment variable that the loop does not set itself: letters, digits and _",
        "Choose another name: ML_LOOP_*, MLFLOW_TRACKING_*, KAFKA_*, PATH, HOME and the like are the loop's",
    ),
]

EnvValue = Annotated[
    str,
    AfterValidator(_plain),
    BeforeValidator(_written_as_number, json_schema_input_type=str | int),
    Allowed(
        "a text without {{ and without a password or key in it",
        "Write it in quotes, or name the Secret that holds it under secrets",
        instead_of_value=NOT_SHOWN,
    ),
]
"""Taken as it is written: `$` begins no reference. A whole number is fine."""

SecretKeyName = Annotated[
    str,
    Field(pattern=r"^[-._A-Za-z0-9]+$", max_length=253),
    Allowed(
        "a key of the Secret: letters, digits and - _ .", "Write the key as `kubectl describe secret NAME` prints it"
    ),
]
