"""Takes pods and what they hold away: processes, mounts, control groups. Works on a dirty machine too."""

import contextlib
import os
import time
from pathlib import Path

from local.node.daemons import end
from local.shell import succeeds

CGROUPS = Path("/sys/fs/cgroup")


def stop_pods(patience: float) -> None:
    """Ends every process in the kubelet's control groups: containers first ask, then are killed."""
    end(sorted(pod_processes()), patience)
    deadline = time.monotonic() + 10
    while (left := sorted(pod_processes())) and time.monotonic() < deadline:
        end(left, 1)


def pod_processes() -> set[int]:
    """Process ids in any control group below `kubepods`, on version 1 and version 2."""
    return {int(pid) for group in pod_cgroups() for pid in read(group / "cgroup.procs").split()}


def pod_cgroups() -> list[Path]:
    """All groups below `kubepods`, deepest first, over all hierarchies."""
    roots = [root for root in [CGROUPS / "kubepods", *CGROUPS.glob("*/kubepods")] if root.is_dir()]
    # os.walk passes over groups that vanish under it; pathlib's walk does not.
    groups = [Path(folder) for root in roots for folder, _, _ in os.walk(root)]
    return sorted(groups, key=lambda group: -len(group.parts))


def stop_shims(node: Path, patience: float = 5.0) -> None:
    """Ends the containers' shims of our containerd: they outlive containerd by design."""
    end(shims(node), patience)


def shims(node: Path) -> list[int]:
    socket = f"{node}/containerd/containerd.sock".encode()
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words = read_bytes(entry / "cmdline").split(b"\0")
            if words[0].endswith(b"containerd-shim-runc-v2") and socket in words:
                found.append(int(entry.name))
    return found


def unmount_below(folder: Path) -> None:
    """Unmounts everything below a folder, innermost first; busy mounts are detached."""
    for point in reversed(mounts_below(folder)):
        if not succeeds("umount", point):
            succeeds("umount", "--lazy", point)


def mounts_below(folder: Path) -> list[str]:
    """Mount points at and below a folder, in the order they were made."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point.replace("\\040", " ") for point in points if f"{point}/".startswith(f"{folder}/")]


def remove_cgroups() -> None:
    """Removes the kubelet's control groups once they are empty."""
    for group in pod_cgroups():
        with contextlib.suppress(OSError):
            group.rmdir()


def read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def read_bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""
