"""All models of the stack in one list: a few questions in all, however many there are."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract.names import MODEL_LABEL, Alias
from contract.page import PageContent
from loop.page.asking import Away, Told
from loop.page.serving import SLOTS, pods_of
from loop.page.sources import Json, Sources, ready
from loop.page.trainings import RunState, TrainingRun, trainings
from loop.page.versions import registered
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
    """How much waits for a human, as far as the list knows: what its screen asks of MLflow and of pods is left out."""


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
    rows: list[ModelRow] = []
    for model in content.models:
        of_registry = registered(_value(models, {}).get(model.name)) if isinstance(models, Told) else None
        aliases = of_registry.aliases if of_registry else {}
        mine = [each for slot in SLOTS for each in pods_of(model.name, slot, _value(pods, []))]
        runs = trainings(by_model[model.name], None)
        known = Known(model=model, registered=of_registry, trainings=tuple(runs))
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
    away = [each for each in (workflows, pods, models) if isinstance(each, Away)]
    return Overview(now=now, rows=rows, away=list({each.source: each for each in away}.values()))


def _value(found: Told[Any] | Away, otherwise: Any) -> Any:
    return found.value if isinstance(found, Told) else otherwise
