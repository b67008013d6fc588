"""Everything one screen shows, gathered from its sources at once."""

import json
from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from contract import metrics
from contract.gate import Direction
from contract.looks import Look
from contract.names import Alias
from contract.page import PageContent, PageModel
from loop.page.asking import Away, Told
from loop.page.monitoring import Monitored, monitored
from loop.page.performance import Outcomes, outcomes
from loop.page.retraining import Account, FeatureCooldown, cooldowns, ledger
from loop.page.serving import SLOTS, Slot, pods_of, slot, weights
from loop.page.sources import DETECTOR, PERFORMANCE, PORTS, SERVERS, Json, Series, Sources, ready
from loop.page.trainings import RunState, TrainingRun, trainings
from loop.page.versions import ListedVersion, Registered, registered, versions
from loop.page.waiting import Known, Task, tasks

T = TypeVar("T")
APP = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
ROLE = "app.kubernetes.io/component"
WATCH = "The watch over the aliases"


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One model."""

    model: PageModel
    now: datetime
    known: Known
    tasks: Sequence[Task]
    cooldowns: Sequence[FeatureCooldown]
    ledger: Sequence[Account]
    signature: Mapping[str, list[Json]] | None
    outcomes: Outcomes | None
    """None: nothing watches performance, or its watch has not answered."""
    away: Sequence[Away]

    @property
    def registered(self) -> Registered | None:
        return self.known.registered

    @property
    def versions(self) -> Sequence[ListedVersion]:
        return self.known.versions

    @property
    def trainings(self) -> Sequence[TrainingRun]:
        return self.known.trainings

    @property
    def slots(self) -> Sequence[Slot]:
        return self.known.slots

    @property
    def monitored(self) -> Monitored | None:
        return self.known.monitored

    @property
    def running(self) -> TrainingRun | None:
        return next((each for each in self.trainings if each.state in (RunState.RUNNING, RunState.WAITING)), None)

    @property
    def gate(self) -> str:
        """What the gate asks for, in words."""
        asked = json.loads(self.model.gate)
        return ", ".join(f"{each['metric']} of {Direction(each['direction']).asks} {each['bound']:g}" for each in asked)

    def without(self, source: str) -> Away | None:
        """Why a source is missing; None where it answers."""
        return next((each for each in self.away if each.source == source), None)


async def screen(model: PageModel, content: PageContent, sources: Sources) -> Screen:
    """Asks all sources at once; none waits for another, except for a pod's address and a version's model."""
    away: dict[str, Away] = {}  # once by source, whatever it was asked in vain
    now = datetime.now(UTC)

    def taken(found: Told[T] | Away, otherwise: T) -> T:
        if isinstance(found, Told):
            return found.value
        away.setdefault(found.source, found)
        return otherwise

    here = content.namespace
    asked = await gather(
        sources.objects("workflows", here, model.name),
        sources.objects("httproutes", here),
        sources.objects("leases", here),
        sources.objects("pods", here),
        sources.models(),
        sources.versions(model.name),
    )
    workflows, routes, leases, pods = (taken(each, []) for each in asked[:4])
    models, listed = taken(asked[4], {}), taken(asked[5], [])
    of_registry = registered(models.get(model.name)) if isinstance(asked[4], Told) else None
    aliases = of_registry.aliases if of_registry else {}
    made = versions(listed, aliases)
    detectors = _pods(pods, "drift-detector", f"{model.name}-drift")
    slots, watched, looks, watch, judged, its_signature = await gather(
        _slots(model.name, of_registry and aliases, routes, pods, sources),
        _exported(DETECTOR, detectors, sources),
        sources.looks(detectors),
        _exported(WATCH, _pods(pods, "alias-watch", model.name), sources),
        _exported(PERFORMANCE, _pods(pods, "outcome-record", f"{model.name}-outcomes", "performance"), sources),
        _signature(aliases, made, sources),
    )
    known = Known(
        model=model,
        registered=of_registry,
        versions=tuple(made),
        trainings=tuple(trainings(workflows, made if isinstance(asked[5], Told) else None)),
        slots=tuple(each for each, _ in slots),
        monitored=_monitored(model, taken(watched, None), taken(looks, ())),
        unexplained=any(each.name == metrics.UNEXPLAINED.name and each.value == 1 for each in taken(watch, None) or ()),
    )
    performed = taken(judged, None)
    for _, missing in slots:
        if missing:
            away.setdefault(missing.source, missing)
    return Screen(
        model=model,
        now=now,
        known=known,
        tasks=tasks(known, content),
        cooldowns=cooldowns(leases, model.name, model.features, now),
        ledger=ledger(made),
        signature=its_signature,
        outcomes=None if performed is None else outcomes(model.name, performed, made),
        away=tuple(away.values()),
    )


def _monitored(model: PageModel, exported: Sequence[Series] | None, looks: Sequence[Look]) -> Monitored | None:
    return None if exported is None or not model.features else monitored(model, exported, looks)


def _pods(pods: Sequence[Json], app: str, instance: str, role: str | None = None) -> list[Json]:
    wanted = {APP: app, INSTANCE: instance} | ({} if role is None else {ROLE: role})
    return [each for each in pods if wanted.items() <= each["metadata"].get("labels", {}).items() and ready(each)]


async def _exported(source: str, pods: Sequence[Json], sources: Sources) -> Told[list[Series] | None] | Away:
    """What a watcher's one pod exports; None where no pod of it is ready."""
    found = await sources.metrics(source, pods[:1], PORTS[DETECTOR])
    return found if isinstance(found, Away) else Told(found.value[0] if found.value else None)


async def _slots(
    model: str, aliases: Mapping[str, str] | None, routes: Sequence[Json], pods: Sequence[Json], sources: Sources
) -> list[tuple[Slot, Away | None]]:
    shares = weights(next((each for each in routes if each["metadata"]["name"] == model), None))

    async def one(name: Alias) -> tuple[Slot, Away | None]:
        mine = pods_of(model, name, pods)
        exported = await sources.metrics(SERVERS, [each for each in mine if ready(each)], PORTS[SERVERS])
        missing = exported if isinstance(exported, Away) else None
        said: Sequence[Sequence[Series]] = exported.value if isinstance(exported, Told) else ()
        return slot(name, model, aliases=aliases, shares=shares, pods=mine, exported=said), missing

    return await gather(*(one(name) for name in SLOTS))


async def _signature(
    aliases: Mapping[str, str], made: Sequence[ListedVersion], sources: Sources
) -> Mapping[str, list[Json]] | None:
    """The signature of the version in production, else in staging; None where there is none or it cannot be read."""
    number = aliases.get(Alias.PRODUCTION) or aliases.get(Alias.STAGING)
    version = next((each for each in made if each.number == number), None)
    if version is None or not version.model_id:
        return None
    found = await sources.signature(version.model_id)
    return found.value if isinstance(found, Told) else None
