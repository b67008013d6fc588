"""Watching a version that has just gone live, beside the one before it.

A look that fails, for whatever reason, says nothing about the version: the next one is made. If looks still fail once
the time is up, the version was not judged (`UnjudgedError`), and must not stay.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from contract.watching import Limits
from loop.promotion.judge import Observation, Verdict, judge
from loop.promotion.observation import Published
from loop.promotion.predictions import Sample
from loop.promotion.traffic import MIN_REQUESTS, Traffic

POLL_SECONDS: Final = 5.0
ENOUGH: Final = 20 * MIN_REQUESTS
"""Answers by which a version is timed well."""
GRACE_SECONDS: Final = 60.0
"""By how much a watch is prolonged for what could not be seen before its end."""


class UnjudgedError(Exception):
    """Nothing is known of the version. One sentence."""


Say = Callable[[str], None]


@dataclass(frozen=True)
class Baseline:
    """The previous version: its number, and what its servers had counted when the new one came."""

    version: str
    traffic: Traffic | None
    now: Callable[[], Traffic | None] | None = field(default=None, compare=False)
    """What they have counted by now, if they still serve: then only the same minutes are compared."""
    lately: Traffic | None = None
    """Of `traffic`, what came just before the new one, where they serve no more: latency is compared by it."""

    @property
    def counted(self) -> Traffic | None:
        """What they counted in the minutes of the watch; in all, where they no longer serve."""
        return self.traffic if self.now is None else (self.now() or Traffic()).since(self.traffic or Traffic())


class Looks(Protocol):
    """What a service shows of its versions. Each may raise anything: then nothing is known."""

    def crashes(self, version: str) -> tuple[str, ...]: ...

    def traffic(self, version: str) -> Traffic: ...

    def published(self, versions: Iterable[str]) -> Published: ...


@dataclass(frozen=True)
class Watch:
    """How long a version is watched, and what is allowed."""

    seconds: float
    limits: Limits
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def over(self, looks: Looks, version: str, before: Baseline | None, say: Callable[[str], None]) -> Verdict:
        """Watches, and ends as soon as something speaks against the version. Raises UnjudgedError."""
        say(f"watching version {version} for {self.seconds:.0f} s")
        deadline, told, began = self.clock() + self.seconds, "", _counted(looks, version)
        while True:
            left = deadline - self.clock()
            self.sleep(min(left, POLL_SECONDS) if left > 0 else POLL_SECONDS)
            last = self.clock() >= deadline
            try:
                verdict = self._look(looks, version, before, began, last=last)
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
                if self.clock() >= deadline + GRACE_SECONDS:
                    raise UnjudgedError(f"it could not be judged within {self.seconds:.0f} s: {reason}") from error
                if reason != told:
                    say(f"nothing can be seen, so nothing is known about version {version}: {reason}")
                told = reason
                continue
            if last or verdict.failures:
                for note in verdict.notes:
                    say(note)
                return verdict

    def before(self, count: Callable[[], Traffic | None]) -> tuple[Traffic | None, Traffic | None]:
        """What the version counts that is to be replaced, in all and lately: until it is enough to time it by, and no
        longer than the new one is watched for."""
        began = now = count()
        deadline = self.clock() + self.seconds
        while began and now and now.answered - began.answered < ENOUGH and (left := deadline - self.clock()) > 0:
            self.sleep(min(left, POLL_SECONDS))
            now = count()
        return now, now.since(began) if began and now else None

    def _look(
        self, looks: Looks, version: str, before: Baseline | None, began: Traffic | None, *, last: bool
    ) -> Verdict:
        old = before and Observation(before.version, before.counted, timed=before.lately)
        new = Observation(version, crashes=looks.crashes(version))
        if not new.crashes:  # a server that ended does not answer, and what is known of it is enough
            traffic = looks.traffic(version)
            # Without the first answers of its servers, which no version gives as fast as later ones.
            new = replace(new, traffic=traffic, timed=traffic.since(began) if began else None)
        verdict = judge(self.limits, new, old)
        if not last or verdict.failures:
            return verdict
        read = looks.published([version, *([old.version] if old else [])])
        old = old and replace(old, sample=read.samples.get(old.version))
        verdict = judge(self.limits, replace(new, sample=read.samples.get(version, Sample())), old)
        if read.skipped:
            verdict.notes.append(f"{read.skipped} messages were skipped: they are not predictions")
        return verdict


def _counted(looks: Looks, version: str) -> Traffic | None:
    try:
        return looks.traffic(version)
    except Exception:  # noqa: BLE001  whatever it is, the next look tells of it
        return None
