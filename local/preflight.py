"""What must hold before anything starts: one clear line for each thing that does not."""

import os
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from local.node.config import PORTS
from local.node.node import Node
from local.paths import Paths
from local.shell import run
from local.toolchain import kubernetes

GIB = 1 << 30
COLD_DISK = 40 * GIB
"""Bytes that a first `make up` takes on an empty disk; half of them are Go's own caches."""
WARM_DISK = 3 * GIB


def problems(node: Node) -> Iterator[str]:
    """Everything that keeps the built-in cluster from starting, each with its remedy."""
    if os.geteuid() != 0:
        yield "not root: the node mounts file systems and makes a bridge; run it as root (sudo make up)"
        return
    yield from control_groups()
    yield from ports(node)
    yield from disk(node.paths)
    if not built(node.paths):
        yield from go_and_registry()


def control_groups(root: Path = Path("/sys/fs/cgroup")) -> Iterator[str]:
    """Control groups, version 1 or 2, with what the kubelet needs."""
    unified = root / "cgroup.controllers"
    present = set(unified.read_text().split()) if unified.exists() else {p.name for p in root.glob("*")}
    missing = {"cpu", "memory", "pids"} - present
    if missing:
        yield f"no control groups for {', '.join(sorted(missing))} in {root}; mount them, or use another machine"


def ports(node: Node) -> Iterator[str]:
    """Ports of daemons that do not run yet must be free. On the bridge's address only our own programs listen."""
    if any(daemon.pid() for daemon in node.daemons.values()):
        return
    for what, (address, port) in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address if address.startswith("127.") else "", port))
            except OSError:
                yield f"port {port} ({what}) is taken; end the program that listens there (ss -ltnp 'sport = :{port}')"


def disk(paths: Paths) -> Iterator[str]:
    needed = WARM_DISK if built(paths) else COLD_DISK
    existing = next(p for p in (paths.cache, *paths.cache.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        told = f"{free / GIB:.1f} GiB free below {existing}, {needed // GIB} GiB needed"
        yield f"{told}; free some, or set ML_LOOP_CACHE to a folder on a larger disk"


def built(paths: Paths) -> bool:
    """Whether the large builds are done: then neither Go nor much disk is needed."""
    return (paths.steps / "build-kubernetes").exists() and (paths.bin / "kubernetes").exists()


def go_and_registry() -> Iterator[str]:
    """Go itself, and the module proxy it is set to use."""
    if shutil.which("go") is None:
        yield "go is not on PATH; install Go 1.25 or newer: the cluster's programs are built from Go modules"
        return
    proxy = next((p for p in run("go", "env", "GOPROXY").strip().replace("|", ",").split(",") if "://" in p), None)
    if proxy is None:
        return
    try:
        urllib.request.urlopen(f"{proxy}/k8s.io/kubernetes/@v/{kubernetes.VERSION}.info", timeout=15).close()  # noqa: S310
    except OSError as error:
        yield f"the Go module proxy does not answer ({error}); check the network, or set GOPROXY"
