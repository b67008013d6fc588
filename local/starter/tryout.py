"""`make try`: a model through all stations of the loop on this machine, by the loop's own code, without a cluster.

The stations (`starter/`) run in the environments of the loop's images, to which the model's requirements are added.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import fields

from rich.console import Console

from contract import gate
from contract.drift import DriftSettings
from local.display import Display
from local.paths import REPOSITORY, Paths
from local.starter.folder import ModelFolder
from local.steps import State, StepError
from settings import Drift
from starter.plan import DETECTOR, Progress, Station, Trial

SHOWN = 20
"""How many last lines of the log are shown where a station fails."""


def run(folder: ModelFolder, paths: Paths, console: Console, shell: Mapping[str, str]) -> int:
    """Tries the model. Returns 0 where it passes everywhere. Raises StepError where it cannot be tried."""
    trial = trial_of(folder, shell)
    log = paths.cache / f"try-{folder.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    display, failed = Display(console), ""
    with (
        subprocess.Popen(
            [*python(folder), "-m", "starter", str(log)],
            cwd=REPOSITORY,
            env=environment(shell),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        display.over(list(Station)),
    ):
        assert process.stdin is not None  # noqa: S101  # both were asked for
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(trial.to_json())
        process.stdin.close()
        for line in process.stdout:
            event, station, note, seconds = json.loads(line)
            if event == Progress.START:
                display.start(station)
            else:
                failed = note if event == Progress.FAILED else failed
                state = State.FAILED if event == Progress.FAILED else State.DONE
                display.finish(station, state, seconds, "" if event == Progress.FAILED else note)
    if failed:
        console.print(f"\n{failed}\n", markup=False, style="red")
        console.print(f"What the model's own commands printed is in {log}.", markup=False)
        return 1
    if process.returncode:
        told = "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN:]) if log.exists() else ""
        raise StepError(f"the trial of {folder.name} broke off, which is no verdict on the model ({log}):\n{told}")
    console.print(f"\n{folder.name} keeps the contract. Next: make image FOLDER={folder.path}", markup=False)
    return 0


def trial_of(folder: ModelFolder, shell: Mapping[str, str]) -> Trial:
    """The trial of a folder. Raises StepError where a secret of the settings is not in the shell."""
    training = folder.settings.training
    if missing := [name for name in training.secrets if name not in shell]:
        raise StepError(
            f"training.secrets.{missing[0]}: on the cluster a Secret has its value, here your shell has; "
            f"export {missing[0]} first"
        )
    return Trial(
        name=folder.name,
        folder=str(folder.path),
        train=training.commands.train,
        evaluate=training.commands.evaluate,
        gate=gate.to_json(training.gate.criteria),
        compare=training.gate.not_worse_than is not None,
        data_uri=training.data_uri or "",
        parameters=json.dumps(dict(training.parameters)),
        environment=dict(training.env) | {name: shell[name] for name in training.secrets},
        max_rows=folder.settings.serving.max_rows,
        drift=drift_of(folder.settings.drift),
    )


def drift_of(drift: Drift | None) -> dict[str, object] | None:
    if drift is None:
        return None
    return {field.name: getattr(drift, field.name) for field in fields(DriftSettings)}


def python(folder: ModelFolder) -> list[str]:
    """The loop's Python, with the model's requirements added."""
    if folder.requirements is None:
        return [str(REPOSITORY / "images" / "loop" / ".venv" / "bin" / "python")]
    project = ("--project", str(REPOSITORY / "images" / "loop"), "--frozen", "--all-groups", "--no-sync")
    return ["uv", "run", "--quiet", *project, "--with-requirements", str(folder.requirements), "python"]


def environment(shell: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in shell.items()
        if not name.startswith(("MLFLOW_", "ML_LOOP_", "PYTHON", "VIRTUAL_ENV"))
    }
    return kept | {DETECTOR: str(REPOSITORY / "images" / "detector" / ".venv" / "bin" / "python")}
