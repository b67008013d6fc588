"""The brokers that carry predictions and drift, as the settings say: yours, or one that the stack runs."""

from dataclasses import replace

from pulumi import Input, Output, ResourceOptions

from components.kit.client_job import client_job
from components.kit.connections import KafkaConnection
from components.kit.images import image
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, Allowance
from components.kit.pod import plain_env
from components.streaming.kafka import APP, Kafka, KafkaArgs
from contract.brokers import NEEDS, Needs
from settings import BundledKafka, ExternalKafka, ImageName, Settings


def brokers(stack: Settings, namespace: Input[str], opts: ResourceOptions) -> KafkaConnection | None:
    """Kafka, for the pods of `namespace`: a broker in one of its own, or yours, asked by a Job; None without."""
    match stack.kafka:
        case None:
            return None
        case ExternalKafka() as external:
            models = stack.models.items()
            needs = Needs.of(
                [name for name, model in models if model.drift is not None],
                [name for name, model in models if model.retraining is not None],
            )
            loop_image = image(stack, ImageName.LOOP)
            return checked_brokers(external_brokers(external), needs, namespace, loop_image, opts)
        case BundledKafka() as bundled:
            return _bundled(stack, bundled, opts)


def checked_brokers(
    connection: KafkaConnection, needs: Needs, namespace: Input[str], client_image: str, opts: ResourceOptions
) -> KafkaConnection:
    """The same connection, whose address is known once a Job has found all that the loop needs behind it."""
    work = needs.to_json()
    job = client_job(
        "kafka",
        "needs",
        connection.access,
        app=APP,
        namespace=namespace,
        image=client_image,
        script="import sys; from loop.runtime.brokers import main; sys.exit(main())",
        env=plain_env({NEEDS: work}),
        work=work,
        opts=opts,
        verb="check",
    )
    known = Output.all(job, connection.bootstrap_servers).apply(lambda each: str(each[1]))
    return replace(connection, bootstrap_servers=known)


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
