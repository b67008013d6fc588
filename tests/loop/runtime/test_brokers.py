"""What brokers that others run lack is told in one sentence, before anything is connected."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation  # pyright: ignore[reportPrivateImportUsage]  # documented there

from contract.brokers import TOPIC_RIGHTS, Needs
from contract.names import OUTCOMES_TOPIC
from loop.runtime.brokers import BrokersError, check

NEEDS = Needs.of(["churn"], ["churn"], ["churn"])
ALL = [AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.ALTER]


class Described:
    def __init__(self, operations: list[Any] | None) -> None:
        self.authorized_operations = operations


def answer(found: list[Any] | int | None) -> Future[Described]:
    """Operations, or the code of an error."""
    future: Future[Described] = Future()
    if isinstance(found, int):
        future.set_exception(KafkaException(KafkaError(found)))
    else:
        future.set_result(Described(found))
    return future


class Admin:
    """Brokers where everything is allowed, but for what a test says."""

    def __init__(self, otherwise: Mapping[str, Any]) -> None:
        self._otherwise = otherwise

    def describe_topics(self, topics: Any, **_: Any) -> dict[str, Future[Described]]:
        return {topic: answer(self._otherwise.get(topic, ALL)) for topic in TOPIC_RIGHTS}

    def describe_consumer_groups(self, groups: list[str], **_: Any) -> dict[str, Future[Described]]:
        return {group: answer(self._otherwise.get(group, ALL)) for group in groups}


def test_brokers_with_all_topics_and_rights_lack_nothing() -> None:
    check(Admin({}), NEEDS)
    check(Admin({OUTCOMES_TOPIC: [AclOperation.ALL]}), NEEDS)


def test_rights_that_are_not_told_are_not_judged() -> None:
    check(Admin(dict.fromkeys([*TOPIC_RIGHTS, *NEEDS.groups])), NEEDS)


def test_a_group_that_nobody_has_read_in_yet_is_no_lack() -> None:
    check(Admin({"ml-loop-drift-churn": KafkaError.GROUP_ID_NOT_FOUND}), NEEDS)


@pytest.mark.parametrize(
    ("otherwise", "said"),
    [
        (
            {"ml.outcomes": KafkaError.UNKNOWN_TOPIC_OR_PART},
            "the topic ml.outcomes must be there, with READ, WRITE, DESCRIBE for the loop's user",
        ),
        (
            {"ml.drift": KafkaError.TOPIC_AUTHORIZATION_FAILED},
            "the topic ml.drift must be there, with READ, WRITE, DESCRIBE for the loop's user",
        ),
        ({"ml.drift": [AclOperation.READ]}, "the loop's user must have WRITE, DESCRIBE on the topic ml.drift"),
        (
            {"ml-loop-drift-churn": KafkaError.GROUP_AUTHORIZATION_FAILED},
            "the loop's user must have READ on the group ml-loop-drift-churn",
        ),
        (
            {"ml-loop-retraining-churn": [AclOperation.DESCRIBE]},
            "the loop's user must have READ on the group ml-loop-retraining-churn",
        ),
    ],
)
def test_what_is_missing_is_named(otherwise: Mapping[str, Any], said: str) -> None:
    with pytest.raises(BrokersError) as lacking:
        check(Admin(otherwise), NEEDS)
    assert str(lacking.value) == said


def test_brokers_that_do_not_answer_are_no_lack_of_rights() -> None:
    with pytest.raises(KafkaException):
        check(Admin({"ml.drift": KafkaError._TRANSPORT}), NEEDS)


def test_needs_are_read_as_they_were_written() -> None:
    assert Needs.from_json(NEEDS.to_json()) == NEEDS
