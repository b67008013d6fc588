"""Which stacks are production: their data is protected from deletion, and rules apply that spare other stacks."""

from typing import Final

STACKS: Final = ("prod", "production")
"""Names of stacks that are production where their settings do not say."""


def is_production(stack: str, protect: bool | None) -> bool:
    """Whether the setting `protect` says so; if it is None, the stack's name, with or without its organization."""
    return stack.rpartition("/")[2] in STACKS if protect is None else protect
