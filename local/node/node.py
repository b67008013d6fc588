"""The built-in node as a whole: up, healed, down."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from local.node import network, teardown
from local.node.certificates import write_certificates
from local.node.commands import daemons
from local.node.config import NODE, write_configs
from local.node.daemons import Daemon
from local.paths import Paths
from local.shell import run, succeeds
from local.steps import StepError

Ready = Callable[[], bool]

RUNTIME = ("containerd",)
CONTROL_PLANE = ("etcd", "apiserver", "controller-manager", "scheduler")
WORKERS = ("kubelet", "proxy")


class Node:
    """One machine's Kubernetes, below one folder."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.folder = paths.node
        self.daemons = daemons(paths.node, paths.bin / "kubernetes")

    def prepare(self) -> None:
        """Certificates, configuration, network. Same input, same result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_certificates(self.folder / "pki")
        write_configs(self.folder)
        network.up(self.folder)

    def start_runtime(self) -> str | None:
        """Starts containerd. After a crash or a reboot, what is still mounted is unmounted first."""
        containerd = self.daemons["containerd"]
        healed = containerd.pid() is None and self._clear_stale_runtime()
        self._start(RUNTIME)
        self.wait("containerd", lambda: succeeds("ctr", "-a", str(self.socket), "version"), 30)
        return "cleared what an earlier run left" if healed else None

    def start_control_plane(self) -> str | None:
        """Starts etcd, the API server, the controller manager and the scheduler; returns when the API answers."""
        started = self._start(CONTROL_PLANE)
        self.wait("apiserver", lambda: succeeds(*self.kubectl, "get", "--raw", "/readyz"), 90)
        return f"started {', '.join(started)}" if started and len(started) < len(CONTROL_PLANE) else None

    def start_workers(self) -> str | None:
        """Starts the kubelet and kube-proxy; returns when the node is ready."""
        self._start(WORKERS)
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        arguments = [*self.kubectl, "get", "node", NODE, "-o", ready]
        self.wait("kubelet", lambda: succeeds(*arguments) and run(*arguments) == "True", 90)
        return None

    def keep_policies(self) -> None:
        """Starts what keeps NetworkPolicies; returns when the kernel has their rules."""
        self._start(("policies",))
        self.wait("policies", network.policies_hold, 90)

    def forget_policies(self) -> None:
        """Lets every pod reach every other, whatever NetworkPolicies say."""
        self.daemons["policies"].stop()
        network.remove_tables(network.POLICIES)

    def down(self) -> None:
        """Stops everything and leaves no process, mount, bridge, route or firewall rule; data stays. Safe to repeat."""
        for name in (*WORKERS, "policies"):
            self.daemons[name].stop()
        teardown.stop_pods(patience=20)
        teardown.stop_shims(self.folder)
        for name in ("scheduler", "controller-manager", "apiserver", "etcd", "containerd"):
            self.daemons[name].stop()
        self._clear_mounts()
        network.down(self.folder)

    def purge(self) -> None:
        """Forgets the cluster: its objects, volumes and images."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def socket(self) -> Path:
        return self.folder / "containerd" / "containerd.sock"

    @property
    def kubectl(self) -> tuple[str, ...]:
        return (str(self.paths.bin / "kubernetes"), "kubectl", f"--kubeconfig={self.paths.kubeconfig}")

    @property
    def path(self) -> str:
        """PATH of the daemons: our binaries, then where Debian puts runc and the CNI plugins' tools."""
        return f"{self.paths.bin}:/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"

    def _start(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if self.daemons[name].start(self.path)]

    def _clear_stale_runtime(self) -> bool:
        """If containerd is gone but its shims live, the containers run on and are taken over; else nothing lives."""
        if teardown.shims(self.folder):
            return False
        state = self.folder / "containerd" / "state"
        stale = state.exists()
        self._clear_mounts()
        shutil.rmtree(state, ignore_errors=True)
        return stale

    def _clear_mounts(self) -> None:
        teardown.stop_pods(patience=0)
        for folder in ("containerd", "kubelet"):
            teardown.unmount_below(self.folder / folder)
        teardown.remove_cgroups()

    def wait(self, name: str, ready: Ready, seconds: float) -> None:
        """Waits until a daemon answers; if it ends instead, raises StepError with the last lines of its log."""
        deadline = time.monotonic() + seconds
        while not ready():
            daemon: Daemon = self.daemons[name]
            if daemon.pid() is None or time.monotonic() > deadline:
                why = "ended" if daemon.pid() is None else f"did not answer within {seconds:.0f} s"
                lines = daemon.log.read_text(errors="replace").splitlines()[-8:]
                raise StepError(f"{name} {why}; the end of {daemon.log}:\n" + "\n".join(lines))
            time.sleep(0.3)
