"""Kafka: the way to your brokers, or one bundled broker without replicas for laptops and development.

The broker is its own controller (KRaft) and speaks plain text inside the cluster, where NetworkPolicies decide who
reaches it. It makes no topic by itself: a misspelt name fails instead of collecting what nobody reads.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.client_job import client_job
from components.kit.connections import KafkaConnection
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import ANYWHERE, Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import (
    SCRATCH,
    Container,
    PodSpec,
    config_map,
    plain_env,
    pod,
    resources,
    restricted_container,
    volume_claim,
)
from components.streaming.properties import DATA, EXTERNAL_PORT, LOGGING, PORT, properties
from contract.names import DRIFT_TOPIC, OUTCOMES_TOPIC, PREDICTIONS_TOPIC

APP: Final = "kafka"
CLUSTER_ID: Final = "bWwtbG9vcC1rYWZrYS0wMQ"
"""16 bytes in base64. What marks a volume as this broker's; nothing else ever shares it."""
CONFIG: Final = "/etc/kafka"
WEEK: Final = 7 * 24 * 60 * 60 * 1000
TOPICS: Final = {
    PREDICTIONS_TOPIC: {"retention.ms": str(WEEK), "retention.bytes": str(1 << 30), "segment.bytes": str(64 << 20)},
    OUTCOMES_TOPIC: {"retention.ms": str(WEEK), "retention.bytes": str(1 << 30), "segment.bytes": str(64 << 20)},
    DRIFT_TOPIC: {"retention.ms": str(WEEK)},
}
"""The loop's topics → what is kept of them."""
CREATE_TOPICS: Final = """\
import json, os
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
wanted = [NewTopic(name, 1, 1, config=config) for name, config in json.loads(os.environ["TOPICS"]).items()]
for name, answer in admin.create_topics(wanted, request_timeout=60).items():
    try:
        answer.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
"""


@dataclass(frozen=True, kw_only=True)
class KafkaArgs:
    """The broker's size, and who may reach it."""

    namespace: pulumi.Input[str]
    storage: str
    """Size of the volume."""
    image: str
    client_image: str
    """An image with Python and confluent-kafka, for the Job that makes the topics."""
    client_namespaces: Sequence[str]
    """Namespaces whose pods may reach the broker, if they carry its client labels."""
    node_port: int | None = None
    """Port on every node, without TLS, where one is wanted."""
    node_address: str | None = None
    """Address of a node, where clients from outside reach the port, which are told it. Required with `node_port`."""

    @property
    def external_servers(self) -> str | None:
        """`host:port` for clients outside the cluster."""
        return None if self.node_port is None else f"{self.node_address}:{self.node_port}"


class Kafka(pulumi.ComponentResource):
    """Creates a StatefulSet of one broker, its configuration, Service, account and policies, and a Job for the topics.

    There is no copy: what the broker's volume loses is lost.
    """

    connection: KafkaConnection
    external_servers: str | None
    """`host:port` for clients outside the cluster; None without a node port."""

    def __init__(self, name: str, args: KafkaArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:streaming:Kafka", name, None, opts)
        child = ResourceOptions(parent=self)
        client_labels = {f"ml-loop.dev/client-of-{name}": "true"}
        self.external_servers = args.external_servers

        broker = _broker(name, args, child)
        allow(
            f"{name}-broker",
            namespace=args.namespace,
            selector=selector(APP, name, "broker"),
            ingress=[
                Allowance(
                    ports=(PORT,),
                    peers=(pods(client_labels), *(pods(client_labels, each) for each in args.client_namespaces)),
                ),
                *([Allowance(ports=(EXTERNAL_PORT,), peers=ANYWHERE)] if self.external_servers else []),
            ],
            opts=child,
        )
        service = _service(name, args, depending_on(child, broker))
        server = pods(selector(APP, name, "broker"), args.namespace)
        connection = KafkaConnection(
            bootstrap_servers=Output.concat(object_name(service), ".", args.namespace, f".svc.cluster.local:{PORT}"),
            tls=False,
            client_labels=client_labels,
            egress=(Allowance(ports=(PORT,), peers=(server,)),),
        )
        ready = _create_topics(name, args, connection, child)
        self.connection = replace(connection, bootstrap_servers=ready)
        self.register_outputs({"bootstrap_servers": ready, "external_servers": self.external_servers})


def _broker(name: str, args: KafkaArgs, child: ResourceOptions) -> k8s.apps.v1.StatefulSet:
    service = Output.concat(name, ".", args.namespace, ".svc.cluster.local")
    data = service.apply(
        lambda host: {"server.properties": properties(host, args.external_servers), "log4j2.properties": LOGGING}
    )
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": name,
        "namespace": args.namespace,
        "labels": labels(APP, name, "broker"),
    }
    configuration = config_map(f"{name}-configuration", name, metadata, data, opts=child)
    account = k8s.core.v1.ServiceAccount(
        f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=child
    )
    return k8s.apps.v1.StatefulSet(
        f"{name}-server",
        metadata=metadata,
        spec={
            "replicas": 1,
            "service_name": name,
            "selector": {"match_labels": selector(APP, name, "broker")},
            "template": {
                "metadata": {"labels": labels(APP, name, "broker")},
                "spec": _pod(args, configuration, object_name(account)),
            },
            "volume_claim_templates": [{"metadata": {"name": "data"}, "spec": volume_claim(args.storage)}],
        },
        opts=child,
    )


