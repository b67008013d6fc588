"""What Prometheus and Grafana need to know of the stack: where metrics are, what to alert on, what to show.

External: the Prometheus Operator with its kinds (monitoring.coreos.com/v1), a Prometheus that selects the labels given,
kube-state-metrics, and the sidecar of a Grafana. Nothing here collects or keeps anything (docs/observability.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from components.kit.custom import custom_resource
from components.kit.labels import labels
from components.kit.network import Allowance, allow, namespaced
from components.kit.options import depending_on
from components.observability.alerts import Watched, alerts
from components.observability.dashboard import dashboard

APP: Final = "observability"
API_VERSION: Final = "monitoring.coreos.com/v1"
PREFIX: Final = "ml-loop"
SIDECAR: Final = {"grafana_dashboard": "1"}
"""What the sidecar of Grafana's chart looks for."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Pods with metrics under /metrics."""

    name: str
    namespace: pulumi.Input[str]
    pods: Mapping[str, str]
    """Labels that find them; empty: all pods of the namespace."""
    port: int
    """The port of a container."""
    series: Mapping[str, str] = field(default_factory=dict[str, str])
    """Label that each of their series gets → label of the pod with its value."""
    speaks_for_others: bool = False
    """Whether the label `namespace` of its metrics is kept, although the pod may run in another namespace."""


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """Who collects, from where, and what is watched."""

    prometheus: str
    """Namespace of Prometheus."""
    selected: Mapping[str, str]
    """Labels by which it selects monitors and rules."""
    targets: Sequence[Target]
    watched: Watched
    dashboard: bool
    runbooks: str
    """Where docs/runbooks.md is read."""


class Observability(pulumi.ComponentResource):
    """Creates a PodMonitor and a NetworkPolicy for each target, a PrometheusRule, and a ConfigMap with the dashboard.

    The policies let every pod of Prometheus's namespace reach the metrics' ports. A model server answers requests on
    the same port.
    """

    alerts: Sequence[str]
    """Names of the alerts."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:observability:Observability", name, None, opts)
        child = ResourceOptions(parent=self)
        for target in args.targets:
            _monitor(f"{name}-{target.name}", target, args, child)

        rules = [alert.rule(args.runbooks) for alert in alerts(args.watched)]
        custom_resource(
            f"{name}-rules",
            API_VERSION,
            "PrometheusRule",
            _metadata(name, PREFIX, args.watched.loop, args.selected),
            {"groups": [{"name": PREFIX, "rules": rules}]},
            opts=child,
        )
        if args.dashboard:
            k8s.core.v1.ConfigMap(
                f"{name}-dashboard",
                metadata=_metadata(name, f"{PREFIX}-dashboard", args.watched.loop, SIDECAR),
                data={f"{PREFIX}.json": dashboard(args.watched.loop, args.watched.tracking)},
                opts=child,
            )
        self.alerts = [rule["alert"] for rule in rules]
        self.register_outputs({"alerts": self.alerts})


def _metadata(
    component: str, name: str, namespace: pulumi.Input[str], more: Mapping[str, str]
) -> k8s.meta.v1.ObjectMetaArgsDict:
    return {"name": name, "namespace": namespace, "labels": {**labels(APP, component), **more}}


def _monitor(name: str, target: Target, args: ObservabilityArgs, child: ResourceOptions) -> None:
    policy = allow(
        f"{name}-metrics",
        namespace=target.namespace,
        selector=target.pods,
        ingress=[Allowance(ports=(target.port,), peers=(namespaced(args.prometheus),))],
        opts=child,
    )
    custom_resource(
        f"{name}-monitor",
        API_VERSION,
        "PodMonitor",
        _metadata(name, f"{PREFIX}-{target.name}", target.namespace, args.selected),
        {
            "selector": {"matchLabels": dict(target.pods)},
            "podMetricsEndpoints": [_endpoint(target)],
        },
        opts=depending_on(child, policy),
    )


def _endpoint(target: Target) -> dict[str, Any]:
    """The port by its number, as not each has a name, and without `portNumber`, which older operators lack."""
    copied = [
        {"sourceLabels": [f"__meta_kubernetes_pod_label_{_as_prometheus_spells(label)}"], "targetLabel": series}
        for series, label in target.series.items()
    ]
    return {
        "path": "/metrics",
        # Without it, a pod's own labels cannot pass for another pod's.
        "honorLabels": target.speaks_for_others,
        "relabelings": [
            {
                "action": "keep",
                "sourceLabels": ["__meta_kubernetes_pod_container_port_number"],
                "regex": str(target.port),
            },
            *copied,
        ],
    }


def _as_prometheus_spells(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label)
