"""The end of a first `make up`: each model that the example's image trains gets a version, and answers.

A user's own training is not waited for, as it may take hours: the output `submit` starts it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from local import check
from local.check import serving, training
from local.check.answer import Answer
from local.check.live import RunningStack, eventually
from local.paths import Paths
from local.steps import Step, StepError
from settings.values.image import EXAMPLE

ROUTED_SECONDS: Final = 60.0
"""The training ends when servers have its version; the gateway learns of them later."""

MLFLOW_SECONDS: Final = 180.0
"""How many seconds MLflow's servers are waited for."""

Look = Callable[[], RunningStack]


def steps(config: Mapping[str, Any], outputs: Mapping[str, Any], paths: Paths) -> list[Step]:
    """A step for each model that the example's image trains. `config` is what was applied."""
    looks = {model: check.look_at(model, config, outputs, paths) for model in outputs.get("models", {})}
    return [
        Step(name=f"first version of {model}", run=partial(provide, look))
        for model, look in looks.items()
        if look().settings.training.image == EXAMPLE
    ]


def provide(look: Look) -> str:
    """Trains where nothing is registered. Returns what there is. Raises StepError, also if MLflow does not answer."""
    if versions := _versions(look):
        return f"{versions} in the registry"
    return train(look)


def _versions(look: Look) -> int:
    """How many versions there are. It waits for MLflow, which starts anew after a `make down` while an unchanged stack
    waits for nothing.
    """
    away: list[OSError] = []
    found: list[int] = []

    def answers() -> bool:
        try:
            found.append(len(look().versions))
        except OSError as error:
            away.append(error)
        return bool(found)

    if eventually(answers, MLFLOW_SECONDS) is None:
        raise StepError(f"MLflow cannot be asked for versions of {look().model}: {away[-1]}")
    return found[-1]


def train(look: Look) -> str:
    """Trains, and asks the version for a prediction. Returns the evidence; raises StepError."""
    trained = check.answered(partial(training.trains, purpose="first"), look())
    if not trained.yes:
        raise StepError(f"{look().model} has no first version: {trained.evidence}")
    if look().predict_url is None:
        return trained.evidence
    served: list[Answer] = []

    def answers() -> bool:
        served.append(check.answered(serving.answers, look()))
        return served[-1].yes

    if eventually(answers, ROUTED_SECONDS) is None:
        raise StepError(f"{look().model} is trained and does not answer: {served[-1].evidence}")
    return trained.evidence
