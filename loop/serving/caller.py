"""Whose a prediction is, and which one it is: what a request says about itself beside its rows."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.names import REQUEST_ID_HEADER, TENANT_HEADER, USER_HEADER
from loop.model.errors import RejectedError

_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_USER: Final = re.compile(r"[\x21-\x7e]{0,128}")
_REQUEST: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Caller:
    """A request's tenant and user, as the gateway in front says, and its id."""

    tenant: str
    user_id: str
    request_id: str
    """The v2 body's `id`, else the header's, else one of ours: a gateway may give each request an id of its own, so a
    client's id in the body comes first.
    """

    @classmethod
    def of(cls, headers: Mapping[str, str], body_id: str | None = None) -> "Caller":
        """From the headers, whose names are in lower case, and the `id` of a v2 body. Raises RejectedError."""
        caller = cls(
            headers.get(TENANT_HEADER.lower(), "default"),
            headers.get(USER_HEADER.lower(), ""),
            body_id or headers.get(REQUEST_ID_HEADER.lower()) or uuid.uuid4().hex,
        )
        if not _TENANT.fullmatch(caller.tenant):
            raise RejectedError(f"the header {TENANT_HEADER} must be 1 to 64 of A-Z a-z 0-9 . _ -")
        if not _USER.fullmatch(caller.user_id):
            raise RejectedError(f"the header {USER_HEADER} must be at most 128 printable ASCII characters")
        if not _REQUEST.fullmatch(caller.request_id):
            what = "id" if body_id else f"the header {REQUEST_ID_HEADER}"
            raise RejectedError(f"{what} must be 1 to 128 printable ASCII characters without a space")
        return caller
