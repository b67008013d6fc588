"""How pods sign versions, and how they verify who signed one."""

from collections.abc import Mapping
from typing import Any, Final

from components.kit.access import NOTHING, Access
from components.kit.pod import plain_env
from contract.names import Env
from settings import Signing

FOLDER: Final = "/etc/ml-loop-signing"
FILE: Final = "private.pem"


def verifying(signing: Signing | None) -> Mapping[str, str]:
    """Variables of a pod that serves or promotes versions."""
    if signing is None:
        return {}
    return {Env.SIGNATURE_KEY: signing.public_key, Env.SIGNATURE_REQUIRED: str(signing.required).lower()}


def signs(signing: Signing | None) -> Access:
    """What the gate's step has and no other pod, in the API's spelling."""
    if signing is None:
        return NOTHING
    mount: Any = {"name": "signing", "mountPath": FOLDER, "readOnly": True}
    items = [{"key": FILE, "path": FILE}]
    volume: Any = {"name": "signing", "secret": {"secretName": signing.key_secret, "items": items}}
    return Access(env=plain_env({Env.SIGNING_KEY_FILE: f"{FOLDER}/{FILE}"}), mounts=[mount], volumes=[volume])
