"""References to container images (grammar: https://github.com/distribution/reference)."""

from typing import Annotated, Final

from pydantic import Field

from settings.problem import Allowed

_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?"
_PART = r"[a-z0-9]+([._-]+[a-z0-9]+)*"
_TAG = r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"@sha256:[0-9a-f]{64}"

_REFERENCE = rf"({_HOST}/)?{_PART}(/{_PART})*({_TAG}({_DIGEST})?|{_DIGEST})"

ImageReference = Annotated[
    str,
    Field(pattern=rf"^{_REFERENCE}$"),
    Allowed(
        "an image with a tag or a digest, such as registry.example.com/team/train@sha256:<64 hex digits>",
        "Append the digest that your registry shows: without one, tomorrow's pod may run other code",
    ),
]

EXAMPLE: Final = "recommender"
"""The name of the example model's image: not a reference, as each stack builds or pins its own."""

TrainingImage = Annotated[
    str,
    Field(pattern=rf"^({EXAMPLE}|{_REFERENCE})$"),
    Allowed(
        "an image with a tag or a digest, such as registry.example.com/team/train@sha256:<64 hex digits>, or "
        f"{EXAMPLE}, the example's",
        "Append the digest that your registry shows: without one, tomorrow's pod may run other code",
    ),
]
