"""The brokers that carry predictions and drift, as the settings say: yours, or one that the stack runs."""

from pulumi import Input, Output, ResourceOptions

from components.kit.connections import KafkaConnection
from components.kit.images import image
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, Allowance
from components.streaming.asked import AskedBrokers, AskedBrokersArgs
from components.streaming.kafka import Kafka, KafkaArgs
from settings import BundledKafka, ExternalKafka, ImageName, Settings


def brokers(stack: Settings, namespace: Input[str], opts: ResourceOptions) -> KafkaConnection | None:
    """Kafka for the pods of `namespace`: a broker in its own namespace, or yours, checked by a Job; None without."""
    match stack.kafka:
        case None:
            return None
        case ExternalKafka() as external:
            args = AskedBrokersArgs(
                connection=external_brokers(external),
                namespace=namespace,
                client_image=image(stack, ImageName.LOOP),
                watched=[name for name, model in stack.models.items() if model.drift is not None],
                retrained=[name for name, model in stack.models.items() if model.retraining is not None],
                answering=[name for name, model in stack.models.items() if model.outcomes is not None],
            )
            return AskedBrokers("kafka", args, opts).connection
        case BundledKafka() as bundled:
            return _bundled(stack, bundled, opts)


def _bundled(stack: Settings, kafka: BundledKafka, opts: ResourceOptions) -> KafkaConnection:
    home = RestrictedNamespace("kafka-home", RestrictedNamespaceArgs(namespace=kafka.namespace), opts)
    args = KafkaArgs(
        namespace=home.name,
        storage=kafka.storage,
        image=image(stack, ImageName.KAFKA),
        client_image=image(stack, ImageName.LOOP),
        client_namespaces=[stack.namespace],
        node_port=kafka.node_port,
        node_address=stack.cluster.node_address,
    )
    return Kafka("kafka", args, opts).connection


def external_brokers(given: ExternalKafka) -> KafkaConnection:
    """The connection to brokers that are there already, on the ports they are named with."""
    ports = {int(server.rpartition(":")[2]) for server in given.bootstrap_servers.split(",")}
    return KafkaConnection(
        bootstrap_servers=Output.from_input(given.bootstrap_servers),
        tls=given.tls is not None,
        ca_secret=given.tls and given.tls.ca_secret,
        client_secret=given.tls and given.tls.client_secret,
        sasl=given.sasl,
        client_labels={},
        egress=(Allowance(ports=tuple(sorted(ports)), peers=ANYWHERE),),
    )
