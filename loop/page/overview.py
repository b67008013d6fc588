"""All models of the stack in one list: a few questions in all, and one for each version that may wait for a human."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract.names import MODEL_LABEL, Alias
from contract.page import PageContent, PageModel
from loop.page.asking import Away, Told
from loop.page.serving import SLOTS, pods_of
from loop.page.sources import Json, Sources, ready
from loop.page.trainings import RunState, TrainingRun, trainings
from loop.page.versions import Registered, registered, versions
from loop.page.waiting import Known, tasks


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model."""

    name: str
    production: str | None
    staging: str | None
    ready: int
    pods: int
    training: TrainingRun | None
    """The newest."""
    waits: int
    """How much waits for a human; what only the detector or the alias watch knows is on its screen."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The list."""

    now: datetime
    rows: Sequence[ModelRow]
    away: Sequence[Away]


async def overview(content: PageContent, sources: Sources) -> Overview:
    now, here = datetime.now(UTC), content.namespace
    workflows, pods, models = await gather(
        sources.objects("workflows", here), sources.objects("pods", here), sources.models()
    )
    by_model: Mapping[str, list[Json]] = defaultdict(list[Json])
    for each in _value(workflows, []):
        by_model[each["metadata"].get("labels", {}).get(MODEL_LABEL, "")].append(each)
    known_models = {name: registered(found) for name, found in _value(models, {}).items()}
    staged = await _staged(content.models, known_models, sources)
    rows: list[ModelRow] = []
    for model in content.models:
        of_registry = known_models.get(model.name, registered(None)) if isinstance(models, Told) else None
        aliases = of_registry.aliases if of_registry else {}
        mine = [each for slot in SLOTS for each in pods_of(model.name, slot, _value(pods, []))]
        runs = trainings(by_model[model.name], None)
        in_staging = _value(staged.get(model.name), None)
        listed = versions([in_staging], aliases) if in_staging else []
        known = Known(model=model, registered=of_registry, versions=tuple(listed), trainings=tuple(runs))
        rows.append(
            ModelRow(
                name=model.name,
                production=aliases.get(Alias.PRODUCTION),
                staging=aliases.get(Alias.STAGING),
                ready=sum(ready(each) for each in mine),
                pods=len(mine),
                training=next((each for each in runs if each.state is not RunState.REFUSED), None),
                waits=len(tasks(known, content)),
            )
        )
    away = [each for each in (workflows, pods, models, *staged.values()) if isinstance(each, Away)]
    return Overview(now=now, rows=rows, away=list({each.source: each for each in away}.values()))


async def _staged(
    models: Sequence[PageModel], known: Mapping[str, Registered], sources: Sources
) -> Mapping[str, Told[Json] | Away]:
    """Model → the version that may wait to be put into production."""
    aliases = {model.name: known[model.name].aliases for model in models if model.name in known}
    numbers = {
        model.name: number
        for model in models
        if (number := aliases.get(model.name, {}).get(Alias.STAGING))
        and number not in (aliases[model.name].get(Alias.PRODUCTION), model.production)
    }
    found = await gather(*(sources.version(name, number) for name, number in numbers.items()))
    return dict(zip(numbers, found, strict=True))


def _value(found: Told[Any] | Away | None, otherwise: Any) -> Any:
    return found.value if isinstance(found, Told) else otherwise
