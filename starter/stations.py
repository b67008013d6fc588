"""The stations of the loop that a model passes, by the loop's own code; a broken rule ends it with a sentence."""

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import Any, Final

import orjson
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import Model

from contract.commands import Serve
from contract.names import GATE_FILE, VERSION_FILE, Alias, Env, GateResult, Measured, Trigger
from loop.model import reference
from loop.model.requests import InputCheck
from loop.runtime.registry import Registry
from loop.serving.capture import Capture
from loop.serving.fetch import fetch
from loop.serving.served import reference_of
from loop.serving.server import LoadError, PyfuncModel
from loop.training import evaluations
from loop.training.gate import asked, decide
from loop.training.step import TrainingError
from starter.answering import KeptMessages, Server
from starter.plan import DETECTOR, Trial
from starter.steps import BrokenRuleError, changed, step

MOST_ROWS: Final = 500
"""The most rows of a request."""


class Course:
    """One model on its way. Each station is a method that returns a note; the later ones need what the earlier left."""

    def __init__(self, trial: Trial, folder: Path, server: Server) -> None:
        self._trial, self._folder, self._server = trial, folder, server
        self._output = folder / "output"
        self._output.mkdir()
        self._settings: dict[str, str] = dict(trial.environment) | {
            Env.MODEL: trial.name,
            Env.OUTPUT: str(self._output),
            Env.WORKFLOW: f"{trial.name}-try",
            Env.WORKFLOW_UID: uuid.uuid4().hex,
            Env.TRIGGER: Trigger.MANUAL,
            Env.IMAGE: "tried-without-an-image",
            Env.GATE: trial.gate,
            Env.BASELINE: Alias.PRODUCTION if trial.compare else "",
            Env.DATA_URI: trial.data_uri,
            Env.PARAMETERS: trial.parameters,
            Env.WATCHED: json.dumps(list(trial.drift["features"]) if trial.drift else []),
            "PYTHONPATH": os.pathsep.join([trial.folder, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        self._version = ""
        self._published = KeptMessages()

    def train(self) -> str:
        with changed(self._settings):
            said = step("train", "--", *self._trial.train)
        return "; ".join(line for line in said.splitlines() if line.startswith(("features: ", "reference window: ")))

    def evaluate(self) -> str:
        self._evaluate(Measured.CANDIDATE)
        self._evaluate(Measured.PRODUCTION)  # there is none yet
        with changed(self._settings):
            registry = Registry()
            found = evaluations.read(evaluations.run_of_workflow(registry, self._trial.name), Measured.CANDIDATE)
        return ", ".join(f"{name} {value:g}" for name, value in found.metrics.items()) if found else ""

    def gate(self) -> str:
        with changed(self._settings):
            said = step("register")
        reason = said.rpartition("reason: ")[2].partition("\n")[0].strip()
        if (self._output / GATE_FILE).read_text() != GateResult.PASSED:
            raise BrokenRuleError(f"the gate rejects what was trained, so it would never be served: {reason}")
        self._version = (self._output / VERSION_FILE).read_text()
        return reason

    def serve(self) -> str:
        self._served = fetch(f"models://{self._trial.name}/{Alias.STAGING}", self._folder / "served", patience=5.0)
        self._capture = Capture(self._published, self._served)
        self._model = PyfuncModel(
            self._trial.name,
            self._folder / "served",
            self._served,
            self._capture,
            max_rows=self._trial.max_rows,
            batch=Serve.batch,
        )
        try:
            self._model.load()
        except LoadError as error:
            raise BrokenRuleError(str(error)) from None
        return f"version {self._version}"

    def predict(self) -> str:
        server = self._server
        server.serve(self._model)
        rows = self._rows()
        path = f"/v1/models/{self._trial.name}:predict"
        first = _predictions(server, path, rows[:1])
        sent = 1
        size = min(MOST_ROWS, self._trial.max_rows)
        for at in range(0, len(rows), size):
            _predictions(server, path, rows[at : at + size])
            sent += len(rows[at : at + size])
        self._capture.close()
        if len(self._published.messages) != sent:
            raise BrokenRuleError(f"each answer must be published: of {sent}, {len(self._published.messages)} were")
        instance, answer = (orjson.dumps(each).decode() for each in (rows[0], first[0]))
        return f"{instance} -> {answer}" if len(instance + answer) < 200 else f"{len(rows)} rows"

    def drift(self) -> str:
        """The detector's own comparison, in its image's environment, of the rows that were just published."""
        if self._trial.drift is None:
            return "none asked for (drift is not set)"
        messages = self._folder / "messages.json"
        messages.write_text(json.dumps([message.decode() for message in self._published.messages[1:]]))
        command = [os.environ[DETECTOR], "-m", "starter.drift", str(messages)]
        root = str(Path(__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": root}
        done = subprocess.run(
            command, input=self._trial.to_json(), env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise BrokenRuleError(done.stdout.strip() or "the drift check ended without a word; see the log")
        return done.stdout.strip()

    def again(self) -> str:
        """What only a second training has: a version in production, measured beside the candidate."""
        if not self._trial.compare:
            return "compares with nothing (notWorseThan is null)"
        client = MlflowClient()
        client.set_registered_model_alias(self._trial.name, Alias.PRODUCTION, self._version)
        for measured in Measured:
            self._evaluate(measured)
        with changed(self._settings):
            run = evaluations.run_of_workflow(Registry(), self._trial.name)
            candidate, production = (evaluations.read(run, each) for each in Measured)
            assert candidate is not None  # noqa: S101  # it was just measured
            try:
                decision = decide(asked(), candidate, production)
            except TrainingError as error:
                raise BrokenRuleError(str(error)) from None
        if decision.gate != GateResult.PASSED:
            raise BrokenRuleError(
                f"the same model must be measured the same twice, within the gate's tolerance: {decision.reason}; "
                "let evaluate draw nothing at random, or set a tolerance"
            )
        return decision.reason

    def _evaluate(self, measured: Measured) -> None:
        with changed(self._settings | {Env.MEASURED: measured}):
            step("evaluate", "--", *self._trial.evaluate)

    def _rows(self) -> list[Any]:
        """Rows as a client sends them: as many of the reference as a window has, in random order."""
        window = reference_of(self._folder / "served")
        assert window is not None  # noqa: S101  # training has checked it
        check = InputCheck(Model.load(str(self._folder / "served")).signature, self._trial.max_rows)
        known = orjson.loads(orjson.dumps(reference.read(window, check)))
        wanted = int(self._trial.drift["window"]) if self._trial.drift else MOST_ROWS
        return list(pd.Series(known, dtype=object).sample(wanted, replace=len(known) < wanted, random_state=0))


def _predictions(server: Server, path: str, instances: list[Any]) -> list[Any]:
    answer = server.ask(path, {"instances": instances})
    if answer.status_code != 200:
        raise BrokenRuleError(f"the model must answer rows of its reference: {answer.status_code} {answer.text[:500]}")
    predictions = answer.json()["predictions"]
    if len(predictions) != len(instances):
        raise BrokenRuleError(f"each row must have an answer: {len(instances)} rows, {len(predictions)} answers")
    return predictions
