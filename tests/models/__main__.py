"""`python tests/models [NAME …]`, or `make models`: every real model through the loop, a table with N of N at the end.

A name is a family's or a model's.

A family of models has an environment of its own (`environments/`), the others run in the loop's image's.
"""

import argparse
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "loop"), str(HERE.parents[1])]

FAMILIES: Final = {
    "scikit": "",
    "estimators": "",
    "types_of_inputs": "",
    "frames": "",
    "agents": "",
    "mlflow2_clients": "",
    "boosting_models": "boosting",
    "onnx_models": "onnx",
    "statistics_models": "statistics",
    "keras_models": "keras",
    "other_models": "others",
}
"""Module -> environment; empty: the loop's image's."""


def main() -> int:
    parser = argparse.ArgumentParser(description="put real models through the loop")
    parser.add_argument("names", nargs="*", help="families or models; all unless named")
    parser.add_argument("--family", help="of this one only, as JSON lines, in the environment that runs this")
    asked = parser.parse_args()
    if asked.family:
        return _run(asked.family, asked.names)
    closed, tried = 0, 0
    print("| model | family | seconds | |\n| --- | --- | ---: | --- |")
    models = [name for name in asked.names if name not in FAMILIES]
    for family in [name for name in asked.names if name in FAMILIES] or list(FAMILIES):
        for name, seconds, error in _results(family, models):
            tried += 1
            closed += not error
            print(f"| {name} | {family} | {seconds:.1f} | {error or 'closes'} |", flush=True)
    print(f"\n{closed} of {tried}")
    return 0 if closed == tried else 1


def _results(family: str, names: list[str]) -> Iterator[tuple[str, float, str]]:
    """Each model's name, seconds, and where it stopped."""
    python = sys.executable
    if environment := FAMILIES[family]:
        project = HERE / "environments" / environment
        subprocess.run(["uv", "sync", "--quiet", "--frozen", "--no-dev", "--project", project], check=True)
        python = project / ".venv" / "bin" / "python"
    command = [python, HERE, "--family", family, *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("["):
                yield tuple(json.loads(line))
    if process.returncode:
        yield f"({family})", 0.0, f"ended with {process.returncode}"


def _run(family: str, names: list[str]) -> int:
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GIT_PYTHON_REFRESH": "quiet",
        # Threads that wait for each other take minutes where others use the cores, and gain nothing on so few rows.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    warnings.simplefilter("ignore")
    import mlflow  # noqa: PLC0415
    from asking import Server  # noqa: PLC0415
    from closing import close  # noqa: PLC0415
    from mlflow_server import MlflowServer  # noqa: PLC0415

    logging.disable(logging.WARNING)
    cases = {name: case for name, case in importlib.import_module(family).CASES.items() if not names or name in names}
    if not cases:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        tracking = MlflowServer(Path(scratch))
        tracking.start()
        try:
            tracking.wait()
            os.environ["MLFLOW_TRACKING_URI"] = tracking.url
            mlflow.set_tracking_uri(tracking.url)
            server = Server()
            for name, case in cases.items():
                with tempfile.TemporaryDirectory() as folder:
                    seconds, error = 0.0, ""
                    try:
                        seconds = close(case, name, Path(folder), server)
                    except Exception as failed:  # noqa: BLE001  # whatever it is, the next model is tried
                        error = f"{type(failed).__name__}: {' '.join(str(failed).split())[:400]}"
                        if names:
                            traceback.print_exc()
                print(json.dumps([name, seconds, error]), flush=True)
        finally:
            tracking.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
