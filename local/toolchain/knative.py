"""Builds the command that judges models in Knative mode by KServe's and Knative's own code. For tests only.

Its module, `local/go/knative`, requires the KServe that is pinned in `gotools`, with the Knative Serving that this one
is made with; after a change of that pin, copy the replaces of `local/go/tools/kserve/go.mod` and run `go mod tidy`.
"""

from typing import Final

from local.lock import building
from local.paths import REPOSITORY, Paths
from local.toolchain.gotools import compile_into

MODULE: Final = REPOSITORY / "local" / "go" / "knative"
COMMAND: Final = "knative-pods"


def build(paths: Paths) -> None:
    """Builds the command into the cache's bin folder; a cut-off build leaves no half-written binary."""
    # The flags of the other Go programs: packages that KServe's manager was built from are not built again.
    compile_into(paths.bin, {".": COMMAND}, ["-tags=", "-ldflags", "-s -w"], MODULE)


if __name__ == "__main__":
    cache = Paths.default()
    cache.bin.mkdir(parents=True, exist_ok=True)
    with building(cache):
        build(cache)
