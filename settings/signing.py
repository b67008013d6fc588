"""Signatures of versions: made by the gate's step, verified before a version is promoted or served."""

from typing import Annotated

from pydantic import Field

from settings.problem import Allowed
from settings.section import Section
from settings.values.flag import Flag
from settings.values.secret import SecretName

PublicKey = Annotated[
    str,
    Field(pattern=r"^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n?$"),
    Allowed(
        "a public key in PEM",
        "Write what openssl ec -in private.pem -pubout prints, as a block (|)",
        instead_of_value="this text (not shown)",
    ),
]
"""A key of an elliptic curve. Pods that never see the private one verify signatures with it."""


class Signing(Section):
    """A key that signs each version that passes its gate."""

    key_secret: SecretName
    """Secret in the loop's namespace whose key private.pem is an EC key without a password."""
    public_key: PublicKey
    """Its public key, in PEM."""
    required: Annotated[Flag, Allowed("true or false", "Leave it out while older versions have no signature")] = False
    """Whether a version without a signature is neither promoted nor served."""
