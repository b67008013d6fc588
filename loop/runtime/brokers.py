"""`python3 -m loop.runtime.brokers`: asks brokers that others run for what the loop needs, as a client with the loop's
own account.

A Job runs it before anything is connected: a missing topic or right would only be found by the first prediction. The
brokers themselves report rights (KIP-430); what they do not report is not judged.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from contract.brokers import NEEDS, READ, Needs
from loop.runtime import command
from loop.runtime.kafka import client_settings

SECONDS: Final = 30.0


class BrokersError(Exception):
    """What the brokers lack, in one sentence each."""


def check(admin: Any, needs: Needs) -> None:
    """Raises BrokersError, or what the client raises when no broker answers."""
    if lacking := [*_topics(admin, needs), *_groups(admin, needs)]:
        raise BrokersError("; ".join(lacking))


def _topics(admin: Any, needs: Needs) -> Iterator[str]:
    from confluent_kafka import KafkaException, TopicCollection  # noqa: PLC0415

    asked = admin.describe_topics(
        TopicCollection(list(needs.topics)), include_authorized_operations=True, request_timeout=SECONDS
    )
    for topic, answer in asked.items():
        try:
            found = answer.result()
        except KafkaException as error:
            if error.args[0].name() not in {"UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED"}:
                raise
            yield f"the topic {topic} must be there, with {', '.join(needs.topics[topic])} for the loop's user"
            continue
        yield from _rights(f"the topic {topic}", needs.topics[topic], found.authorized_operations)


def _groups(admin: Any, needs: Needs) -> Iterator[str]:
    from confluent_kafka import KafkaException  # noqa: PLC0415

    if not needs.groups:
        return
    asked = admin.describe_consumer_groups(
        list(needs.groups), include_authorized_operations=True, request_timeout=SECONDS
    )
    for group, answer in asked.items():
        try:
            found = answer.result()
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":
                continue  # the group was never used, so its rights are not reported
            if error.args[0].name() != "GROUP_AUTHORIZATION_FAILED":
                raise
            yield f"the loop's user must have {READ} on the group {group}"
            continue
        yield from _rights(f"the group {group}", (READ,), found.authorized_operations)


def _rights(what: str, wanted: tuple[str, ...], told: Any) -> Iterator[str]:
    if told is None:
        return
    names = {each.name for each in told}
    if missing := [right for right in wanted if right not in names and "ALL" not in names]:
        yield f"the loop's user must have {', '.join(missing)} on {what}"


def main() -> int:
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    needs = Needs.from_json(os.environ[NEEDS])
    return command.run(lambda: check(AdminClient(client_settings(os.environ)), needs), BrokersError, KafkaException)


if __name__ == "__main__":
    sys.exit(main())
