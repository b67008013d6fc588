"""The barman-cloud plugin from its manifests: certificates and images of ours, and no rights that nothing uses."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509

from local.node.node import Node
from local.operators import barman_cloud
from local.operators.barman_cloud import manifests, secret

RENDERED: list[dict[str, Any]] = [
    {"kind": "Issuer", "metadata": {"name": "selfsigned-issuer"}},
    {"kind": "Certificate", "metadata": {"name": "barman-cloud-server"}},
    {"kind": "Secret", "metadata": {"name": "plugin-barman-cloud-x"}},
    {"kind": "ClusterRole", "metadata": {"name": "plugin-barman-cloud"}},
    {"kind": "ClusterRole", "metadata": {"name": "barman-plugin-objectstore-editor-role"}},
    {
        "kind": "Deployment",
        "metadata": {"name": "barman-cloud"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "barman-cloud",
                            "args": [
                                "operator",
                                "--server-cert=/server/tls.crt",
                                "--leader-elect",
                                "--log-level=debug",
                            ],
                            "env": [{"name": "SIDECAR_IMAGE", "valueFrom": {}}],
                            "readinessProbe": {"initialDelaySeconds": 10},
                        }
                    ]
                }
            }
        },
    },
]
IMAGES = {"plugin-barman-cloud": "ours@sha256:a", "plugin-barman-cloud-sidecar": "ours@sha256:b"}


def rendered(*_: object) -> list[dict[str, Any]]:
    return deepcopy(RENDERED)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return cast("Node", SimpleNamespace(folder=tmp_path))


@pytest.fixture
def made(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    monkeypatch.setattr(barman_cloud, "kustomized", rendered)
    return list(manifests(node, IMAGES))


def test_what_needs_cert_manager_or_is_for_others_is_left_out(made: list[Mapping[str, Any]]) -> None:
    assert [(each["kind"], each["metadata"]["name"]) for each in made] == [
        ("Secret", "barman-cloud-server-tls"),
        ("Secret", "barman-cloud-client-tls"),
        ("ClusterRole", "plugin-barman-cloud"),
        ("Deployment", "barman-cloud"),
    ]


def test_databases_get_our_sidecar(made: list[Mapping[str, Any]]) -> None:
    (container,) = made[-1]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "ours@sha256:a"
    assert container["env"] == [{"name": "SIDECAR_IMAGE", "value": "ours@sha256:b"}]
    assert container["args"] == ["operator", "--server-cert=/server/tls.crt"]


def test_each_end_trusts_what_the_other_s_secret_holds(node: Node, made: list[Mapping[str, Any]]) -> None:
    server, client = (
        x509.load_pem_x509_certificates(secret(node, end)["stringData"]["tls.crt"].encode())
        for end in ("server", "client")
    )
    names = server[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["barman-cloud"], "the operator asks for the Service's name"
    # A client shows a certificate only to a server that names its issuer.
    assert client[0].issuer in [each.subject for each in client]
    for chain in (server, client):
        chain[0].verify_directly_issued_by(chain[1])


def test_certificates_are_made_once(node: Node, made: list[Mapping[str, Any]]) -> None:
    assert manifests(node, IMAGES)[:2] == made[:2]
