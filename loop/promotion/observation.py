"""What is known of a version in service: its servers' metrics, and its predictions on Kafka."""

import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

import urllib3
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from contract import metrics
from contract.fields import number
from contract.messages import Malformed, Prediction, Scalar
from contract.names import PREDICTIONS_TOPIC, SERVER_PORT, Env
from loop.promotion.predictions import Sample, Value
from loop.promotion.traffic import Traffic
from loop.runtime.inference import InferenceService, Pod
from loop.runtime.kafka import client_settings

LOOKBACK: Final = timedelta(minutes=10)
"""How old a compared prediction may be."""
MOST: Final = 10_000
"""The most rows of each version that are kept: the latest."""
LONGEST: Final = 100
"""Characters of a label; longer texts are no labels."""
PATIENCE: Final = 30.0
"""Seconds that Kafka has to hand over what it holds."""
PAGE: Final = 4 * 2**20
"""Bytes of a server's metrics. It publishes some ten thousand; one that sends more is after the reader's memory."""
PAGE_SECONDS: Final = 10.0
"""Seconds until the end of its metrics."""
Row = tuple[list[Scalar], list[Any]]
"""Features and predictions."""


class UnseenError(Exception):
    """What there is could not be looked at. One sentence."""


@dataclass(frozen=True)
class Published:
    """What was read of a topic: the latest predictions by version, and how many messages were none."""

    samples: dict[str, Sample]
    skipped: int = 0


@dataclass(frozen=True)
class LiveLooks:
    """What the service on the cluster shows of its versions."""

    service: InferenceService

    def crashes(self, version: str) -> tuple[str, ...]:
        return crashes(self.service, version)

    def traffic(self, version: str) -> Traffic:
        return traffic(self.service, version)

    def published(self, versions: Iterable[str]) -> Published:
        """Empty where none are published. Raises KafkaException."""
        if not os.environ.get(Env.KAFKA):
            return Published({})
        return published(self.service.model, versions, _messages(datetime.now(UTC) - LOOKBACK))


def pods(service: InferenceService, version: str) -> list[Pod]:
    """The pods of the version's last rollout: in Knative mode an earlier revision of the same version may still run."""
    newest = service.deployment(version)
    return [pod for pod in service.pods(version) if newest is None or pod.revision == newest.revision]


def traffic(service: InferenceService, version: str) -> Traffic:
    """What all ready servers of the version counted. Raises UnseenError when one of them does not answer."""
    http = urllib3.PoolManager(retries=1, timeout=5.0)
    return sum((_scraped(http, pod) for pod in pods(service, version) if pod.ready), Traffic())


def _scraped(http: urllib3.PoolManager, pod: Pod) -> Traffic:
    try:
        return counted(page(http, f"http://{pod.status.pod_ip}:{SERVER_PORT}/metrics"))
    except (urllib3.exceptions.HTTPError, UnseenError) as error:
        raise UnseenError(f"pod {pod.name} does not say what it has counted: {error}") from error


def page(http: urllib3.PoolManager, url: str) -> str:
    """A server's metrics, which its model's code may have written: no more of them than `PAGE`, no later than
    `PAGE_SECONDS`, and from nowhere else. Raises UnseenError, HTTPError."""
    end, text = time.monotonic() + PAGE_SECONDS, b""
    response = http.request("GET", url, preload_content=False, redirect=False, headers={"Accept-Encoding": "identity"})
    try:
        if response.status != 200:
            raise UnseenError(f"it answers {response.status}")
        # What has arrived, however little: a reader of whole pieces would wait for each.
        while piece := response.read1(2**16):
            text += piece
            if len(text) > PAGE:
                raise UnseenError(f"it says more than {PAGE} bytes")
            if time.monotonic() > end:
                raise UnseenError(f"it takes more than {PAGE_SECONDS:g} seconds")
    finally:
        response.close()
    return text.decode(errors="replace")


def counted(text: str) -> Traffic:
    """What a server's metrics say about its requests (`loop.serving.guard`). Raises UnseenError."""
    try:
        return _counted(text)
    except Exception as error:
        # The parser's, or that of a count that is none.
        raise UnseenError(f"what it says are no metrics ({type(error).__name__}: {str(error)[:100]})") from error


