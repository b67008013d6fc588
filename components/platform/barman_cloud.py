"""The plugin that archives databases in a bucket, beside the operator that runs them: installed by a pinned chart."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.network import API_SERVER, Allowance, allow, pods
from components.kit.pod import resources
from components.platform.cloudnativepg import OPERATOR

PORT: Final = 9090
"""Where the operator asks the plugin what to put beside a database."""
PLUGIN: Final = {"app.kubernetes.io/name": versions.BARMAN_CLOUD.name}


@dataclass(frozen=True, kw_only=True)
class BarmanCloudArgs:
    """Where the plugin runs."""

    namespace: pulumi.Input[str]
    """The operator's: it looks for plugins nowhere else."""
    chart_mirror: str | None = None
    """Where charts come from instead of their own repositories."""


class BarmanCloud(pulumi.ComponentResource):
    """Creates the chart's objects, CRDs included, and lets operator and plugin talk.

    External: the chart's repository; the operator, and cert-manager, which issues the certificates of both ends.
    One replica, the chart's default: databases archive without it; only changes wait.
    """

    version: str
    """The installed chart and its version."""

    def __init__(self, name: str, args: BarmanCloudArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:platform:BarmanCloud", name, None, opts)
        child = ResourceOptions(parent=self)
        self.version = str(versions.BARMAN_CLOUD)
        allow(
            f"{name}-plugin",
            namespace=args.namespace,
            selector=PLUGIN,
            ingress=[Allowance(ports=(PORT,), peers=(pods(OPERATOR),))],
            egress=[API_SERVER],
            opts=child,
        )
        allow(
            f"{name}-operator",
            namespace=args.namespace,
            selector=OPERATOR,
            egress=[Allowance(ports=(PORT,), peers=(pods(PLUGIN),))],
            opts=child,
        )
        chart(
            f"{name}-chart",
            versions.BARMAN_CLOUD,
            namespace=args.namespace,
            values={
                "crds": {"create": True},
                "resources": resources(cpu="20m", memory="64Mi", memory_limit="256Mi"),
            },
            mirror=args.chart_mirror,
            opts=child,
        )
        self.register_outputs({"version": self.version})
