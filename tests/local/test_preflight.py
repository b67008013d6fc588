"""What stands in the way of the built-in cluster: one clear line each, and silence on a machine that has everything."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import cli, preflight
from local.node.node import Node
from local.paths import Paths
from local.preflight import GIB

Patch = pytest.MonkeyPatch


def answers(value: object) -> Callable[..., object]:
    """A function that answers the same whatever it is asked."""

    def function(*_: object) -> object:
        return value

    return function


@pytest.fixture
def node(tmp_path: Path, monkeypatch: Patch) -> Node:
    """A node on a machine with everything: root, control groups, free ports, disk, Go and its proxy."""
    groups = tmp_path / "cgroup"
    groups.mkdir()
    (groups / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    monkeypatch.setattr(os, "geteuid", answers(0))
    monkeypatch.setattr(preflight.control_groups, "__defaults__", (groups,))
    monkeypatch.setattr(preflight, "PORTS", {})
    monkeypatch.setattr(shutil, "disk_usage", answers(SimpleNamespace(free=100 * GIB)))
    monkeypatch.setattr(shutil, "which", answers("/usr/bin/go"))
    monkeypatch.setattr(preflight, "run", answers("direct\n"))
    monkeypatch.setenv("no_proxy", "*")
    return Node(Paths(tmp_path / "cache"))


def problems(node: Node) -> list[str]:
    return list(preflight.problems(node))


def test_nothing_stands_in_the_way_on_a_machine_that_has_everything(node: Node) -> None:
    assert problems(node) == []


def test_someone_who_is_not_root_is_told_so_and_nothing_else(node: Node, monkeypatch: Patch) -> None:
    monkeypatch.setattr(os, "geteuid", answers(1000))
    monkeypatch.setattr(shutil, "which", answers(None))
    told = "not root: the node mounts file systems and makes a bridge; run it as root (sudo make up)"
    assert problems(node) == [told]


def test_missing_control_groups_are_named(node: Node, tmp_path: Path) -> None:
    (tmp_path / "cgroup" / "cgroup.controllers").write_text("cpuset cpu io\n")
    told = f"no control groups for memory, pids in {tmp_path}/cgroup; mount them, or use another machine"
    assert problems(node) == [told]


def test_control_groups_of_version_1_are_folders(node: Node, tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    (groups / "cgroup.controllers").unlink()
    for name in ("cpu", "memory", "pids"):
        (groups / name).mkdir()
    assert problems(node) == []


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_another_program_has_is_named_with_its_purpose(node: Node, taken: int, monkeypatch: Patch) -> None:
    monkeypatch.setattr(preflight, "PORTS", {"etcd": ("127.0.0.1", taken)})
    assert problems(node) == [
        f"port {taken} (etcd) is taken; end the program that listens there (ss -ltnp 'sport = :{taken}')"
    ]


def test_a_port_of_the_bridge_is_checked_before_there_is_a_bridge(node: Node, taken: int, monkeypatch: Patch) -> None:
    monkeypatch.setattr(preflight, "PORTS", {"API server": ("10.173.0.1", taken)})
    assert [problem.split(";")[0] for problem in problems(node)] == [f"port {taken} (API server) is taken"]


def test_ports_of_a_cluster_that_runs_already_are_its_own(node: Node, taken: int, monkeypatch: Patch) -> None:
    monkeypatch.setattr(preflight, "PORTS", {"etcd": ("127.0.0.1", taken)})
    etcd = node.daemons["etcd"].pid_file
    etcd.parent.mkdir(parents=True)
    own = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    etcd.write_text(f"{os.getpid()} {own}")
    assert problems(node) == []


def test_too_little_disk_says_how_much_there_is_where_and_what_to_do(
    node: Node, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", answers(SimpleNamespace(free=4.5 * GIB)))
    told = f"4.5 GiB free below {tmp_path}, 40 GiB needed; free some, or set ML_LOOP_CACHE to a folder on a larger disk"
    assert problems(node) == [told]


def test_once_everything_is_built_less_disk_and_no_go_is_needed(node: Node, monkeypatch: Patch) -> None:
    for file in (node.paths.steps / "build-kubernetes", node.paths.bin / "kubernetes"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(shutil, "disk_usage", answers(SimpleNamespace(free=4.5 * GIB)))
    monkeypatch.setattr(shutil, "which", answers(None))
    assert problems(node) == []


def test_a_machine_without_go_is_told_which_one_to_install(node: Node, monkeypatch: Patch) -> None:
    monkeypatch.setattr(shutil, "which", answers(None))
    told = "go is not on PATH; install Go 1.25 or newer: the cluster's programs are built from Go modules"
    assert problems(node) == [told]


def test_a_module_proxy_that_does_not_answer_is_found_before_the_builds(node: Node, monkeypatch: Patch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(preflight, "run", answers(f"http://127.0.0.1:{port},direct\n"))
    (told,) = problems(node)
    assert told.startswith("the Go module proxy does not answer (")
    assert told.endswith("Connection refused>); check the network, or set GOPROXY")


def test_make_up_tells_every_problem_at_once_and_starts_nothing(
    tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ML_LOOP_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["local", "up"])
    monkeypatch.setattr(preflight, "problems", answers(iter(["one; do this", "two; do that"])))
    assert cli.main() == 1
    assert capsys.readouterr().err == "error: nothing was started:\n  - one; do this\n  - two; do that\n"
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
