"""A training run that keeps the contract, and a way to run a step as its pod does, with one thing changed."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel

from contract.names import Env, Measured, RunTag
from loop.__main__ import main
from loop.training.evaluations import TAGS
from loop.training.gate import Evaluation

FEATURES = ["price", "pages"]
WINDOW = pd.DataFrame({"price": [float(i) for i in range(120)], "pages": [100.0 + i for i in range(120)]})
DATA = "a" * 64
SIGNATURE = infer_signature(WINDOW, WINDOW["price"].to_numpy())


@dataclass
class Bench:
    """Runs steps in this process, against the session's MLflow, with the environment of a workflow's pods."""

    output: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    good_model: str
    model: str = field(default_factory=lambda: f"books-{uuid.uuid4().hex[:8]}")
    client: MlflowClient = field(default_factory=MlflowClient)

    def step(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code, and what the step said: the sentence on failure, its facts otherwise."""
        with self.patch.context() as patch:
            for name, value in environment.items():
                patch.setenv(Env[name], value)
            patch.setattr("sys.argv", ["loop", *arguments])
            self.capture.readouterr()
            code = main()
        said = self.capture.readouterr()
        return code, f"\n{said.err}".partition("\nerror: ")[2].strip() if code else said.out.strip()

    def train(self, run_id: str) -> tuple[int, str]:
        return self.step("train", "--", "sh", "-c", f"printf {run_id} > $ML_LOOP_OUTPUT/run_id")

    def run(
        self,
        *,
        status: str = "FINISHED",
        fingerprint: str | None = DATA,
        window: pd.DataFrame | str | None = WINDOW,
        model_id: str | None = "good",
        experiment: str = "",
    ) -> str:
        """The id of a run that keeps the contract, but for what is named."""
        run_id = self.client.create_run(experiment_of(self.client, experiment or self.model)).info.run_id
        if fingerprint is not None:
            self.client.log_param(run_id, "data_fingerprint", fingerprint)
        if window is not None:
            text = window if isinstance(window, str) else window.to_csv(index=False)
            self.client.log_text(run_id, text, "reference/window.csv")
        if model_id is not None:
            logged = LoggedModelOutput(self.good_model if model_id == "good" else model_id, 0)
            self.client.log_outputs(run_id, [logged])
        self.client.set_terminated(run_id, status)
        return run_id

    def pyfunc(
        self,
        predict: Callable[[pd.DataFrame], object],
        signature: ModelSignature | None = SIGNATURE,
        name: str = "model",
    ) -> str:
        class Model(PythonModel):
            def predict(  # pyright: ignore[reportIncompatibleMethodOverride]  # MLflow's own names no type it returns
                self, context: object, model_input: pd.DataFrame, params: object = None
            ) -> object:
                return predict(model_input)

        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name=name,
                python_model=Model(),
                signature=signature,  # pyright: ignore[reportArgumentType]  # its default is None
                pip_requirements=[],
            )
        return str(info.model_id)

    def evaluate(
        self, metrics: str | None = '{"auc": 0.9}', data: str | None = DATA, **environment: str
    ) -> tuple[int, str]:
        """Of the candidate unless it is told otherwise; `bind` has made its run that of the workflow."""
        script = ":"
        if metrics is not None:
            script += f"; printf '%s' '{metrics}' > $ML_LOOP_OUTPUT/metrics.json"
        if data is not None:
            script += f"; printf '%s' '{data}' > $ML_LOOP_OUTPUT/data_fingerprint"
        return self.step("evaluate", "--", "sh", "-c", script, **{"MEASURED": "candidate"} | environment)

    def register(self, run_id: str, auc: float = 0.9, /, workflow: str = "", **environment: str) -> tuple[int, str]:
        """Of a run that belongs to the workflow, whose candidate was measured in it."""
        uid = f"{workflow or self.model}-uid"
        self.measured(self.bind(run_id, uid), Evaluation(None, {"auc": auc}, DATA), uid=uid)
        names = {"WORKFLOW": workflow} if workflow else {}
        return self.step("register", WORKFLOW_UID=uid, **names | environment)

    def bind(self, run_id: str, uid: str = "") -> str:
        """What the step `train` does for a run that it accepts."""
        self.client.set_tag(run_id, RunTag.WORKFLOW_UID, uid or f"{self.model}-uid")
        return run_id

    def measured(
        self,
        run_id: str,
        evaluation: Evaluation | None,
        measured: Measured = Measured.CANDIDATE,
        *,
        uid: str = "",
    ) -> None:
        """What the step `evaluate` leaves."""
        found = evaluation and vars(evaluation)
        text = json.dumps({"workflow": uid or f"{self.model}-uid", "evaluation": found})
        self.client.set_tag(run_id, TAGS[measured], text)

    def judged(self) -> str:
        """A run of the workflow whose candidate was measured."""
        run_id = self.bind(self.run())
        self.measured(run_id, Evaluation(None, {"auc": 0.9}, DATA))
        return run_id

    def written(self, name: str) -> str:
        return (self.output / name).read_text()

    def evaluation(self, run_id: str, measured: Measured = Measured.CANDIDATE) -> dict[str, object]:
        """What the run says of it."""
        return json.loads(self.client.get_run(run_id).data.tags[TAGS[measured]])

    def versions(self) -> list[str]:
        return sorted(str(found.version) for found in self.client.search_model_versions(f"name = '{self.model}'"))

    def staging(self) -> str | None:
        aliases = self.client.get_registered_model(self.model).aliases
        return str(aliases["staging"]) if "staging" in aliases else None


def experiment_of(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id) if found else client.create_experiment(name)
