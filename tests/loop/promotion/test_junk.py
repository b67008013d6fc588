"""The watch over a canary or a promotion, and ten thousand broken messages: none of them is a verdict."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import junk
from hypothesis import given

from contract.watching import Limits
from loop.promotion.observation import Published, published
from loop.promotion.traffic import Traffic
from loop.promotion.watch import Baseline, Watch

MESSAGE: dict[str, Any] = {
    "id": "r/0",
    "model": "films",
    "version": "2",
    "tenant": "a",
    "user_id": "b",
    "features": [1.0, 2.0],
    "predictions": [0.5],
    "at": "2026-01-01T00:00:00Z",
}
COUNTED = Traffic(answered=400, seconds=40.0)


def good(version: str) -> list[bytes]:
    """Rows of a version, as those of any other."""
    numbers = range(200)
    changes = ({"id": f"{version}-{n}/0", "features": [n, 1.0], "predictions": [n / 200]} for n in numbers)
    return [json.dumps(MESSAGE | {"version": version} | each).encode() for each in changes]


@dataclass
class Service:
    """Serves well, while others write to its topic."""

    topic: list[bytes]
    now: float = 0.0
    said: list[str] = field(default_factory=list[str])

    def crashes(self, version: str) -> tuple[str, ...]:
        return ()

    def traffic(self, version: str) -> Traffic:
        return COUNTED

    def published(self, versions: Iterable[str]) -> Published:
        return published("films", versions, self.topic)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def failures(self) -> list[str]:
        watch = Watch(60, Limits(), lambda: self.now, self.sleep)
        return watch.over(self, "2", Baseline("1", COUNTED), self.said.append).failures


@junk.times(500)
@given(broken=junk.batches(MESSAGE))
def test_no_broken_message_is_a_verdict_or_keeps_one_from_being_found(broken: list[bytes]) -> None:
    service = Service([*broken[::2], *good("1"), *good("2"), *broken[1::2]])
    assert service.failures() == []
    assert [each for each in service.said if "nothing can be seen" in each] == []
