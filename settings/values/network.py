"""Host names, ports and addresses."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from settings.problem import Allowed

_HOST = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

Host = Annotated[
    str,
    Field(pattern=rf"^{_HOST}$", max_length=253),
    Allowed("a host name such as mlflow.example.com", "Write the name alone, without scheme, port or path"),
]

NodePort = Annotated[
    int,
    Field(strict=True, ge=30000, le=32767),
    Allowed("an integer from 30000 to 32767", "Choose a free port of the range that Kubernetes keeps for node ports"),
]

Endpoint = Annotated[
    str,
    Field(pattern=rf"^https?://{_HOST}(:{_PORT})?/?$"),
    Allowed(
        "the URL of an S3 service, such as https://s3.example.com",
        "Write scheme, host and port alone: the bucket and the credentials have keys of their own",
    ),
]

WebUrl = Annotated[
    str,
    Field(pattern=rf"^https?://{_HOST}(:{_PORT})?(/[!#-;=?-~]*)?$", max_length=2000),
    Allowed("an http or https URL, such as https://git.example.com/ml/pulls", "Write scheme, host and path"),
]

IssuerUrl = Annotated[
    str,
    Field(pattern=rf"^https://{_HOST}(:{_PORT})?(/[\w.~-]+)*/?$"),
    Allowed(
        "the https URL of an OpenID Connect issuer",
        "Write what its /.well-known/openid-configuration names as issuer, to the letter",
    ),
]

BootstrapServers = Annotated[
    str,
    Field(pattern=rf"^{_HOST}:{_PORT}(,{_HOST}:{_PORT})*$"),
    Allowed("Kafka brokers as host:port, separated by commas", "Name each broker with a port from 1 to 65535"),
]


def _block(text: str) -> str:
    return str(ip_network(text, strict=False))


AddressBlock = Annotated[
    str,
    AfterValidator(_block),
    Allowed(
        "an address or a block of addresses, such as 10.0.0.10 or 10.96.0.0/12", "Write numbers: policies know no names"
    ),
]
"""IPv4 or IPv6: an address alone becomes a block, bits behind the length are cut, as NetworkPolicies want it."""

PeerBlock = Annotated[
    str,
    AfterValidator(_block),
    Allowed(
        "an address or a block of addresses, such as 10.0.0.10 or 10.96.0.0/12",
        "Write the addresses that the host has, or its pods as podLabels: a NetworkPolicy knows no host names",
    ),
]
"""An `AddressBlock` of clients that one would rather name."""

Port = Annotated[
    int,
    Field(strict=True, ge=1, le=65535),
    Allowed("a port from 1 to 65535", "Write a whole number, without quotes"),
]

ChartMirror = Annotated[
    str,
    Field(pattern=r"^(oci://[^\s:@]+(:[0-9]+)?[^\s:@]*|[./~][^\s:]*)$"),
    Allowed("oci://host/path, or a folder that starts with . or / or ~", "Name where the pinned charts were copied to"),
]

ImageRegistry = Annotated[
    str,
    Field(pattern=rf"^{_HOST}(:{_PORT})?(/[a-z0-9._-]+)*$"),
    Allowed("a registry such as registry.example.com/mirror", "Write host and path, without scheme, name or tag"),
]

KubeContext = Annotated[
    str,
    Field(min_length=1),
    Allowed("the name of a context in the kubeconfig", "Run kubectl config get-contexts -o name and choose one"),
]

ClusterIdentifier = Annotated[
    str,
    Field(min_length=1),
    Allowed(
        "a text that identifies the cluster",
        "Write the context's first name, or what kubectl get namespace kube-system -o jsonpath={.metadata.uid} prints",
    ),
]

KubeconfigPath = Annotated[
    str,
    Field(min_length=1),
    Allowed("the path of a kubeconfig", "Write a path, or leave the key out for KUBECONFIG or ~/.kube/config"),
]
