"""Kafka, which carries predictions and drift: your brokers, or one bundled broker."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Tag

from settings.problem import Problem, one_of
from settings.section import Section, kind_of
from settings.values.names import Namespace
from settings.values.network import BootstrapServers, NodePort
from settings.values.quantity import Size
from settings.values.secret import SecretName


class SaslMechanism(StrEnum):
    """How a client proves who it is."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    """Challenge and response: the password is not sent."""
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    """Challenge and response: the password is not sent."""
    PLAIN = "PLAIN"
    """The password itself is sent: with TLS only."""


class Tls(Section):
    """TLS to the brokers. `tls: {}` trusts the public certificate authorities."""

    ca_secret: SecretName | None = None
    """Secret in the loop's namespace with the key ca.crt. Unset: the public certificate authorities."""
    client_secret: SecretName | None = None
    """Secret in the loop's namespace with the keys tls.crt and tls.key, which the loop shows to the brokers (mTLS)."""


class Sasl(Section):
    """A user and a password for the brokers."""

    mechanism: Annotated[SaslMechanism, one_of(SaslMechanism, "Set it to what the brokers offer")] = (
        SaslMechanism.SCRAM_SHA_512
    )
    """How the client proves who it is."""
    secret_name: SecretName
    """Secret in the loop's namespace with the keys username and password."""
    detector_secret_name: SecretName | None = None
    """The same for the watchers over drift and performance, which write ml.drift. Unset: secretName."""
    servers_secret_name: SecretName | None = None
    """The same for the model servers, which write ml.predictions. Unset: secretName."""
    outcomes_secret_name: SecretName | None = None
    """The same for the pods that take outcomes, which write ml.outcomes. Unset: secretName."""


class ExternalKafka(Section):
    """Brokers that you run or rent."""

    kind: Literal["external"] = "external"
    """Kind of the brokers."""
    bootstrap_servers: BootstrapServers
    """Brokers as host:port, separated by commas."""
    tls: Tls | None = None
    """TLS to the brokers. Unset: none."""
    sasl: Sasl | None = None
    """Credentials. Unset: none."""

    def contradictions(self) -> Iterator[Problem]:
        if self.sasl is not None and self.sasl.mechanism is SaslMechanism.PLAIN and self.tls is None:
            yield Problem.with_value(
                ("sasl", "mechanism"),
                self.sasl.mechanism,
                "SCRAM-SHA-512 or SCRAM-SHA-256 while kafka.tls is not set",
                "Add kafka.tls: without it the password crosses the network as it is",
            )


class BundledKafka(Section):
    """One broker without replicas, for laptops and development."""

    kind: Literal["bundled"]
    """Kind of the brokers."""
    namespace: Namespace = "kafka"
    """Namespace of the broker."""
    storage: Size = "5Gi"
    """Size of its volume."""
    node_port: NodePort | None = None
    """Port of the broker on every node, without TLS. For a one-machine cluster."""


Kafka = Annotated[
    Annotated[ExternalKafka, Tag("external")] | Annotated[BundledKafka, Tag("bundled")],
    kind_of("external"),
]
"""The brokers, chosen by the key `kind`; external where it is left out."""
