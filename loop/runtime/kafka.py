"""How every pod of the loop reaches Kafka: librdkafka settings from the environment."""

from collections.abc import Mapping
from typing import Any, Final

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
