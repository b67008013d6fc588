"""How every pod of the loop reaches Kafka: librdkafka settings from the environment."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from contract.names import Env

_NAMED: Final = (
    "security.protocol",
    "sasl.mechanism",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
)


class TopicConsumer(Protocol):
    """The part of confluent_kafka.Consumer that reads by bookmarks of its own."""

    def consume(self, num_messages: int, timeout: float) -> list[Any]: ...
    def committed(self, partitions: list[Any], timeout: float) -> list[Any]: ...
    def commit(self, *, offsets: list[Any], asynchronous: Literal[False]) -> Any: ...
    def assign(self, partitions: list[Any]) -> None: ...


def client_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """librdkafka settings from `KAFKA_*`; only those named above, as Kubernetes adds KAFKA_PORT and the like."""
    named = {key: environment.get("KAFKA_" + key.replace(".", "_").upper()) for key in _NAMED}
    return {"bootstrap.servers": environment[Env.KAFKA]} | {key: value for key, value in named.items() if value}


def bookmarked(group: str) -> dict[str, Any]:
    """Settings of a consumer that commits its own bookmarks: only our own commits count, and reading starts at the
    earliest message.
    """
    return {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
