"""Booleans at the top of a stack file, which Pulumi hands over as text."""

from typing import Annotated

from pydantic import BeforeValidator, StrictBool


def _read(value: object) -> object:
    """Pulumi's own two spellings only: other readers of the configuration know no others."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Flag = Annotated[StrictBool, BeforeValidator(_read)]
