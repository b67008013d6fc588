"""Keys that sign versions, as `openssl ecparam -name prime256v1 -genkey` makes them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def new_key(folder: Path) -> tuple[Path, str]:
    """File with a private key, and its public key in PEM."""
    folder.mkdir(exist_ok=True)
    key, file = ec.generate_private_key(ec.SECP256R1()), folder / "private.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return file, public.decode()
