"""Who looks after a model's aliases: what they name as metrics, and `production` put back where the settings say so.

External: the command (`python3 -m loop watch-aliases`), MLflow. What is to be in production it reads there, as the last
promotion has left it: a new number in the settings changes nothing here.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit import metrics
from components.kit.access import Access
from components.kit.connections import Tracking
from components.kit.custom import object_name
from components.kit.identities import RoleRule, account_with, changes
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, allow
from components.kit.options import depending_on
from components.kit.pod import (
    Container,
    PodSpec,
    arguments,
    pod,
    resources,
    restricted_container,
)
from components.kit.probes import probes
from contract.commands import WatchAliases
from contract.names import METRICS_PORT, Alias

APP: Final = "alias-watch"


@dataclass(frozen=True, kw_only=True)
class AliasWatchArgs:
    """The model, and whether what was moved by hand is put back."""

    namespace: pulumi.Input[str]
    model: str
    loop_image: str
    healing: bool
    tracking: Tracking

    @property
    def uses(self) -> Access:
        """What the pod uses. Only healing says who asks: whoever reads need not."""
        return self.tracking.writing if self.healing else self.tracking.reading


class AliasWatch(pulumi.ComponentResource):
    """Creates the Deployment `<model>-aliases`, its ServiceAccount and NetworkPolicy; to heal also a Role.

    Without healing the account has no right and the pod no token. With it, it may change the one service, and in MLflow
    put `production` back (docs/identities.md).
    """

    name: Output[str]
    """The Deployment's name, known once it has looked."""

    def __init__(self, name: str, args: AliasWatchArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:AliasWatch", name, None, opts)
        child = ResourceOptions(parent=self)
        watch, its_labels = f"{args.model}-aliases", labels(APP, args.model)
        account = account_with(name, watch, _rights(args), namespace=args.namespace, labels=its_labels, opts=child)
        policy = allow(
            f"{name}-pods",
            namespace=args.namespace,
            selector=selector(APP, args.model),
            ingress=[metrics.ingress(METRICS_PORT)],
            egress=[*args.uses.egress, *([API_SERVER] if args.healing else [])],
            opts=child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={"name": watch, "namespace": args.namespace, "labels": its_labels},
            spec={
                "replicas": 1,
                # Two would heal at once, and show each metric twice.
                "strategy": {"type": "Recreate"},
                "selector": {"match_labels": selector(APP, args.model)},
                "template": {
                    "metadata": {"labels": its_labels, "annotations": metrics.annotations(METRICS_PORT)},
                    "spec": _pod(args, account),
                },
            },
            opts=depending_on(child, policy),
        )
        self.name = object_name(deployment)
        self.register_outputs({"name": self.name})


def _rights(args: AliasWatchArgs) -> list[RoleRule]:
    """Empty where nothing is put back."""
    return [changes(f"{args.model}-{Alias.PRODUCTION}")] if args.healing else []


def _pod(args: AliasWatchArgs, account: Output[str]) -> PodSpec:
    container: Container = {
        **restricted_container(
            "aliases", args.loop_image, resources(cpu="20m", memory="128Mi", memory_limit="512Mi"), args.uses.mounts
        ),
        "command": WatchAliases.entry(),
        "args": _arguments(args),
        "env": args.uses.env,
        "ports": [{"name": "metrics", "container_port": METRICS_PORT}],
        **probes(starting_seconds=2),
    }
    return {
        **pod(container, volumes=args.uses.volumes, service_account=account),
        "automount_service_account_token": args.healing,
    }


def _arguments(args: AliasWatchArgs) -> pulumi.Input[list[str]]:
    if not args.healing:
        return arguments(WatchAliases(model=args.model, port=METRICS_PORT))
    service = f"{args.model}-{Alias.PRODUCTION}"
    return Output.from_input(args.namespace).apply(
        lambda namespace: arguments(
            WatchAliases(model=args.model, heal=True, namespace=namespace, service=service, port=METRICS_PORT)
        )
    )
