"""The node's bridge, routes and kernel settings, and how to put everything back."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from local.node.config import ADDRESS, BRIDGE, SERVICE_RANGE
from local.policies.table import TABLE
from local.shell import run, succeeds

SYSCTLS = {"net/ipv4/ip_forward": "1"}
TOUCHED = (*SYSCTLS, "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/netfilter/nf_conntrack_max")
"""What we or the kubelet and kube-proxy change; remembered before, restored after."""
POLICIES = ("ip", TABLE)
TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"), POLICIES)
"""Families and names of the firewall tables that the daemons make."""


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
    """Removes the bridge, its routes, the daemons' tables and restores the kernel settings. Safe to call again."""
    if succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "delete", BRIDGE)
    remove_tables(*TABLES)
    before = node / "sysctls.json"
    if before.exists():
        for name, value in json.loads(before.read_text()).items():
            write_sysctl(name, value)
        before.unlink()


def leftovers() -> list[str]:
    """Parts of ours that are still there; empty after `down`."""
    bridges = [f"bridge {BRIDGE}"] if succeeds("ip", "link", "show", BRIDGE) else []
    return [*bridges, *(f"firewall table {family} {name}" for family, name in present(TABLES))]


def remove_tables(*tables: tuple[str, str]) -> None:
    for table in present(tables):
        run("nft", "delete", "table", *table)


def present(tables: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [table for table in tables if succeeds("nft", "list", "table", *table)]


def policies_hold() -> bool:
    """Whether the kernel has the rules that keep NetworkPolicies."""
    return succeeds("nft", "list", "chain", *POLICIES, "forward")


def read_sysctl(name: str) -> str | None:
    with contextlib.suppress(OSError):
        return (Path("/proc/sys") / name).read_text().strip()
    return None


def write_sysctl(name: str, value: str) -> None:
    # Some settings are absent or read-only in containers; then they were not changed either.
    with contextlib.suppress(OSError):
        if read_sysctl(name) != value:
            (Path("/proc/sys") / name).write_text(value)
