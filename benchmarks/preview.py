"""How long a preview takes, and how much of it is the policy pack: `python -m benchmarks.preview [STACK]`.

Each stack is previewed empty, in a state of its own, against the built-in cluster, which must be up. Its operators
count as installed (`install: false`), its store is S3-compatible and its database has no backups, so that no Helm, no
cloud and no kind that the built-in cluster lacks is needed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from local.paths import REPOSITORY, Paths
from tests.e2e.empty_stack import Preview, preview

STACKS = ("local", "dev", "prod")
STORE = {
    "kind": "s3-compatible",
    "endpoint": "https://s3.example.com",
    "bucket": "benchmark",
    "credentialsSecret": "benchmark",
}


def measured(stack: str, *, pack: bool) -> Preview:
    config = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    platform: dict[str, Any] = {
        operator: {**options, "install": False} for operator, options in config["ml-loop:platform"].items()
    }
    platform["check"] = False
    tracking = config["ml-loop:tracking"]
    tracking["postgres"].pop("backup", None)
    changes: dict[str, Any] = {"platform": platform, "tracking": tracking}
    if config["ml-loop:artifacts"]["kind"] != STORE["kind"]:
        changes["artifacts"] = STORE
    with tempfile.TemporaryDirectory() as folder:
        return preview(stack, Path(folder), Paths.default().kubeconfig, pack=pack, changes=changes)


def main() -> int:
    failed = False
    for stack in sys.argv[1:] or STACKS:
        without, judged = measured(stack, pack=False), measured(stack, pack=True)
        failed = failed or bool(without.error or judged.error)
        print(
            f"{stack}: {judged.resources} resources, {without.seconds:.1f} s without the pack, {judged.seconds:.1f} s "
            f"with it ({judged.seconds / without.seconds:.2f} times), {len(judged.found)} findings"
        )
        for outcome in (without, judged):
            if outcome.error:
                print(outcome.error, file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
