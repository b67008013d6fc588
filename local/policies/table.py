"""The nftables table that keeps NetworkPolicies, and how the kernel gets it.

Packets between pods are seen in `forward`, behind kube-proxy's translation of Services: policies are about pods. What a
pod sends to the node itself, such as to the API server, is seen in `input`. What the node sends is not seen: the
kubelet's probes and the API server's calls of webhooks reach every pod, as with every network plugin. Both come after
kube-proxy's filter, which at once rejects calls to a Service without pods, while packets refused here are dropped.
"""

import subprocess
from collections.abc import Iterable, Sequence
from typing import Final

from local.policies.rules import DIRECTIONS, HeldPods

TABLE: Final = "ml-loop-policies"
REFUSED: Final = "refused"
"""The set of connections refused in the last hour: source, destination, protocol and port."""

BASE: Final = """\
add table ip {table}
add set ip {table} {refused} {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service; \
flags dynamic,timeout; timeout 1h; size 4096; counter; }}
add map ip {table} egress-of {{ type ipv4_addr : verdict; }}
add map ip {table} ingress-of {{ type ipv4_addr : verdict; }}
add set ip {table} itself {{ type ipv4_addr . ipv4_addr; }}
add chain ip {table} egress
add chain ip {table} ingress
add chain ip {table} refuse
add chain ip {table} forward {{ type filter hook forward priority filter + 10; policy accept; }}
add chain ip {table} input {{ type filter hook input priority filter + 10; policy accept; }}
"""
REPLACED: Final = """\
flush chain ip {table} forward
flush chain ip {table} input
flush chain ip {table} egress
flush chain ip {table} ingress
flush chain ip {table} refuse
flush map ip {table} egress-of
flush map ip {table} ingress-of
flush set ip {table} itself
add rule ip {table} refuse ct state new update @{refused} {{ ip saddr . ip daddr . meta l4proto . th dport }}
add rule ip {table} refuse drop
add rule ip {table} egress ip saddr vmap @egress-of
add rule ip {table} ingress ip daddr vmap @ingress-of
add rule ip {table} forward ct state established,related accept
add rule ip {table} forward ip saddr . ip daddr @itself accept
add rule ip {table} forward jump egress
add rule ip {table} forward jump ingress
add rule ip {table} input ct state established,related accept
add rule ip {table} input jump egress
"""


class Kernel:
    """The table in the kernel of this network namespace, or of the one that `within` enters."""

    def __init__(self, within: Sequence[str] = ()) -> None:
        self._within = within
        self._groups: tuple[str, ...] | None = None
        """Chains of the last transaction; None before the first, which replaces what another process left."""
        self._written = ""

    def hold(self, groups: Sequence[HeldPods], addresses: Iterable[str]) -> bool:
        """Replaces all rules at once; False where they are the same. Raises subprocess.CalledProcessError."""
        rules = script(groups, addresses)
        if rules == self._written:
            return False
        names = tuple(chain(number, group) for number, group in enumerate(groups))
        before = self._groups or ()
        head = "" if self._groups is not None else f"add table ip {TABLE}\ndelete table ip {TABLE}\n"
        stale = [f"flush chain ip {TABLE} {name}" for name in before]
        gone = [f"delete chain ip {TABLE} {name}" for name in before if name not in names]
        text = "\n".join([head + BASE.format(table=TABLE, refused=REFUSED), *stale, rules, *gone, ""])
        self._nft("-f", "-", stdin=text)
        self._groups, self._written = names, rules
        return True

    def _nft(self, *arguments: str, stdin: str) -> None:
        subprocess.run([*self._within, "nft", *arguments], input=stdin, capture_output=True, text=True, check=True)


def script(groups: Sequence[HeldPods], addresses: Iterable[str]) -> str:
    """The commands of nft that make the rules, after those of the last time were taken out.

    `egress` and `ingress` use `goto` to a group's chain, so that its `return` leads on to the next direction.
    """
    lines = [REPLACED.format(table=TABLE, refused=REFUSED).rstrip()]
    members: dict[str, list[str]] = {direction: [] for direction in DIRECTIONS}
    for number, group in enumerate(groups):
        name = chain(number, group)
        lines.append(f"add chain ip {TABLE} {name}")
        lines += [f"add rule ip {TABLE} {name} {match} return".replace("  ", " ") for match in group.matches]
        lines.append(f"add rule ip {TABLE} {name} goto refuse")
        members[group.direction] += [f"{address} : goto {name}" for address in group.addresses]
    for direction, elements in members.items():
        if elements:
            lines.append(f"add element ip {TABLE} {direction.lower()}-of {{ {', '.join(elements)} }}")
    # A pod always reaches itself, through a Service too.
    if pairs := [f"{address} . {address}" for address in sorted(set(addresses))]:
        lines.append(f"add element ip {TABLE} itself {{ {', '.join(pairs)} }}")
    return "\n".join(lines)


def chain(number: int, group: HeldPods) -> str:
    return f"{group.direction.lower()}-{number}"
