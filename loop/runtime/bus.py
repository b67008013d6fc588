"""`python3 -m loop bus-credentials`: a certificate and a password for the event bus, made once, into a Secret.

The key leaves the pod only for that Secret, which must exist: this command needs get and patch on that one object.
What is in it already stays, so the command may run any number of times.
"""

import base64
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from contract.commands import BusCredentials
from loop.runtime import command, pod

USERNAME: Final = "argo-events"
LIFETIME: Final = timedelta(days=3650)


def credentials(host: str, now: datetime) -> Mapping[str, str]:
    """The Secret's data: `tls.crt` and `tls.key` for `host`, `username`, `password`, and both in `auth.yaml`.

    The certificate is self-signed and may sign nothing else: clients trust it and no authority.
    """
    from cryptography import x509  # noqa: PLC0415  # --help need not wait for it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "event-bus")])
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    # A letter first: nats-server reads what looks like a number as one.
    password = f"p{secrets.token_hex(32)}"
    return {
        "tls.crt": certificate.public_bytes(pem).decode(),
        "tls.key": private.decode(),
        "username": USERNAME,
        "password": password,
        "auth.yaml": f"username: {USERNAME}\npassword: {password}\n",
    }


def main() -> int:
    given = BusCredentials.parse(sys.argv[1:])
    return command.run(lambda: _fill(given))


def _fill(given: BusCredentials) -> None:
    from kubernetes import client, config  # noqa: PLC0415

    config.load_config()
    namespace = given.namespace or pod.namespace()
    api = client.CoreV1Api()
    found = api.read_namespaced_secret(given.secret, namespace)
    if found.data:
        print(f"Secret {given.secret} is filled already: nothing to do")
        return
    made = credentials(given.host, datetime.now(UTC))
    data = {key: base64.b64encode(value.encode()).decode() for key, value in made.items()}
    assert found.metadata is not None  # noqa: S101  # it was read by its name
    # With the version that was read, so that of two pods at once one fails and finds the other's work.
    version = found.metadata.resource_version
    api.patch_namespaced_secret(given.secret, namespace, {"metadata": {"resourceVersion": version}, "data": data})
    print(f"Secret {given.secret} holds a certificate for {given.host}")
