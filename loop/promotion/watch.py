"""Watching a version that has just gone live, beside the one before it."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from confluent_kafka import KafkaException

from contract.watching import LIMITS, ROLLOUT_SECONDS, WATCH_SECONDS, Limits
from loop.promotion import observation
from loop.promotion.judge import Observation, Sample, Verdict, judge
from loop.promotion.traffic import Traffic
from loop.runtime.inference import InferenceService

POLL_SECONDS: Final = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Baseline:
    """The version before: its number, and what its servers had counted when the new one came."""

    version: str
    traffic: Traffic | None


@dataclass(frozen=True)
class Watch:
    """For how long, and what is allowed."""

    seconds: float
    limits: Limits

    def over(self, service: InferenceService, version: str, before: Baseline | None, say: Say) -> Verdict:
        """Ends as soon as something speaks against the version."""
        say(f"watching version {version} for {self.seconds:.0f} s")
        old = before and Observation(before.version, before.traffic)
        deadline = time.monotonic() + self.seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))
            verdict = judge(self.limits, _seen(service, version), old)
            if verdict.failures:
                break
        else:
            verdict = self._finally(service, version, old, say)
        for note in verdict.notes:
            say(note)
        return verdict

    def _finally(self, service: InferenceService, version: str, old: Observation | None, say: Say) -> Verdict:
        """The last look takes the predictions in, too."""
        new = _seen(service, version)
        try:
            samples = observation.samples(service.model, [version, *([old.version] if old else [])])
        except KafkaException as error:
            say(f"Kafka cannot be read: {error}")
            samples = {}
        old = old and replace(old, sample=samples.get(old.version))
        return judge(self.limits, replace(new, sample=samples.get(version, Sample())), old)


def _seen(service: InferenceService, version: str) -> Observation:
    return Observation(version, observation.traffic(service, version), crashes=observation.crashes(service, version))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `from_arguments` reads, and those that name the model and where it is served."""
    parser.add_argument("--model", required=True, help="the registered model's name")
    parser.add_argument("--version", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--timeout", type=float, default=ROLLOUT_SECONDS, help="seconds until a rollout is given up")
    parser.add_argument("--watch", type=float, default=WATCH_SECONDS, help="seconds to watch the version for")
    parser.add_argument("--max-error-rate", type=float, default=LIMITS.max_error_rate)
    parser.add_argument("--max-latency-ratio", type=float, default=LIMITS.max_latency_ratio)
    parser.add_argument("--max-prediction-shift", type=float, default=LIMITS.max_prediction_shift)


def from_arguments(arguments: argparse.Namespace) -> Watch:
    limits = Limits(arguments.max_error_rate, arguments.max_latency_ratio, arguments.max_prediction_shift)
    return Watch(arguments.watch, limits)
