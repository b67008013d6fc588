"""What is known of a version in service: its servers' metrics, and its predictions on Kafka."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import urllib3
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from contract.messages import Prediction, number
from contract.names import PREDICTIONS_TOPIC, SERVER_PORT, Env
from loop.promotion.judge import Sample
from loop.promotion.traffic import Traffic
from loop.runtime.inference import InferenceService, Pod
from loop.runtime.kafka import client_settings

LOOKBACK: Final = timedelta(minutes=10)
"""How old a prediction may be to be compared."""
MOST: Final = 10_000
"""Rows of each version that are kept, the latest."""
PATIENCE: Final = 30.0
"""Seconds for Kafka to hand over what it has."""


def traffic(service: InferenceService, version: str) -> Traffic | None:
    """What all servers of the version counted; None where none answers."""
    http = urllib3.PoolManager(retries=1, timeout=5.0)
    found = [counted for pod in service.pods(version) if (counted := _scraped(http, pod)) is not None]
    return sum(found, Traffic()) if found else None


def _scraped(http: urllib3.PoolManager, pod: Pod) -> Traffic | None:
    try:
        response = http.request("GET", f"http://{pod.status.pod_ip}:{SERVER_PORT}/metrics")
    except urllib3.exceptions.HTTPError:
        return None
    return counted(response.data.decode()) if response.status == 200 else None


def counted(text: str) -> Traffic:
    """What a server's metrics say of its requests (`loop.serving.guard`)."""
    codes: dict[str, float] = {}
    seconds = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "ml_loop_requests_total":
                codes[sample.labels["code"][0]] = codes.get(sample.labels["code"][0], 0.0) + sample.value
            elif sample.name == "ml_loop_answer_seconds_sum":
                seconds += sample.value
    return Traffic(int(codes.get("2", 0)), int(codes.get("5", 0)), int(codes.get("4", 0)), seconds)


def crashes(service: InferenceService, version: str) -> tuple[str, ...]:
    """Why containers of the version's servers ended since they were made."""
    return tuple(
        f"pod {pod.name}: {(ended.message or f'{ended.reason}, exit code {ended.exit_code}').strip()}"
        for pod in service.pods(version)
        for status in pod.status.container_statuses or []
        if (ended := status.last_state and status.last_state.terminated) and ended.exit_code != 0
    )


def samples(model: str, versions: Iterable[str]) -> dict[str, Sample]:
    """The latest predictions by version; empty where none are published. Raises KafkaException."""
    if not os.environ.get(Env.KAFKA):
        return {}
    rows: dict[str, list[tuple[list[Any], list[Any]]]] = {version: [] for version in versions}
    for value in _messages(datetime.now(UTC) - LOOKBACK):
        # Anybody may write to the topic: what is no prediction counts for no version.
        message = Prediction.parse(value, model)
        if isinstance(message, Prediction) and (kept := rows.get(message.version)) is not None:
            kept.append((message.features, message.predictions))
    return {version: sample(kept[-MOST:]) for version, kept in rows.items()}


def sample(rows: list[tuple[list[Any], list[Any]]]) -> Sample:
    """From (features, predictions) of each row. What is no number, such as a label, is left out."""
    columns = zip(*(predictions for _, predictions in rows), strict=False)
    outputs = tuple(tuple(each for value in column if (each := number(value)) is not None) for column in columns)
    return Sample(outputs, len({json.dumps(features) for features, _ in rows}))


def _messages(since: datetime) -> Iterable[bytes]:
    """All of the topic from `since` to its end of now. No offset is committed: nobody else's reading is disturbed."""
    consumer = Consumer(
        client_settings(os.environ)
        | {"group.id": "ml-loop-promotion", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 2}
    )
    try:
        topic = consumer.list_topics(PREDICTIONS_TOPIC, PATIENCE).topics[PREDICTIONS_TOPIC]
        at = int(since.timestamp() * 1000)
        starts = consumer.offsets_for_times(
            [TopicPartition(PREDICTIONS_TOPIC, number, at) for number in topic.partitions], PATIENCE
        )
        ends = {each.partition: consumer.get_watermark_offsets(each, PATIENCE)[1] for each in starts}
        # The offset is -1 where nothing is as young.
        open_ones = {each.partition for each in starts if 0 <= each.offset < ends[each.partition]}
        consumer.assign([each for each in starts if each.partition in open_ones])
        while open_ones:
            message = consumer.poll(PATIENCE)
            if message is None:
                raise KafkaException(f"no answer for {PATIENCE:.0f} s")
            partition, offset, value = message.partition(), message.offset(), message.value()
            if message.error() is None and value is not None:
                yield value
            over = message.error() is not None or offset is None or partition is None or offset + 1 >= ends[partition]
            if over and partition is not None:
                open_ones.discard(partition)
    finally:
        consumer.close()
