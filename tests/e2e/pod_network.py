"""A network like the built-in node's in namespaces of its own: a bridge, nine pods on it, and what each pod reaches.

As in Kubernetes' own conformance tests of network plugins: the pods a, b and c in the namespaces x, y and z, and each
answers at the ports 80 and 81 by TCP and UDP.
"""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

from local.policies.peers import surroundings
from local.policies.rules import held
from local.policies.table import Kernel

Json = dict[str, Any]


class PodCall(NamedTuple):
    """Its ends' names are `x/a`, or `node`."""

    caller: str
    called: str
    protocol: str
    port: int


NAMESPACES: Final = ("x", "y", "z")
NAMES: Final = ("a", "b", "c")
PODS: Final = {
    f"{space}/{name}": f"10.9.{i}.{j}" for i, space in enumerate(NAMESPACES) for j, name in enumerate(NAMES, 2)
}
NODE: Final = "10.9.255.254"
ADDRESSES: Final = {"node": NODE, **PODS}
PORTS: Final = (80, 81)
PROTOCOLS: Final = ("TCP", "UDP")
EVERY_CALL: Final = frozenset(
    PodCall(caller, called, protocol, port)
    for caller in ADDRESSES
    for called in ADDRESSES
    for protocol in PROTOCOLS
    for port in PORTS
)
EXPECTED: Final = 20.0
UNEXPECTED: Final = 0.2
"""Seconds for an answer."""


class PodNetwork:
    """As a context: made at its start, gone at its end."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.kernel = Kernel(within=("ip", "netns", "exec", space("node")))

    def __enter__(self) -> "PodNetwork":
        self._clear()
        for who, address in ADDRESSES.items():
            ip("netns", "add", space(who))
            ip("-n", space(who), "link", "set", "lo", "up")
            if who == "node":
                ip("-n", space(who), "link", "add", "bridge", "type", "bridge")
                ip("-n", space(who), "address", "add", f"{address}/16", "dev", "bridge")
                ip("-n", space(who), "link", "set", "bridge", "up")
            else:
                self._wire(who, address)
        for who in ADDRESSES:
            command = [
                "ip",
                "netns",
                "exec",
                space(who),
                sys.executable,
                str(Path(__file__).with_name("pod_prober.py")),
            ]
            self._processes[who] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        for process in self._processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return self

    def _wire(self, who: str, address: str) -> None:
        node = space("node")
        port = who.replace("/", "-")
        ip("-n", space(who), "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", node)
        ip("-n", node, "link", "set", port, "master", "bridge", "up")
        ip("-n", space(who), "address", "add", f"{address}/16", "dev", "eth0")
        ip("-n", space(who), "link", "set", "eth0", "up")
        ip("-n", space(who), "route", "add", "default", "via", NODE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._clear()

    def _clear(self) -> None:
        for who in ADDRESSES:
            subprocess.run(["ip", "netns", "delete", space(who)], capture_output=True, check=False)

    def hold(self, *policies: Json, pods: Iterable[Json] = (), namespaces: Iterable[Json] = ()) -> None:
        """Puts the policies in force, among the usual pods and namespaces unless others are given."""
        around = surroundings(list(pods) or [pod(each) for each in PODS], list(namespaces) or every_namespace())
        self.kernel.hold(held(policies, around), (each.address for each in around.pods))

    def answered(self, expected: Collection[PodCall]) -> frozenset[PodCall]:
        """Every call that was answered, all pods calling all at once.

        One that is expected is waited for; one that is not has the time in which hundreds are answered.
        """
        for caller, process in self._processes.items():
            calls = [call for call in EVERY_CALL if call.caller == caller]
            asked = [[*_asked(call), EXPECTED if call in expected else UNEXPECTED] for call in calls]
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked) + "\n")
        answers: set[PodCall] = set()
        for caller, process in self._processes.items():
            assert process.stdout is not None
            answers |= {
                PodCall(caller, called, kind, port) for called, kind, port in json.loads(process.stdout.readline())
            }
        return frozenset(answers)


def _asked(call: PodCall) -> tuple[str, str, str, int]:
    return call.called, ADDRESSES[call.called], call.protocol, call.port


def space(who: str) -> str:
    return f"pods-test-{who.replace('/', '-')}"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def pod(who: str, **labels: str) -> Json:
    namespace, name = who.split("/")
    ports = [
        {"name": f"serve-{port}-{kind.lower()}", "containerPort": port, "protocol": kind}
        for port in PORTS
        for kind in PROTOCOLS
    ]
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": {"pod": name, **labels}},
        "spec": {"containers": [{"name": "serve", "ports": ports}]},
        "status": {"phase": "Running", "podIP": PODS[who]},
    }


def every_namespace(**labels: Json) -> list[Json]:
    """The three namespaces; `labels` are more of some of them, by name."""
    return [{"metadata": {"name": each, "labels": {"ns": each, **labels.get(each, {})}}} for each in NAMESPACES]
