"""Texts that reach a template of Argo or KServe, which would replace what is between `{{` and `}}`."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator

from settings.problem import Allowed

T = TypeVar("T")


def untemplated(value: T) -> T:
    """The value, if no template would change it. Raises ValueError."""
    if isinstance(value, str) and "{{" in value:
        raise ValueError
    return value


ParameterName = Annotated[
    str,
    AfterValidator(untemplated),
    Allowed("a name without {{", "Respell it: Argo Workflows would fill in what follows"),
]

Parameter = Annotated[
    str | int | float | bool,
    AfterValidator(untemplated),
    Allowed(
        "a text without {{, a number or a boolean",
        "Write nested values as keys of their own, and a template into a file of the image",
    ),
]
