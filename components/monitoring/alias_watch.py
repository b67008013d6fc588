"""The watch over a model's aliases: it exports what they name, and puts `production` back if the settings say so.

External: the command (`python3 -m loop watch-aliases`), MLflow. It reads there which version the last promotion left in
production: a new number in the settings changes nothing here.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.access import Access
from components.kit.connections import Tracking
from components.kit.identities import RoleRule, account_with, changes
from components.kit.labels import labels
from components.kit.pod import arguments, resources
from components.monitoring.watching import WatchingPod, deploy
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
        """What the pod uses. Only healing needs an identity; reading does not."""
        return self.tracking.writing if self.healing else self.tracking.reading


class AliasWatch(pulumi.ComponentResource):
    """Creates the Deployment `<model>-aliases`, its ServiceAccount and NetworkPolicy; to heal also a Role.

    Without healing, the account has no right and the pod has no token. With healing, it may change the one service, and
    put `production` back in MLflow (docs/identities.md).
    """

    name: Output[str]
    """The Deployment's name, known once the watch has looked."""

    def __init__(self, name: str, args: AliasWatchArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:AliasWatch", name, None, opts)
        child = ResourceOptions(parent=self)
        watch = f"{args.model}-aliases"
        account = account_with(
            name, watch, _rights(args), namespace=args.namespace, labels=labels(APP, args.model), opts=child
        )
        watcher = WatchingPod(
            name=watch,
            namespace=args.namespace,
            labelled=(APP, args.model),
            container="aliases",
            image=args.loop_image,
            resources=resources(cpu="20m", memory="128Mi", memory_limit="512Mi"),
            command=WatchAliases,
            arguments=_arguments(args),
            uses=args.uses,
            account=account,
            calls_api=args.healing,
            starting_seconds=2,
        )
        self.name = deploy(f"{name}-pods", f"{name}-deployment", watcher, child)
        self.register_outputs({"name": self.name})


def _rights(args: AliasWatchArgs) -> list[RoleRule]:
    """The account's rights; empty where nothing is put back."""
    return [changes(f"{args.model}-{Alias.PRODUCTION}")] if args.healing else []


def _arguments(args: AliasWatchArgs) -> pulumi.Input[list[str]]:
    if not args.healing:
        return arguments(WatchAliases(model=args.model, port=METRICS_PORT))
    service = f"{args.model}-{Alias.PRODUCTION}"
    return Output.from_input(args.namespace).apply(
        lambda namespace: arguments(
            WatchAliases(model=args.model, heal=True, namespace=namespace, service=service, port=METRICS_PORT)
        )
    )
