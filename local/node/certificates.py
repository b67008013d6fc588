"""The node's certificate authority and the certificates it signs, made once and kept."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.node.config import ADDRESS, API_SERVICE, NODE

VALID = timedelta(days=3650)

LEAVES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # file: (common name, organization, names and addresses)
    "apiserver": (
        "kube-apiserver",
        "",
        ("127.0.0.1", ADDRESS, API_SERVICE, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    ),
    "etcd": ("etcd", "", ("127.0.0.1", "localhost")),
    "apiserver-etcd": ("apiserver-etcd", "", ()),
    "apiserver-kubelet": ("apiserver-kubelet", "system:masters", ()),
    "front-proxy": ("front-proxy", "", ()),
    "admin": ("admin", "system:masters", ()),
    "controller-manager": ("system:kube-controller-manager", "", ()),
    "scheduler": ("system:kube-scheduler", "", ()),
    "kubelet": (f"system:node:{NODE}", "system:nodes", (NODE, ADDRESS)),
    "proxy": ("system:kube-proxy", "", ()),
}


def write_certificates(pki: Path) -> None:
    """Makes the authority, every leaf and the service account key that are missing; keys are readable by root only."""
    pki.mkdir(parents=True, exist_ok=True)
    pki.chmod(0o700)
    authority, authority_key = authority_in(pki)
    for name, (common, organization, hosts) in LEAVES.items():
        if not (pki / f"{name}.crt").exists():
            certificate, key = signed(authority, authority_key, subject(common, organization), hosts)
            write_pair(pki / name, certificate, key)
    if not (pki / "sa.pub").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_key(pki / "sa.key", key)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (pki / "sa.pub").write_bytes(public)


def authority_in(folder: Path, common: str = "ml-loop-ca") -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The certificate authority of a folder (`ca.crt`, `ca.key`), made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "ca.crt").exists():
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # narrows the type: we wrote it
        return x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = subject(common, "")
    certificate = (
        builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_pair(folder / "ca", certificate, key)
    return certificate, key


def signed(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, name: x509.Name, hosts: tuple[str, ...]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for servers and clients with the given DNS names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    unsigned = builder(name, authority.subject, key).add_extension(usages, critical=False)
    if hosts:
        unsigned = unsigned.add_extension(x509.SubjectAlternativeName([general(h) for h in hosts]), critical=False)
    return unsigned.sign(authority_key, hashes.SHA256()), key


def builder(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
    )


def subject(common: str, organization: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write_pair(stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first: a certificate without its key would look finished."""
    write_key(stem.with_name(stem.name + ".key"), key)
    stem.with_name(stem.name + ".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
