"""Certificates for services that the API server calls: webhooks, and APIs to which it hands on requests."""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from local.node.certificates import authority_in, signed, subject, write_pair
from local.node.node import Node
from local.operators.operator import Manifest


@dataclass(frozen=True, kw_only=True)
class ServingCertificate:
    """The certificate of one service, signed by an authority of its own; both are made once and kept."""

    namespace: str
    service: str
    secret: str
    """Name of the Secret that the service's pods mount."""
    folder: str
    """The folder of both, below the node's keys."""
    file: str
    authority: str
    """The common name of the authority."""

    def authority_bundle(self, node: Node) -> str:
        """Makes what is missing; returns the authority for the API server, in base64."""
        folder = node.folder / "pki" / self.folder
        authority, key = authority_in(folder, self.authority)
        if not (folder / f"{self.file}.crt").exists():
            host = f"{self.service}.{self.namespace}.svc"
            write_pair(folder / self.file, *signed(authority, key, subject(host, ""), (host,)))
        return base64.b64encode(authority.public_bytes(serialization.Encoding.PEM)).decode()

    def secret_object(self, node: Node) -> Manifest:
        """The certificate and its key, once they are made."""
        folder = node.folder / "pki" / self.folder
        chain, key = ((folder / f"{self.file}.{part}").read_text() for part in ("crt", "key"))
        return tls_secret(self.namespace, self.secret, chain, key)


def tls_secret(namespace: str, name: str, chain: str, key: str) -> Manifest:
    """A Secret with a certificate followed by what signed it, and its key, all in PEM."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"tls.crt": chain, "tls.key": key},
    }
