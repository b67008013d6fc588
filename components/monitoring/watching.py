"""A program of the loop that watches: a pod of its own, which only Prometheus calls."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.kit import metrics
from components.kit.access import Access
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, allow
from components.kit.options import depending_on
from components.kit.pod import Container, Env, PodSpec, Resources, pod, restricted_container
from components.kit.probes import probes
from contract.commands import Command
from contract.names import METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class WatchingPod:
    """What runs, as whom, and what it uses."""

    name: str
    """The Deployment's name."""
    namespace: Input[str]
    labelled: tuple[str, str] | tuple[str, str, str]
    """App, instance and, where there is one, role: what its labels are made of."""
    container: str
    image: str
    resources: Resources
    command: type[Command]
    arguments: Input[list[str]]
    uses: Access
    env: Sequence[Env] = ()
    """Variables besides those of what it uses."""
    account: Input[str]
    calls_api: bool = False
    """Whether it has its account's token, and reaches the API server."""
    starting_seconds: int = 3
    """Seconds between two probes of whether it has started."""


def deploy(policy: str, deployment: str, watcher: WatchingPod, opts: ResourceOptions) -> Output[str]:
    """Creates a NetworkPolicy and a Deployment of one pod, by these resource names. Returns the Deployment's name.

    Two pods would each read half of the partitions, and show each metric twice. So the old one ends first.
    """
    own_labels, found = labels(*watcher.labelled), selector(*watcher.labelled)
    allowed = allow(
        policy,
        namespace=watcher.namespace,
        selector=found,
        ingress=[metrics.ingress(METRICS_PORT)],
        egress=[*watcher.uses.egress, *([API_SERVER] if watcher.calls_api else [])],
        opts=opts,
    )
    made = k8s.apps.v1.Deployment(
        deployment,
        metadata={"name": watcher.name, "namespace": watcher.namespace, "labels": own_labels},
        spec={
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"match_labels": found},
            "template": {
                "metadata": {
                    "labels": {**own_labels, **watcher.uses.labels},
                    "annotations": metrics.annotations(METRICS_PORT),
                },
                "spec": {**_pod(watcher), "automount_service_account_token": watcher.calls_api},
            },
        },
        opts=depending_on(opts, allowed),
    )
    return object_name(made)


def _pod(watcher: WatchingPod) -> PodSpec:
    container: Container = {
        **restricted_container(watcher.container, watcher.image, watcher.resources, watcher.uses.mounts),
        "command": watcher.command.entry(),
        "args": watcher.arguments,
        "env": [*watcher.uses.env, *watcher.env],
        "ports": [{"name": "metrics", "container_port": METRICS_PORT}],
        **probes(starting_seconds=watcher.starting_seconds),
    }
    return pod(container, volumes=watcher.uses.volumes, service_account=watcher.account)
