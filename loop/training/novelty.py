"""Whether there is anything to learn: not where an earlier version was made of the same rows by the same code.

Asked for trainings that drift has started. Somebody wants those that are started by hand, and a schedule was set to
train whatever the rows are.
"""

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from contract.names import DATA_FINGERPRINT_PARAM, Alias, Env, GateResult, Tag, Trigger
from loop.runtime.registry import Registry
from loop.training.step import optional, setting, trigger


def known(registry: Registry, fingerprint: str) -> str | None:
    """The newest version that another training has made of these rows by this code, and that was judged; if any."""
    recipe = optional(Env.RECIPE)
    if trigger() != Trigger.DRIFT or not recipe or not fingerprint:
        return None
    name = setting(Env.MODEL)
    live = [int(each.version) for alias in (Alias.STAGING, Alias.PRODUCTION) if (each := registry.alias(name, alias))]
    found = [
        each
        for each in registry.tagged(name, Tag.RECIPE, recipe)
        if each.tags.get(Tag.DATA_FINGERPRINT) == fingerprint
        and each.tags.get(Tag.WORKFLOW) != setting(Env.WORKFLOW)
        and _judged(each, max(live, default=0))
    ]
    return str(found[-1].version) if found else None


def _judged(version: ModelVersion, newest: int) -> bool:
    """Whether what became of it is its own doing: one that passed, and is not live, was never watched to the end."""
    refused = version.tags.get(Tag.GATE) != GateResult.PASSED or Tag.REJECTED in version.tags
    return refused or int(version.version) <= newest


def known_of(registry: Registry, run: Run) -> str | None:
    """The same for the rows that a training run names."""
    return known(registry, run.data.params.get(DATA_FINGERPRINT_PARAM, ""))
