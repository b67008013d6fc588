"""`python3 -m loop watch-aliases`: what the aliases name as metrics, and whether a promotion explains `production`.

What a promotion has left in production is kept at the registered model (`PRODUCTION_TAG`), which its identity alone may
write: so the watch need not be told when the settings change, and knows of a promotion under way (`PROMOTION_TAG`).
With `--heal` an alias that was moved by hand is put back, and the service with it.

Needs: only MLflow; to heal also `get` and `patch` on the production InferenceService, and in MLflow the right to
put `production` back.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from contract import metrics
from contract.commands import WatchAliases
from contract.names import PRODUCTION_TAG, Alias, Tag
from loop.promotion.change import Change
from loop.runtime import command, log, watcher
from loop.runtime.metrics import counter, gauge
from loop.runtime.pin import Pin
from loop.runtime.registry import Registry, RegistryError

_log = logging.getLogger(__name__)

PERIOD: Final = 20.0
"""Seconds between two looks."""
AGAIN: Final = 5.0
"""Seconds until the second look at what is to be healed, as one answer may mix two moments."""
STALE: Final = 60.0
"""Seconds without an answer from MLflow after which what is shown cannot be relied on."""
STUCK: Final = 300.0
"""Seconds without a look after which the process counts as hanging."""
ALIAS = gauge(metrics.ALIAS_VERSION)
UNEXPLAINED = gauge(metrics.UNEXPLAINED)
HEALED = counter(metrics.HEALED)


class PinnedService(Protocol):
    """The production service, as healing uses it."""

    def pinned(self) -> tuple[Pin | None, str]:
        """What it is told to serve, and the object's resource version."""
        ...

    def tell(self, pin: Pin | None, at: str | None = None) -> None:
        """Tells it which version to serve, unless it has changed since `at`. Raises RolloutError."""
        ...


@dataclass(frozen=True)
class Seen:
    """The registered model at one moment."""

    aliases: Mapping[str, str]
    left: str | None
    """The version that the last promotion left in production; None: there was none."""
    change: Change | None
    """The promotion under way."""

    @classmethod
    def of(cls, model: RegisteredModel | None) -> "Seen":
        if model is None:
            return cls({}, None, None)
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        return cls(aliases, model.tags.get(PRODUCTION_TAG), Change.of(model))

    @property
    def production(self) -> str | None:
        return self.aliases.get(Alias.PRODUCTION)

    @property
    def moved(self) -> bool:
        """Whether no promotion explains what is in production."""
        known = (self.change.to, self.change.origin) if self.change else (self.left,)
        return self.production not in known


class AliasWatcher:
    """Looks at the aliases of one model. `service` is told what to serve when `production` is put back; None: never."""

    def __init__(
        self,
        registry: Registry,
        model: str,
        service: PinnedService | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry, self._model, self._service, self._clock = registry, model, service, clock
        self._before: Seen | None = None
        self._told: set[str] = set()
        self._state = "has not asked MLflow yet"
        self._looked, self._answered = clock(), -float("inf")
        HEALED.labels(model)  # shown as 0 from the start

    def step(self) -> float:
        """Looks once, and heals what was wrong twice. Returns the seconds until the next look."""
        self._looked = self._clock()
        try:
            return self._look()
        except Exception as why:  # noqa: BLE001  whatever it is, the next look is the next attempt
            reason = " ".join(f"{type(why).__name__}: {why}".split())[:500]
            self._say(logging.WARNING, f"{self._model} cannot be looked after: {reason}")
            return PERIOD

    def _look(self) -> float:
        seen = Seen.of(self._registry.model(self._model))
        self._answered = self._clock()
        for alias in Alias:
            ALIAS.labels(self._model, alias).set(float(seen.aliases.get(alias, 0)))
        UNEXPLAINED.labels(self._model).set(seen.moved)
        twice, self._before = seen == self._before, seen
        now = f"{self._model}: production names {_name(seen.production)}"
        if not seen.moved:
            if self._state != now:
                self._told.clear()
            self._say(logging.INFO, now)
            return PERIOD
        self._say(logging.WARNING, f"{now}, and the last promotion left {_name(seen.left)}")
        # A promotion under way knows better; without an ended one there is nothing to put back.
        if self._service is None or seen.change is not None or seen.left is None:
            return PERIOD
        if twice:
            self._heal(seen, seen.left, self._service)
        return AGAIN

    def _heal(self, seen: Seen, version: str, service: PinnedService) -> None:
        found = self._registry.version(self._model, version)
        if found is None or found.status != "READY" or Tag.REJECTED in found.tags:
            self._say(logging.ERROR, f"version {version} of {self._model} is not put back: {_unfit(found)}")
            return
        told, at = service.pinned()
        # A promotion writes its tag before it changes anything, and the service only takes what is written `at` that
        # moment. An alias has no such guard: one that a promotion moves in between is put right after its end.
        if Seen.of(self._registry.model(self._model)) != seen:
            return
        if told != (pin := Pin.of(found)):
            service.tell(pin, at)
        self._registry.set_alias(self._model, Alias.PRODUCTION, version)
        HEALED.labels(self._model).inc()
        _log.warning(
            "healed %s: production names version %s again, not %s", self._model, version, _name(seen.production)
        )

    def _say(self, level: int, text: str) -> None:
        """Says it once, until all is well again."""
        if text not in self._told:
            _log.log(level, text)
        self._told.add(text)
        self._state = text

    def alive(self) -> tuple[bool, str]:
        """A registry that is away is no reason to restart."""
        still = self._clock() - self._looked
        return still < STUCK, f"last look {still:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Ready while MLflow answers: otherwise what is shown is outdated."""
        return self._clock() - self._answered < STALE, self._state


def _unfit(version: ModelVersion | None) -> str:
    if version is None:
        return "it is gone"
    rejected = version.tags.get(Tag.REJECTED)
    return f"it was rejected: {rejected}" if rejected else f"it is {version.status}, not READY"


def _name(version: str | None) -> str:
    return f"version {version}" if version else "nothing"


def main() -> int:
    given = WatchAliases.parse(sys.argv[1:])
    log.to_stderr()
    try:
        # The next look is the next attempt.
        watch = AliasWatcher(Registry(patience=0), given.model, _service(given))
    except RegistryError as error:
        return command.end(str(error))
    watcher.run(watch.step, port=given.port, alive=watch.alive, ready=watch.ready)
    return 0


def _service(given: WatchAliases) -> PinnedService | None:
    """What healing changes; None where nothing is healed."""
    if not (given.heal and given.namespace and given.service):
        return None
    from loop.runtime.inference import InferenceService, api_client  # noqa: PLC0415  # memory that watching does not need

    return InferenceService(api_client(), namespace=given.namespace, name=given.service, model=given.model)
