"""The model keeps the loop's contract: every station of `make try`, from the checkout that ML_LOOP names."""

import os
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]


def test_the_model_passes_every_station_of_the_loop() -> None:
    loop = os.environ["ML_LOOP"]
    tried = subprocess.run(["make", "-C", loop, "try", f"FOLDER={FOLDER}"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
