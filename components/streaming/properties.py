"""What the bundled broker is told: one node that is broker and controller, and talks to itself by loopback."""

from typing import Final

PORT: Final = 9092
EXTERNAL_PORT: Final = 9094
"""The port behind the node's port, for clients outside the cluster."""
DATA: Final = "/var/lib/kafka"
LOGGING: Final = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def properties(service: str, external_servers: str | None) -> str:
    """The broker's server.properties. `service` is its name inside the cluster."""
    listeners = {"PLAINTEXT": f"{service}:{PORT}"} | ({"EXTERNAL": external_servers} if external_servers else {})
    ports = {"PLAINTEXT": PORT, "EXTERNAL": EXTERNAL_PORT}
    kinds = [*listeners, "CONTROLLER"]
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": ",".join([*(f"{kind}://:{ports[kind]}" for kind in listeners), "CONTROLLER://localhost:9093"]),
        "advertised.listeners": ",".join(f"{kind}://{address}" for kind, address in listeners.items()),
        "listener.security.protocol.map": ",".join(f"{kind}:PLAINTEXT" for kind in kinds),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": f"{DATA}/logs",
        "auto.create.topics.enable": "false",
        # Kafka's own topics want three brokers unless told otherwise.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # By default it waits for further consumers, which delays the only one.
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
