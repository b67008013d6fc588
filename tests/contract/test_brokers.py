"""docs/kafka.md says what the loop's pods ask brokers for."""

import re

from contract.brokers import TOPIC_RIGHTS, drift_group, record_group, retraining_group
from local.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "kafka.md").read_text(encoding="utf-8")


def test_the_page_lists_each_topic_with_its_rights_and_each_group() -> None:
    rows = dict(re.findall(r"^\| `(ml[^`]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    assert {topic: tuple(rows[topic].split(", ")) for topic in TOPIC_RIGHTS} == TOPIC_RIGHTS
    assert rows.keys() - TOPIC_RIGHTS.keys() == {
        group("<model>") for group in (drift_group, record_group, retraining_group)
    }
