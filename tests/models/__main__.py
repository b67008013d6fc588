"""`python tests/models [NAME …]`, or `make models`: every real model through the contract."""

import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from closing import Server, close  # noqa: E402

FAMILIES = ("scikit",)


def main() -> int:
    server, passed, failed = Server(), 0, 0
    wanted = sys.argv[1:]
    print("| model | seconds | |\n| --- | ---: | --- |")
    for family in FAMILIES:
        for name, case in importlib.import_module(family).CASES.items():
            if wanted and name not in wanted:
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    seconds = close(case, name, Path(folder), server)
                except Exception as error:  # noqa: BLE001  # whatever it is, the next model is tried
                    failed += 1
                    if wanted:
                        traceback.print_exc()
                    print(f"| {name} | | {type(error).__name__}: {' '.join(str(error).split())[:300]} |", flush=True)
                else:
                    passed += 1
                    print(f"| {name} | {seconds:.1f} | closes |", flush=True)
    print(f"\n{passed} of {passed + failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
