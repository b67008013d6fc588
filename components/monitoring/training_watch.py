"""Who ends trainings whose pods cannot start, as Argo waits until the step's time is up, and tells what came of others.

External: the command (`python3 -m loop watch-trainings`), Argo Workflows.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.access import NOTHING
from components.kit.identities import RoleRule, account_with
from components.kit.labels import labels
from components.kit.options import depending_on
from components.kit.pod import arguments, resources
from components.monitoring.watching import WatchingPod, deploy
from components.training.ended_trainings import EndedTrainings, EndedTrainingsArgs
from contract.commands import WatchTrainings
from contract.names import METRICS_PORT

APP: Final = "training-watch"
WORKFLOWS: Final[RoleRule] = {
    "api_groups": ["argoproj.io"],
    "resources": ["workflows"],
    # A workflow's name, which no role can know, holds its time or its event.
    "verbs": ["list", "patch"],
}


@dataclass(frozen=True, kw_only=True)
class TrainingWatchArgs:
    """Where the trainings of all models run."""

    namespace: pulumi.Input[str]
    loop_image: str


class TrainingWatch(pulumi.ComponentResource):
    """Creates the Deployment `training-watch`, its ServiceAccount, Role and NetworkPolicy, and `EndedTrainings`.

    One for all models of a stack. It may end a training, and say of one that has succeeded what came of it.
    """

    name: Output[str]
    """The Deployment's name, known once it has looked."""

    def __init__(self, name: str, args: TrainingWatchArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:TrainingWatch", name, None, opts)
        child = ResourceOptions(parent=self)
        # First what holds the right to its purpose, then the right.
        held = EndedTrainings(f"{name}-right", EndedTrainingsArgs(namespace=args.namespace), child)
        account = account_with(
            name,
            APP,
            [WORKFLOWS],
            namespace=args.namespace,
            labels=labels(APP, name),
            opts=depending_on(child, held),
        )
        watcher = WatchingPod(
            name=APP,
            namespace=args.namespace,
            labelled=(APP, name),
            container="trainings",
            image=args.loop_image,
            resources=resources(cpu="10m", memory="64Mi", memory_limit="256Mi"),
            command=WatchTrainings,
            arguments=arguments(WatchTrainings(port=METRICS_PORT)),
            uses=NOTHING,
            account=account,
            calls_api=True,
            starting_seconds=2,
        )
        self.name = deploy(f"{name}-pods", f"{name}-deployment", watcher, child)
        self.register_outputs({"name": self.name})
