"""`make check`: asks the running stack the seven questions that say the loop is closed, one line each.

By default it reads evidence, and sends predictions like those the model was trained on. With `deep` it acts: it trains,
and publishes a synthetic drift event that starts one more training unless the cooldown refuses it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import yaml
from rich.console import Console

from local import stack
from local.check import drift, promotion, serving, training
from local.check.answer import Answer, no
from local.check.live import RunningStack
from local.paths import Paths
from local.shell import run as run_program
from local.steps import StepError
from settings import Model

Question = Callable[[RunningStack], Answer]

QUESTIONS: Final[Mapping[str, Question]] = {
    "the registry lists the model": training.listed,
    "a training yields a staging version": training.yields_staging,
    "the service resolves the alias and answers :predict": serving.answers,
    "the canary slot gets its fraction": serving.splits,
    "the detector runs with a reference from MLflow": drift.detects,
    "drift starts a new Workflow": drift.started,
    "production moves only through the human gate": promotion.guarded,
}
ACTING: Final[Mapping[Question, Question]] = {training.yields_staging: training.trains, drift.started: drift.starts}
"""What `deep` asks instead."""


def run(paths: Paths, console: Console, *, deep: bool) -> int:
    """Prints a line per question and model; 0 only if every answer is yes."""
    outputs = stack.outputs(stack.BUILT_IN, paths)
    if not outputs:
        console.print("There is no stack to ask; run `make up` first.")
        return 1
    config = yaml.safe_load((paths.stack / f"Pulumi.{stack.BUILT_IN}.yaml").read_text())["config"]
    if not outputs.get("models"):
        console.print("The stack has no models: add one to ml-loop:models in Pulumi.local.yaml.")
        return 1
    return max(tell(model, console, look_at(model, config, outputs, paths), deep=deep) for model in outputs["models"])


def look_at(
    model: str, config: Mapping[str, Any], outputs: Mapping[str, Any], paths: Paths
) -> Callable[[], RunningStack]:
    """A fresh look at a model of the stack."""
    kubectl = partial(run_program, str(paths.bin / "kubectl"), f"--kubeconfig={paths.kubeconfig}", timeout=60)
    return partial(
        RunningStack,
        model=model,
        settings=Model.model_validate(config[f"{stack.PROJECT}:models"][model]),
        namespace=config[f"{stack.PROJECT}:namespace"],
        tracking_url=outputs["mlflow"]["externalUrl"],
        predict_url=outputs["models"][model]["predict"],
        template=outputs["models"][model]["template"],
        kubectl=kubectl,
    )


def tell(model: str, console: Console, look: Callable[[], RunningStack], *, deep: bool) -> int:
    """Asks about one model and prints the answers; 0 only if every answer is yes."""
    answers: list[Answer] = []
    for number, (question, ask) in enumerate(QUESTIONS.items(), start=1):
        answer = answered(ACTING.get(ask, ask) if deep else ask, look())
        answers.append(answer)
        line = f"{number} {model}: {question}? {'yes' if answer.yes else 'no'}: {answer.evidence}"
        console.print(line, style="green" if answer.yes else "red", markup=False)
    return 0 if all(answer.yes for answer in answers) else 1


def answered(ask: Question, at: RunningStack) -> Answer:
    """What cannot be asked is a no, with the reason."""
    try:
        return ask(at)
    except (OSError, StepError) as error:
        return no(f"it cannot be asked: {' '.join(str(error).split())}")