def _pod(args: KafkaArgs, configuration: Output[str], account: Output[str]) -> PodSpec:
    """The broker's pod: formats an empty volume, then serves it. Both by the same image, without a shell or scripts."""
    probe: k8s.core.v1.ProbeArgsDict = {"tcp_socket": {"port": "kafka"}, "period_seconds": 5}
    server: Container = {
        **_java("kafka", args.image, ["kafka.Kafka", f"{CONFIG}/server.properties"]),
        "ports": [
            {"name": "kafka", "container_port": PORT},
            {"name": "external", "container_port": EXTERNAL_PORT},
        ],
        # It listens only once its log is read, which takes long after a crash.
        "startup_probe": {**probe, "failure_threshold": 60},
        "readiness_probe": probe,
        "liveness_probe": {**probe, "failure_threshold": 6},
    }
    storage = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
    volume = ["--cluster-id", CLUSTER_ID, "--config", f"{CONFIG}/server.properties"]
    return {
        **pod(
            server,
            volumes=[{"name": "configuration", "config_map": {"name": configuration}}],
            service_account=account,
        ),
        "init_containers": [_java("format", args.image, [*storage, *volume])],
        "termination_grace_period_seconds": 60,
    }


def _java(name: str, image: str, command: Sequence[str]) -> Container:
    return {
        **restricted_container(
            name,
            image,
            resources(cpu="100m", memory="512Mi", memory_limit="1Gi"),
            [
                {"name": "data", "mount_path": DATA},
                {"name": "configuration", "mount_path": CONFIG, "read_only": True},
            ],
        ),
        "command": ["java", "-Xms128m", "-Xmx512m", f"-Djava.io.tmpdir={SCRATCH}", *command],
        "env": plain_env(
            {
                # Java itself expands the asterisk.
                "CLASSPATH": "/opt/kafka/libs/*",
                "JDK_JAVA_OPTIONS": f"-Dlog4j2.configurationFile={CONFIG}/log4j2.properties",
            }
        ),
    }


def _service(name: str, args: KafkaArgs, opts: ResourceOptions) -> k8s.core.v1.Service:
    ports: list[k8s.core.v1.ServicePortArgsDict] = [{"name": "kafka", "port": PORT, "target_port": "kafka"}]
    if args.node_port is not None:
        external: k8s.core.v1.ServicePortArgsDict = {
            "name": "external",
            "port": EXTERNAL_PORT,
            "target_port": "external",
        }
        ports.append({**external, "node_port": args.node_port})
    return k8s.core.v1.Service(
        f"{name}-service",
        metadata={"name": name, "namespace": args.namespace, "labels": labels(APP, name)},
        spec={
            "type": "ClusterIP" if args.node_port is None else "NodePort",
            "selector": selector(APP, name, "broker"),
            "ports": ports,
        },
        opts=opts,
    )


def _create_topics(name: str, args: KafkaArgs, connection: KafkaConnection, child: ResourceOptions) -> Output[str]:
    """Makes the topics that are not there. Returns the bootstrap servers, known once all are."""
    topics = json.dumps(TOPICS)
    job = client_job(
        name,
        "topics",
        connection.access,
        app=APP,
        namespace=args.namespace,
        image=args.client_image,
        script=CREATE_TOPICS,
        env=plain_env({"TOPICS": topics}),
        work=topics,
        opts=child,
    )
    return Output.all(job, connection.bootstrap_servers).apply(lambda known: str(known[1]))
