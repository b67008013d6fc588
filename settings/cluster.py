"""The cluster, and the check that its context exists, made before anything talks to it."""

import os
from pathlib import Path
from typing import Annotated, Any

import yaml

from settings.problem import Allowed, Problem, SettingsError, dotted
from settings.section import Section
from settings.values.network import AddressBlock, ClusterIdentifier, Host, KubeconfigPath, KubeContext
from settings.values.number import Flag

AddressBlocks = Annotated[
    tuple[AddressBlock, ...], Allowed("a list of addresses, such as [10.0.0.10]", "Put it in brackets")
]


class Cluster(Section):
    """The only cluster this stack may touch, never whatever happens to be current."""

    context: KubeContext
    """Name of a context in the kubeconfig."""
    kubeconfig: KubeconfigPath | None = None
    """Path of the kubeconfig. Unset: the files of KUBECONFIG, else ~/.kube/config."""
    node_address: Host | None = None
    """Address of a node, at which node ports are reached from outside. Unset: outputs name no such URL."""
    enforces_network_policies: Flag = False
    """Whether the cluster's network plugin enforces NetworkPolicies. They are always made; false adds a warning."""
    identifier: ClusterIdentifier | None = None
    """What Pulumi knows the cluster by; another one replaces every object. Unset: the uid of its namespace kube-system,
    which a renamed context or a rotated certificate leaves as it is."""
    dns: AddressBlocks = ()
    """DNS servers of the pods besides kube-dns and link-local addresses (NodeLocal DNSCache). Port 53 only."""
    api_server: AddressBlocks = ()
    """Addresses of the API server, as `kubectl get endpointslices kubernetes` prints them. Empty: unknown; pods that
    call it may reach the ports 443 and 6443 anywhere."""


def check_context(cluster: Cluster) -> None:
    """Reads the kubeconfig, without any call to a cluster.

    Raises:
        SettingsError: if it cannot be read, or has no context of that name.
    """
    files = _kubeconfigs(cluster)
    where = os.pathsep.join(map(str, files))
    contexts = sorted({name for file in files for name in _contexts(file)})
    if cluster.context not in contexts:
        expected = f"one of the contexts in {where}: {', '.join(contexts)}" if contexts else f"a context in {where}"
        remedy = "Correct the name, or let your platform's command (such as aws eks update-kubeconfig) add the context"
        raise _error(Problem.with_value(("cluster", "context"), cluster.context, expected, remedy))


def _kubeconfigs(cluster: Cluster) -> list[Path]:
    if cluster.kubeconfig is not None:
        return [Path(cluster.kubeconfig).expanduser()]
    # kubectl's rule: empty parts are skipped, files that do not exist count as empty.
    paths = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(path) for path in paths] or [Path.home() / ".kube" / "config"]


def _contexts(file: Path) -> list[str]:
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        return [str(context["name"]) for context in content.get("contexts") or []]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        expected, remedy = "a readable kubeconfig", "Check the file with kubectl config view"
        raise _error(Problem.with_value(("cluster", "kubeconfig"), str(file), expected, remedy)) from None


def _error(problem: Problem) -> SettingsError:
    return SettingsError([f"{dotted(problem.path)}: {problem.text}"])
