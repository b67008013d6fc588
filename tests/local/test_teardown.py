"""What `make down` finds: mounts, shims and control groups of ours, and nothing else's."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.node import teardown

MOUNTS = """\
22 1 0:20 / /proc rw,nosuid - proc proc rw
30 1 0:31 / /cache/node/containerd/state/sandbox/rootfs rw - overlay overlay rw
31 1 0:32 / /cache/node/containerd/state/with\\040space rw shared:7 - tmpfs tmpfs rw
32 1 0:33 / /cache/node/containerd-other/rootfs rw - overlay overlay rw
33 1 0:34 / /cache/node/containerd rw - tmpfs tmpfs rw
"""


@pytest.fixture
def mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounts as the kernel tells them: below the folder, beside it, and of others."""

    def read_text(path: Path) -> str:
        return {"/proc/self/mountinfo": MOUNTS}[str(path)]

    monkeypatch.setattr(Path, "read_text", read_text)


def test_mounts_at_and_below_a_folder_are_found_in_the_order_they_were_made(mounts: None) -> None:
    assert teardown.mounts_below(Path("/cache/node/containerd")) == [
        "/cache/node/containerd/state/sandbox/rootfs",
        "/cache/node/containerd/state/with space",
        "/cache/node/containerd",
    ]


def test_the_innermost_mount_is_taken_away_first_and_a_busy_one_is_detached(
    mounts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []

    def umount(*arguments: str) -> bool:
        calls.append(arguments)
        return "space" not in arguments[-1]

    monkeypatch.setattr(teardown, "succeeds", umount)
    teardown.unmount_below(Path("/cache/node/containerd"))
    assert calls == [
        ("umount", "/cache/node/containerd"),
        ("umount", "/cache/node/containerd/state/with space"),
        ("umount", "--lazy", "/cache/node/containerd/state/with space"),
        ("umount", "/cache/node/containerd/state/sandbox/rootfs"),
    ]


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[int]:
    """A process that looks like a shim of the containerd in `tmp_path`, and one of another's."""
    own, other = [
        subprocess.Popen(
            ["/usr/bin/containerd-shim-runc-v2", "-c", "read _", "-address", f"{node}/containerd/containerd.sock"],
            executable="/bin/sh",
            stdin=subprocess.PIPE,
        )
        for node in (tmp_path, tmp_path / "other")
    ]
    yield own.pid
    for process in (own, other):
        process.kill()
        process.communicate()


def test_only_shims_of_our_own_containerd_are_found(shim: int, tmp_path: Path) -> None:
    assert teardown.shims(tmp_path) == [shim]


def test_shims_are_ended(shim: int, tmp_path: Path) -> None:
    teardown.stop_shims(tmp_path)
    assert teardown.shims(tmp_path) == []


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups of version 1, two hierarchies; the second pod is in one of them only."""
    for path, pids in (
        ("memory/kubepods", ""),
        ("memory/kubepods/pod1", "7\n"),
        ("memory/kubepods/pod1/container", "11\n12\n"),
        ("cpu/kubepods/pod2", "12\n13\n"),
        ("cpu/somebody-else", "99\n"),
    ):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / "cgroup.procs").write_text(pids)
    monkeypatch.setattr(teardown, "CGROUPS", tmp_path)
    return tmp_path


def test_processes_of_pods_are_those_below_kubepods_in_any_hierarchy(groups: Path) -> None:
    assert teardown.pod_processes() == {7, 11, 12, 13}


def test_a_hierarchy_of_version_2_is_read_too(groups: Path) -> None:
    (groups / "kubepods").mkdir()
    (groups / "kubepods" / "cgroup.procs").write_text("21\n")
    assert 21 in teardown.pod_processes()


def test_control_groups_are_removed_from_the_inside(groups: Path) -> None:
    for procs in groups.rglob("cgroup.procs"):
        procs.unlink()  # the kernel's own files do not keep a group from being removed
    teardown.remove_cgroups()
    assert [str(path.relative_to(groups)) for path in sorted(groups.rglob("*"))] == [
        "cpu",
        "cpu/somebody-else",
        "memory",
    ]


def test_a_machine_that_never_ran_pods_has_nothing_to_take_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teardown, "CGROUPS", tmp_path)
    assert teardown.pod_processes() == set()
