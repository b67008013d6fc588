"""Whom the loop tells of what happens: one webhook."""

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from contract.notices import NoticeFormat, NoticeKind
from settings.problem import Allowed, Problem, one_of
from settings.section import Section
from settings.surroundings import Egress, SecretKey

ALL: Final = tuple(NoticeKind)


class Notifications(Section):
    """A webhook that is told of drift, of ended trainings, and of versions that wait or were taken back."""

    url: SecretKey
    """Where its address is: in a Secret, as an address such as Slack's is a credential."""
    signing: SecretKey | None = None
    """Where the key is that signs each notice: `whsec_` and base64 (Standard Webhooks). Unset: none is signed."""
    format: Annotated[NoticeFormat, one_of(NoticeFormat, "Leave it out for generic")] = NoticeFormat.GENERIC
    """How notices are written."""
    on: Annotated[
        tuple[Annotated[NoticeKind, one_of(NoticeKind, "Correct it")], ...],
        Field(min_length=1),
        Allowed(f"a list of {', '.join(NoticeKind)}", "Leave it out for all of them"),
    ] = ALL
    """What the webhook is told about."""
    egress: Annotated[
        tuple[Egress, ...], Allowed("a list of whom to call", "Start each with a hyphen below the key")
    ] = ()
    """Where the webhook is, for the NetworkPolicy. Empty: HTTPS to anywhere."""

    def contradictions(self) -> Iterator[Problem]:
        for index, kind in enumerate(self.on):
            if kind in self.on[:index]:
                yield Problem.with_value(("on", index), kind, "each kind once", "Remove one of the two")
