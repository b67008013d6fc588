"""`python -m starter LOG`: takes the model that standard input describes through all stations; one JSON line an event.

Runs in the environment of the loop's image, with the model's own requirements added. What the model's commands print
goes to the file LOG.
"""

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from starter.plan import Progress, Station, Trial


def main() -> int:
    trial, said = Trial.from_json(sys.stdin.read()), _apart(Path(sys.argv[1]))
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet", "PYTHONUNBUFFERED": "1"}
    # `python3` in the settings is the image's; here it is the environment's.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    warnings.simplefilter("ignore")

    def tell(event: Progress, station: Station, note: str = "", seconds: float = 0.0) -> None:
        print(json.dumps([event, station, note, seconds]), file=said, flush=True)

    with tempfile.TemporaryDirectory(prefix="ml-loop-try-") as folder:
        return _run(trial, Path(folder), tell)


def _run(trial: Trial, folder: Path, tell: Callable[..., None]) -> int:
    tell(Progress.START, Station.MLFLOW)
    began = time.monotonic()
    from starter.mlflow_server import MlflowServer  # noqa: PLC0415

    tracking = MlflowServer(folder)
    tracking.start()
    try:
        os.environ["MLFLOW_TRACKING_URI"] = tracking.url
        import mlflow  # noqa: PLC0415  # seconds, in which the server starts

        from starter.answering import Server  # noqa: PLC0415
        from starter.stations import Course  # noqa: PLC0415
        from starter.steps import BrokenRuleError  # noqa: PLC0415

        logging.disable(logging.INFO)
        mlflow.set_tracking_uri(tracking.url)
        course = Course(trial, folder, Server())
        tracking.wait()
        tell(Progress.DONE, Station.MLFLOW, "on this machine, for this trial", time.monotonic() - began)
        stations = {
            Station.TRAIN: course.train,
            Station.EVALUATE: course.evaluate,
            Station.GATE: course.gate,
            Station.SERVE: course.serve,
            Station.PREDICT: course.predict,
            Station.DRIFT: course.drift,
            Station.AGAIN: course.again,
        }
        for station, pass_it in stations.items():
            began = time.monotonic()
            tell(Progress.START, station)
            try:
                note = pass_it()
            except BrokenRuleError as error:
                tell(Progress.FAILED, station, str(error), time.monotonic() - began)
                return 1
            tell(Progress.DONE, station, note, time.monotonic() - began)
    finally:
        tracking.stop()
    return 0


def _apart(log: Path) -> TextIO:
    """Standard output for our events alone: everything else that is printed goes to the log."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(1), "w")
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return own


if __name__ == "__main__":
    sys.exit(main())
