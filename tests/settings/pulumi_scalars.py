"""Asks Pulumi what a program gets of each scalar in `texts/scalars.json`, and writes the answers over its values.

`python -m tests.settings.pulumi_scalars PULUMI`, by hand after adding scalars; PULUMI is its CLI.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TEXTS = Path(__file__).parent / "texts" / "scalars.json"


def asked(pulumi: str, scalars: list[str]) -> list[Any]:
    """What arrives of each, in order."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {"PULUMI_BACKEND_URL": f"file://{folder}", "PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_HOME": folder}
        (home / "Pulumi.yaml").write_text("name: scalars\nruntime: python\n", encoding="utf-8")

        def run(*arguments: str) -> str:
            argv = [pulumi, *arguments, "--cwd", folder]
            return subprocess.run(argv, check=True, capture_output=True, text=True, env=os.environ | environment).stdout

        run("stack", "init", "it")
        lines = "".join(f"    - {scalar}\n" for scalar in scalars)
        (home / "Pulumi.it.yaml").write_text(f"config:\n  scalars:all:\n{lines}", encoding="utf-8")
        (said,) = json.loads(run("config", "--json", "--stack", "it")).values()
        return json.loads(said["value"])


if __name__ == "__main__":
    table = list(json.loads(TEXTS.read_text(encoding="utf-8")))
    answers = dict(zip(table, asked(sys.argv[1], table), strict=True))
    TEXTS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
