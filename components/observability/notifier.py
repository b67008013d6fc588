"""The notifier: one small pod that tells a webhook what the page of the loop shows.

External: the command (`python3 -m loop notify`), the webhook, and the Secret with its address, made by whoever runs the
stack. The pod's account reads what the page's account reads, and writes one ConfigMap, in which it keeps what it has
told.
"""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.connections import Tracking
from components.kit.custom import object_name
from components.kit.identities import RoleRule, account_with
from components.kit.labels import labels, selector
from components.kit.network import ANYWHERE, Allowance, allow
from components.kit.options import depending_on
from components.kit.pod import Mount, PodSpec
from components.kit.surroundings import traffic
from components.observability.page import CONTENT_FILE, FILE, READS, SOURCES, reading_pod
from contract.commands import Notify
from contract.notices import NOTIFIER, SIGNING_FILE, URL_FILE, WEBHOOK_FOLDER
from settings.notifications import Notifications

JOURNAL: Final[RoleRule] = {
    "api_groups": [""],
    "resources": ["configmaps"],
    "resource_names": [NOTIFIER],
    "verbs": ["get", "patch"],
}
WEBHOOK: Final[Mount] = {"name": "webhook", "mount_path": WEBHOOK_FOLDER, "read_only": True}
HTTPS: Final = Allowance(ports=(443,), peers=ANYWHERE)


@dataclass(frozen=True, kw_only=True)
class LoopNotifierArgs:
    """Whom to tell, and about what."""

    namespace: pulumi.Input[str]
    image: str
    """The page's."""
    content: pulumi.Input[str]
    """A `contract.page.PageContent` as JSON."""
    tracking: Tracking
    settings: Notifications


class LoopNotifier(pulumi.ComponentResource):
    """Creates a Deployment of one with its ConfigMaps, ServiceAccount, Role and NetworkPolicy.

    One, as two would tell everything twice. The old one stops before its replacement starts.
    """

    def __init__(self, name: str, args: LoopNotifierArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:observability:LoopNotifier", name, None, opts)
        child = ResourceOptions(parent=self)
        own, found = labels(NOTIFIER, name), selector(NOTIFIER, name)
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": NOTIFIER, "namespace": args.namespace, "labels": own}
        account = account_with(name, NOTIFIER, [*READS, JOURNAL], namespace=args.namespace, labels=own, opts=child)
        journal = k8s.core.v1.ConfigMap(f"{name}-journal", metadata=metadata, opts=child)
        content = k8s.core.v1.ConfigMap(
            f"{name}-content",
            metadata={**metadata, "name": f"{NOTIFIER}-content"},
            data={FILE: Output.from_input(args.content)},
            opts=child,
        )
        policy = allow(
            f"{name}-pods",
            namespace=args.namespace,
            selector=found,
            egress=[
                *args.tracking.egress,
                *SOURCES,
                *([traffic(each) for each in args.settings.egress] or [HTTPS]),
            ],
            opts=child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec={
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"match_labels": found},
                "template": {"metadata": {"labels": own}, "spec": _pod(args, account, object_name(content))},
            },
            opts=depending_on(child, policy, journal),
        )
        self.register_outputs({"deployment": object_name(deployment)})


def _pod(args: LoopNotifierArgs, account: Output[str], content: Output[str]) -> PodSpec:
    settings = args.settings
    command = Notify(content=CONTENT_FILE, on=settings.on, format=settings.format, signed=settings.signing is not None)
    return reading_pod(
        "notifier",
        args.image,
        args.tracking,
        command,
        account=account,
        content=content,
        ready="/readyz",
        mounts=[WEBHOOK],
        volumes=[_webhook(settings)],
    )


def _webhook(settings: Notifications) -> Any:
    """The Secrets' keys as files, which the kubelet renews. The pod says which is missing."""
    keys = {URL_FILE: settings.url, SIGNING_FILE: settings.signing}
    sources = [
        {"secret": {"name": each.name, "items": [{"key": each.key, "path": file}], "optional": True}}
        for file, each in keys.items()
        if each is not None
    ]
    return {"name": WEBHOOK["name"], "projected": {"sources": sources}}
