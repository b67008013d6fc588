"""Who registered a version: OpenSSF's model signing over the files of its model, by a key of the gate's step alone.

A signature is a Sigstore bundle that names every file with its SHA-256, and the model as its subject, so that it does
not vouch for another model's version. `model_signing verify` reads the same bundle.
"""

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from contract.names import Env, Tag
from loop.runtime.digests import LEFT_OUT

if TYPE_CHECKING:
    from model_signing import hashing

MOST: Final = 100_000
"""The most characters that MLflow takes in a version's tag: enough for some four hundred files."""


class SignatureError(Exception):
    """One clause: why a model cannot be signed, or is not the signed one."""


@dataclass(frozen=True)
class Signatures:
    """What a stack asks of the versions that it serves and promotes."""

    public_key: str = ""
    """PEM; empty: signatures are not looked at."""
    required: bool = False

    @classmethod
    def from_environment(cls) -> Self:
        return cls(os.environ.get(Env.SIGNATURE_KEY, ""), os.environ.get(Env.SIGNATURE_REQUIRED) == "true")

    def refusal(self, tags: Mapping[str, str], folder: Path, model: str) -> str | None:
        """Why a version with these tags and files must not be used; None: it may."""
        signature = tags.get(Tag.SIGNATURE)
        if not self.public_key or (signature is None and not self.required):
            return None
        if signature is None:
            return "it has no signature, and this stack asks for one: train it again, or set signing.required to false"
        try:
            verify(folder, model, signature, self.public_key)
        except SignatureError as error:
            return str(error)
        return None


def sign(folder: Path, key: Path) -> str:
    """The signature over all files below the folder, which has the registered model's name. Raises SignatureError."""
    from model_signing import signing  # noqa: PLC0415  # it takes a second to load, and most stacks sign nothing

    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch, "bundle.json")
        try:
            signer = signing.Config().use_elliptic_key_signer(private_key=key)
            signer.set_hashing_config(_hashing()).sign(folder, bundle)
        except (ValueError, TypeError, OSError) as error:
            raise SignatureError(f"the model cannot be signed with {key}: {_said(error)}") from error
        text = json.dumps(json.loads(bundle.read_text("utf-8")), separators=(",", ":"))
    if len(text) > MOST:
        raise SignatureError(f"the signature of the model has {len(text)} characters, and a tag takes {MOST}")
    return text


def verify(folder: Path, model: str, signature: str, public_key: str) -> None:
    """Raises SignatureError where the signature is by another key, or of another model or other files."""
    from model_signing import verifying  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        bundle, key = Path(scratch, "bundle.json"), Path(scratch, "key.pem")
        bundle.write_text(signature, "utf-8")
        key.write_text(public_key, "utf-8")
        try:
            verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
            verifier.set_hashing_config(_hashing()).verify(folder, bundle)
            (subject,) = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))["subject"]
        except Exception as error:  # whatever it is, nothing was verified
            raise SignatureError(f"its signature does not hold: {_said(error)}") from error
    if subject["name"] != model:
        raise SignatureError(f"its signature was made for the model {subject['name']}")


def _hashing() -> "hashing.Config":
    from model_signing import hashing  # noqa: PLC0415

    return hashing.Config().set_ignored_paths(paths=[LEFT_OUT], ignore_git_paths=False)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
