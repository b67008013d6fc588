"""A version's way into production: a Job that puts it there, watches it, and takes it back if it is worse.

A Job, as Pulumi waits for one natively and fails with it at once (docs/decisions/0012-promotion.md). It is named after
the version: another number in the settings is another Job. A Job that runs again for the version in production, because
of a new image, finds nothing to do.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import CustomTimeouts, Output, ResourceOptions

from components.kit.access import NOTHING, Access
from components.kit.connections import Tracking
from components.kit.custom import object_name
from components.kit.identities import account_with, rolls
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import Container, arguments, plain_env, pod, resources, restricted_container
from components.kit.signing import verifying
from components.serving.serving import APP as SERVERS
from contract.commands import Promote
from contract.names import EXIT_VERDICT, SERVER_PORT, Alias
from contract.watching import Limits, Watching
from settings import Signing
from settings.model import Promotion as PromotionSettings
from settings.model import Serving

APP: Final = "promotion"
ROLLOUT_TIMEOUT: Final = Serving().start_timeout
"""Seconds for the servers to take up a version, and as long again to go back, unless the settings say otherwise."""
SLACK_SECONDS: Final = 300
"""Seconds more that a promotion may take while MLflow is away or its pod is made again."""


@dataclass(frozen=True, kw_only=True)
class PromotionArgs:
    """The model, the version that a human approved, and how it is watched."""

    model: str
    version: int
    namespace: pulumi.Input[str]
    loop_image: str
    tracking: Tracking
    promotion: PromotionSettings
    rollout_timeout: timedelta = ROLLOUT_TIMEOUT
    """How long the servers may take to load the version, and as long again to go back."""
    kafka: Access = NOTHING
    """Where predictions are read. NOTHING: they are not judged."""
    signing: Signing | None = None
    """Whose signature the version must have. None: it needs none."""

    @property
    def uses(self) -> Access:
        """What the Job's pod uses."""
        return self.tracking.writing + self.kafka + Access(env=plain_env(verifying(self.signing)))


class Promotion(pulumi.ComponentResource):
    """Creates the Job `<model>-promote-v<version>`, its account, its rights and its NetworkPolicy.

    External: the production service, MLflow, Kafka. What depends on it comes after the version is served.
    """

    job: Output[str]
    """The Job's name, known once the version is in production."""

    def __init__(self, name: str, args: PromotionArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:Promotion", name, None, opts)
        child = ResourceOptions(parent=self)
        account = _account(name, args, child)
        policy = allow(
            f"{name}-pods",
            namespace=args.namespace,
            selector=selector(APP, args.model),
            egress=[
                API_SERVER,
                Allowance(ports=(SERVER_PORT,), peers=(pods(selector(SERVERS, args.model, Alias.PRODUCTION)),)),
                *args.uses.egress,
            ],
            opts=child,
        )
        # To go forward, once again after a pod that died late, and back.
        seconds = int((3 * args.rollout_timeout + 3 * args.promotion.watch).total_seconds() + SLACK_SECONDS)
        job = k8s.batch.v1.Job(
            f"{name}-job",
            metadata={
                "name": f"{args.model}-promote-v{args.version}",
                "namespace": args.namespace,
                "labels": labels(APP, args.model),
                # The Job of a version that failed stays, with its reason; the next `up` tries again.
                "annotations": {"pulumi.com/replaceUnready": "true"},
            },
            spec={
                "active_deadline_seconds": seconds,
                # Pulumi's plugin considers a Job failed only on BackoffLimitExceeded or DeadlineExceeded, not on
                # PodFailurePolicy: so the first pod that ends with a verdict uses up the limit; no other pod counts.
                "backoff_limit": 0,
                "pod_failure_policy": {
                    "rules": [
                        {"action": "Ignore", "on_pod_conditions": [{"type": "DisruptionTarget", "status": "True"}]},
                        {"action": "Ignore", "on_exit_codes": {"operator": "NotIn", "values": [EXIT_VERDICT]}},
                    ]
                },
                "template": {
                    "metadata": {"labels": {**labels(APP, args.model), **args.uses.labels}},
                    "spec": _pod(args, account),
                },
            },
            opts=ResourceOptions.merge(
                depending_on(child, policy),
                ResourceOptions(
                    # Two at once would move the alias to and fro.
                    delete_before_replace=True,
                    custom_timeouts=CustomTimeouts(create=f"{seconds + 60}s"),
                ),
            ),
        )
        self.job = object_name(job)
        self.register_outputs({"job": self.job})


def _account(name: str, args: PromotionArgs, child: ResourceOptions) -> Output[str]:
    """The account, which may change the one service and watch its pods. Known once it has its rights."""
    return account_with(
        name,
        f"{args.model}-promote",
        rolls(f"{args.model}-{Alias.PRODUCTION}"),
        namespace=args.namespace,
        labels=labels(APP, args.model),
        opts=child,
    )


def _pod(args: PromotionArgs, account: Output[str]) -> k8s.core.v1.PodSpecArgsDict:
    container: Container = {
        **restricted_container(
            "promote",
            args.loop_image,
            resources(cpu="100m", memory="256Mi", memory_limit="1Gi"),
            args.uses.mounts,
        ),
        "command": Promote.entry(),
        "args": Output.from_input(args.namespace).apply(lambda namespace: arguments(_command(args, namespace))),
        "env": args.uses.env,
    }
    return {
        **pod(container, volumes=args.uses.volumes, service_account=account),
        "automount_service_account_token": True,
        "restart_policy": "Never",
    }


def _command(args: PromotionArgs, namespace: str) -> Promote:
    return Promote(
        model=args.model,
        version=str(args.version),
        namespace=namespace,
        service=f"{args.model}-{Alias.PRODUCTION}",
        timeout=args.rollout_timeout.total_seconds(),
        watching=watching(args.promotion),
    )


def watching(promotion: PromotionSettings) -> Watching:
    """The settings as `promote` and `canary` are told them."""
    limits = Limits(promotion.max_error_rate, promotion.max_latency_ratio, promotion.max_prediction_shift)
    return Watching(promotion.watch.total_seconds(), limits)
