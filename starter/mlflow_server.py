"""A real MLflow server on this machine alone: a database file, artifacts through the server, one worker."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

SETTINGS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*",
}
START_SECONDS: Final = 240


class MlflowServer:
    """It may be stopped and started again on the same port with the same data."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.folder, self.options, self.environment = folder, options, environment or {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--serve-artifacts", "--artifacts-destination", str(self.folder / "artifacts")]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}", *self.options]
        environment = os.environ | SETTINGS | self.environment
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=environment, cwd=self.folder
            )

    def wait(self) -> None:
        """Raises RuntimeError when it does not answer."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()  # noqa: S310 - our own address
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(f"MLflow did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