def _counted(text: str) -> Traffic:
    codes: dict[str, float] = {}
    seconds = squares = rows = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "ml_loop_requests_total":
                codes[sample.labels["code"][0]] = codes.get(sample.labels["code"][0], 0.0) + sample.value
            elif sample.name == "ml_loop_answer_seconds_sum":
                seconds += sample.value
            elif sample.name == metrics.ANSWERS_SQUARED.name:
                squares += sample.value
            elif sample.name == metrics.PREDICTIONS.name:
                rows += sample.value
    if not all(isfinite(each) and each >= 0 for each in (*codes.values(), seconds, squares, rows)):
        raise ValueError("a count is no count")
    answered, failed, refused = (int(codes.get(code, 0)) for code in ("2", "5", "4"))
    return Traffic(answered, failed, refused, seconds, squares, int(rows))


def crashes(service: InferenceService, version: str) -> tuple[str, ...]:
    """Why containers of the version's servers ended since they were made."""
    return tuple(
        f"pod {pod.name}: {(ended.message or f'{ended.reason}, exit code {ended.exit_code}').strip()}"
        for pod in pods(service, version)
        for status in pod.status.container_statuses or []
        if (ended := status.last_state and status.last_state.terminated) and ended.exit_code != 0
    )


def published(model: str, versions: Iterable[str], messages: Iterable[bytes]) -> Published:
    """The latest rows of each version; messages that are not predictions are skipped, as anyone may write them."""
    rows: dict[str, deque[Row]] = {version: deque(maxlen=MOST) for version in versions}
    requests: set[tuple[str, ...]] = set()
    skipped = 0
    for value in messages:
        message = Prediction.parse(value, model)
        if isinstance(message, Malformed):
            skipped += 1
        elif message is not None and (kept := rows.get(message.version)) is not None:
            # One row of each request: those of a batch are too much alike to count one by one.
            request = message.version, *message.request
            if request not in requests:
                requests.add(request)
                kept.append((message.features, message.predictions))
    return Published({version: sample(kept) for version, kept in rows.items()}, skipped)


def sample(rows: Iterable[Row]) -> Sample:
    """The sample of these rows (features, predictions). What is not a number, such as a label, is its JSON."""
    kept = list(rows)
    outputs = tuple(tuple(map(_value, column)) for column in zip(*_answers([row for _, row in kept]), strict=True))
    return Sample(outputs, len({json.dumps(features) for features, _ in kept}))


def _answers(rows: list[list[Any]]) -> list[list[Any]]:
    """Each row's outputs, as many in every row: an object's values, or of lists of differing lengths the first value
    (the best recommendation, the next step of a forecast) and how many there are."""
    objects = [row[0] for row in rows if len(row) == 1 and isinstance(row[0], dict)]
    if objects and len(objects) == len(rows) and all(each.keys() == objects[0].keys() for each in objects):
        return [[each[key] for key in objects[0]] for each in objects]
    if len(set(map(len, rows))) > 1:
        return [[row[0] if row else None, len(row)] for row in rows]
    return rows


def _value(value: object) -> Value:
    found = number(value)
    return json.dumps(value)[:LONGEST] if found is None else found


def _messages(since: datetime) -> Iterator[bytes]:
    """All of the topic from `since` to its end of now. No offset is committed, so that no other reader is disturbed."""
    consumer = Consumer(
        client_settings(os.environ)
        | {"group.id": "ml-loop-promotion", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 2}
    )
    try:
        topic = consumer.list_topics(PREDICTIONS_TOPIC, PATIENCE).topics[PREDICTIONS_TOPIC]
        if topic.error is not None and topic.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise KafkaException(topic.error)  # a topic that does not exist holds nothing, a forbidden one may
        at = int(since.timestamp() * 1000)
        starts = consumer.offsets_for_times(
            [TopicPartition(PREDICTIONS_TOPIC, number, at) for number in topic.partitions], PATIENCE
        )
        if broken := next((each.error for each in starts if each.error), None):
            raise KafkaException(broken)
        ends = {each.partition: consumer.get_watermark_offsets(each, PATIENCE)[1] for each in starts}
        # The offset is -1 where no message is that young.
        open_ones = {each.partition for each in starts if 0 <= each.offset < ends[each.partition]}
        consumer.assign([each for each in starts if each.partition in open_ones])
        while open_ones:
            message = consumer.poll(PATIENCE)
            if message is None:
                raise KafkaException(f"no answer for {PATIENCE:.0f} s")
            error, partition = message.error(), message.partition()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  its public name
                raise KafkaException(error)
            if error is None:
                yield message.value() or b""
            if partition is not None and (error or (message.offset() or 0) + 1 >= ends[partition]):
                open_ones.discard(partition)
    finally:
        consumer.close()
