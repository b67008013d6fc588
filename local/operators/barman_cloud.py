"""The barman-cloud plugin, which archives databases, from the manifests its Go module carries, without cert-manager.

Operator and plugin know each other by certificates made here. Only for stacks that ask for backups.
"""

from typing import Any, Final

from local.node.certificates import authority_in, signed, subject, write_pair
from local.node.node import Node
from local.operators.cloudnativepg import NAMESPACE
from local.operators.operator import LocalOperator, Manifest, References, kustomized
from local.operators.serving_certificate import tls_secret

NAME: Final = "barman-cloud"
PLUGIN: Final = "plugin-barman-cloud"
SIDECAR: Final = f"{PLUGIN}-sidecar"
DROPPED_KINDS: Final = {
    "Certificate": "ours take their place",
    "Issuer": "see Certificate",
    "Secret": "the sidecar's image, which the Deployment names here",
}
DROPPED_PREFIX: Final = "barman-plugin-"
"""Rights for leader election, metrics and people: one replica elects no leader, and nothing here uses the others."""


def manifests(node: Node, references: References) -> list[Manifest]:
    """The Secrets first: the operator looks for them when it sees the Service."""
    make_certificates(node)
    rendered = kustomized(node, PLUGIN, "kubernetes")
    kept = [
        m for m in rendered if m["kind"] not in DROPPED_KINDS and not m["metadata"]["name"].startswith(DROPPED_PREFIX)
    ]
    for manifest in kept:
        if manifest["kind"] == "Deployment":
            adapt(manifest, references)
    return [*(secret(node, end) for end in ("server", "client")), *kept]


def make_certificates(node: Node) -> None:
    """Makes the certificates of both ends that are missing."""
    folder = node.folder / "pki" / NAME
    authority, key = authority_in(folder, f"{NAME}-ca")
    # The operator expects the Service's own name.
    for end, hosts in (("server", (NAME,)), ("client", ())):
        if not (folder / f"{end}.crt").exists():
            write_pair(folder / end, *signed(authority, key, subject(f"{NAME}-{end}", ""), hosts))


def secret(node: Node, end: str) -> Manifest:
    """One end's certificate with its authority appended: each end trusts what the other's file holds."""
    folder = node.folder / "pki" / NAME
    chain = (folder / f"{end}.crt").read_text() + (folder / "ca.crt").read_text()
    return tls_secret(NAMESPACE, f"{NAME}-{end}-tls", chain, (folder / f"{end}.key").read_text())


def adapt(deployment: Manifest, references: References) -> None:
    """Our images, also for the sidecar that the plugin gives to databases; ready as soon as it listens."""
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    container |= {
        "image": references[PLUGIN],
        "imagePullPolicy": "IfNotPresent",
        "args": [each for each in container["args"] if each not in ("--leader-elect", "--log-level=debug")],
        "env": [{"name": "SIDECAR_IMAGE", "value": references[SIDECAR]}],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 2}


BARMAN_CLOUD = LocalOperator(
    name=PLUGIN,
    images=(PLUGIN, SIDECAR),
    manifests=manifests,
    deployments=((NAMESPACE, NAME),),
    needs=("operator cloudnative-pg",),
)
