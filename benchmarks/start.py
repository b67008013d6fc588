"""What modules that are compiled into the image save at each start of a pod: `.venv/bin/python -m benchmarks.start`.

Each command of the loop's image is imported in a new process, in the loop's environment: with the compiled modules that
are there, and, as the baseline, without any, as in an image that has none and a pod that can write none. Both take
turns, after a round that compiles and warms the disk's cache. Prints medians of the processor time, and their ratio.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile

from local.paths import REPOSITORY

PYTHON = REPOSITORY / "images" / "loop" / ".venv" / "bin" / "python"
MODULES = ("loop.training.stage", "loop.training.register", "loop.serving.fetch", "loop.serving.server")
ROUNDS = 5


def seconds(module: str, **environment: str) -> float:
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PYTHON, "-c", f"import {module}"], cwd=REPOSITORY, env=usual | environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    with tempfile.TemporaryDirectory() as nothing:
        baseline = {"PYTHONPYCACHEPREFIX": nothing, "PYTHONDONTWRITEBYTECODE": "1"}
        for module in MODULES:
            seconds(module)
            pairs = [(seconds(module), seconds(module, **baseline)) for _ in range(ROUNDS)]
            compiled, not_compiled = (statistics.median(each) for each in zip(*pairs, strict=True))
            ratio = not_compiled / compiled
            print(f"{module}: {compiled:.2f} s compiled, {not_compiled:.2f} s not ({ratio:.1f} times)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
