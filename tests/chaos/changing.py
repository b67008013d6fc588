"""What a human does to the stack while it is hit: outcomes are asked for, and a version goes live by its number."""

import os
import time

from mlflow import MlflowClient
from pulumi import automation
from pulumi.automation import ConfigValue
from rich.console import Console

from contract.names import PRODUCTION_TAG, PROMOTION_TAG, Alias
from local import stack, up
from local.paths import Paths
from local.shell import run
from restore.engine import reason
from tests.chaos.history import OK, Happening, History
from tests.chaos.outside import Outside
from tests.chaos.plan import MODEL

TRIES = 3
"""An `up` that fails is run again, as a human would."""
OUTCOMES = {"delay": "60s", "every": "60s"}
SETTINGS = f"ml-loop:models.{MODEL}"


def take_outcomes(paths: Paths) -> None:
    """`make up` of this checkout, with outcomes of its model, which the committed file leaves out. Raises StepError."""
    plan, runner = up.started(paths, Console(), stack.BUILT_IN)
    model = stack.committed(stack.BUILT_IN, "models", MODEL)
    taking = {MODEL: {**model, "outcomes": OUTCOMES}}
    up.apply(runner, paths, stack.BUILT_IN, plan.stack_images(), taking)


def promote(outside: Outside, history: History) -> None:
    """Puts into production what is staged by then."""
    began, tries, answer, version = time.time(), 0, "", ""
    while answer != OK and tries < TRIES:
        tries += 1
        try:
            version = version or (outside.look().aliases or {})[Alias.STAGING]
            selected = stack.select(stack.BUILT_IN, outside.paths)
            stack.heal(selected, outside.paths)
            selected.set_config(f"{SETTINGS}.production", ConfigValue(version), path=True)
            _up(selected)
            answer = OK
        except automation.CommandError as error:
            answer = reason(str(error))[:500]
        except (OSError, KeyError) as error:
            answer = f"MLflow does not say what is staged: {error}"
    history.add(Happening.PROMOTE, version, began, answer=answer, tries=tries)


def retire(outside: Outside) -> None:
    """Nothing is live any more, as the committed file says: by the account of the promotion, which alone may."""
    live = outside.look()
    named = (live.aliases or {}).keys() & {Alias.PRODUCTION, Alias.PREVIOUS}
    if not named:
        return
    account = ("create", "token", f"{MODEL}-promote", "--audience=mlflow")
    os.environ["MLFLOW_TRACKING_TOKEN"] = run(*outside.node.kubectl, "-n", live.namespace, *account).strip()
    client = MlflowClient(live.tracking_url)
    try:
        for alias in named:
            client.delete_registered_model_alias(MODEL, alias)
        for tag in (PRODUCTION_TAG, PROMOTION_TAG):
            client.delete_registered_model_tag(MODEL, tag)
    finally:
        del os.environ["MLFLOW_TRACKING_TOKEN"]


def _up(selected: automation.Stack) -> None:
    selected.up(color="never", suppress_progress=True, suppress_outputs=True)
