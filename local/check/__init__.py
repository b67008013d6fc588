"""`make check`: asks the running stack the seven questions that say the loop is closed, one line each.

By default it reads evidence, and sends predictions like those the model was trained on. With `deep` it acts: it trains,
and publishes a synthetic drift event that starts one more training unless the cooldown refuses it.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from rich.console import Console

from local import stack
from local.check import drift, promotion, serving, training
from local.check.answer import Answer, no
from local.check.live import RunningStack
from local.paths import Paths
from local.shell import run as run_program
from local.steps import StepError
from settings import Model
from settings.problem import PROJECT

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
"""The questions that `deep` asks instead."""
PERIOD: Final = 30.0
"""Seconds between two rounds of `watch`. Each sends some hundred predictions, which the detector reads."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question about one model, and its answer."""

    model: str
    number: int
    question: str
    yes: bool
    evidence: str

    @property
    def line(self) -> str:
        return f"{self.number} {self.model}: {self.question}? {'yes' if self.yes else 'no'}: {self.evidence}"


def run(paths: Paths, console: Console, *, deep: bool, as_json: bool = False) -> int:
    """Prints a line per question and model, or all of them as a JSON list; 0 only if every answer is yes."""
    outputs = stack.outputs(stack.BUILT_IN, paths)
    if not outputs:
        console.print("There is no stack to ask; run `make up` first.")
        return 1
    config = stack.applied(stack.BUILT_IN, paths)
    if not outputs.get("models"):
        console.print("The stack has no models: add one to ml-loop:models in Pulumi.local.yaml.")
        return 1
    asked: list[Asked] = []
    for model in outputs["models"]:
        for each in ask(model, look_at(model, config, outputs, paths), deep=deep):
            asked.append(each)
            if not as_json:
                console.print(each.line, style="green" if each.yes else "red", markup=False)
    if as_json:
        console.print(json.dumps([asdict(each) for each in asked], indent=2), markup=False)
    return 0 if all(each.yes for each in asked) else 1


def watch(paths: Paths, console: Console) -> int:
    """Asks again and again, until it is interrupted."""
    while True:
        if console.is_terminal:
            console.clear()
        console.print(f"{time.strftime('%H:%M:%S')}, again in {PERIOD:.0f} s; Ctrl-C ends it", style="dim")
        run(paths, console, deep=False)
        time.sleep(PERIOD)


def look_at(
    model: str, config: Mapping[str, Any], outputs: Mapping[str, Any], paths: Paths
) -> Callable[[], RunningStack]:
    """A fresh look at a model of the stack."""
    kubectl = partial(run_program, str(paths.bin / "kubectl"), f"--kubeconfig={paths.kubeconfig}", timeout=60)
    return partial(
        RunningStack,
        model=model,
        settings=Model.model_validate(config[f"{PROJECT}:models"][model]),
        namespace=config[f"{PROJECT}:namespace"],
        tracking_url=outputs["mlflow"]["externalUrl"],
        predict_url=outputs["models"][model]["predict"],
        template=outputs["models"][model]["template"],
        kubectl=kubectl,
    )


def ask(model: str, look: Callable[[], RunningStack], *, deep: bool) -> Iterator[Asked]:
    """Asks about one model. A training that `deep` starts comes first: the other answers are about its version."""
    questions = list(enumerate(QUESTIONS.items(), start=1))
    if deep:
        questions.sort(key=lambda each: each[1][1] is not training.yields_staging)
    for number, (question, asks) in questions:
        answer = answered(ACTING.get(asks, asks) if deep else asks, look())
        yield Asked(model=model, number=number, question=question, yes=answer.yes, evidence=answer.evidence)


def answered(question: Question, at: RunningStack) -> Answer:
    """A question that cannot be asked is answered with no, and the reason."""
    try:
        return question(at)
    except (OSError, StepError) as error:
        return no(f"it cannot be asked: {' '.join(str(error).split())}")
