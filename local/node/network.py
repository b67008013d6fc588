"""The node's bridge, routes and kernel settings, and how to put everything back."""

import contextlib
import json
from pathlib import Path

from local.node.config import ADDRESS, BRIDGE, SERVICE_RANGE
from local.shell import run, succeeds

SYSCTLS = {"net/ipv4/ip_forward": "1"}
TOUCHED = (*SYSCTLS, "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/netfilter/nf_conntrack_max")
"""What we or the kubelet and kube-proxy change; remembered before, restored after."""


def up(node: Path) -> None:
    """Makes the bridge, its address and the route to services; remembers the kernel settings once."""
    before = node / "sysctls.json"
    if not before.exists():
        before.write_text(json.dumps({name: value for name in TOUCHED if (value := read_sysctl(name)) is not None}))
    if not succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "replace", f"{ADDRESS}/16", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    # Services have no interface: without a route the host itself would send their packets to its default gateway.
    run("ip", "route", "replace", SERVICE_RANGE, "dev", BRIDGE)
    for name, value in SYSCTLS.items():
        write_sysctl(name, value)


def down(node: Path) -> None:
    """Removes the bridge, its routes, kube-proxy's tables and restores the kernel settings. Safe to call again."""
    if succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "delete", BRIDGE)
    for family in ("ip", "ip6"):
        if succeeds("nft", "list", "table", family, "kube-proxy"):
            run("nft", "delete", "table", family, "kube-proxy")
    before = node / "sysctls.json"
    if before.exists():
        for name, value in json.loads(before.read_text()).items():
            write_sysctl(name, value)
        before.unlink()


def leftovers() -> list[str]:
    """Parts of ours that are still there; empty after `down`."""
    bridges = [f"bridge {BRIDGE}"] if succeeds("ip", "link", "show", BRIDGE) else []
    tables = [family for family in ("ip", "ip6") if succeeds("nft", "list", "table", family, "kube-proxy")]
    return [*bridges, *(f"firewall table {family} kube-proxy" for family in tables)]


def read_sysctl(name: str) -> str | None:
    with contextlib.suppress(OSError):
        return (Path("/proc/sys") / name).read_text().strip()
    return None


def write_sysctl(name: str, value: str) -> None:
    # Some settings are absent or read-only in containers; then nobody changed them either.
    with contextlib.suppress(OSError):
        if read_sysctl(name) != value:
            (Path("/proc/sys") / name).write_text(value)
