"""What a drift event says beside its verdict, for the report that a person reads: the looks of its window.

It travels as one word of letters, digits, `-`, `_` and `=`, from the message to the Workflow's argument to a step's
variable, and none of them finds anything in it to evaluate.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Final

from contract.looks import Look, LooksAnswer
from contract.messages import Malformed

NO_EVIDENCE: Final = "none"
"""In place of it where an event brings none: an argument must have a value."""
LONGEST: Final = 24_000
"""Characters. A Workflow with a long history must still fit into etcd."""
MOST_COLUMNS: Final = 12
"""Columns of a window that it tells of: the one that the event is about, and those that moved most."""
CHARACTERS: Final = "A-Za-z0-9_=-"
_LARGEST: Final = 2_000_000
"""Bytes of what it unpacks to: anybody may write to a topic."""


def pack(looks: Sequence[Look], feature: str) -> str:
    """The looks of one window as seen from `feature`, with as many of the other columns as there is room for."""
    told = sorted(looks, key=lambda look: (look.event.feature != feature, -look.event.distance))[:MOST_COLUMNS]
    while told:
        answer = LooksAnswer(model=told[0].event.model, looks=tuple(told)).encode()
        text = base64.urlsafe_b64encode(zlib.compress(answer, 9)).decode()
        if len(text) <= LONGEST:
            return text
        told.pop()
    return ""


def unpack(text: str) -> tuple[Look, ...] | Malformed:
    """What was packed, the event's own column first; nothing where there was none."""
    if text in ("", NO_EVIDENCE):
        return ()
    try:
        stream = zlib.decompressobj()
        answer = stream.decompress(base64.b64decode(text, altchars=b"-_", validate=True), _LARGEST)
        if not stream.eof:
            raise ValueError("it does not end, or is too large")
    except (binascii.Error, zlib.error, ValueError) as error:
        return Malformed(f"no evidence of drift: {error}")
    found = LooksAnswer.parse(answer)
    return found if isinstance(found, Malformed) else found.looks
