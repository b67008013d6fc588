"""Who collects the stack's metrics: a Prometheus that the Prometheus Operator runs, and Grafana beside it."""

from typing import Annotated

from pydantic import Field

from settings.problem import Allowed
from settings.section import FrozenMap, Section
from settings.values.names import LabelKey, LabelValue, OtherNamespace
from settings.values.number import Flag

RUNBOOKS = "docs/runbooks.md"
"""The runbooks' path in this repository."""


class Observability(Section):
    """PodMonitors, alert rules and a dashboard. External: the Prometheus Operator, kube-state-metrics, Grafana."""

    namespace: OtherNamespace
    """Namespace that Prometheus runs in: NetworkPolicies let it reach the metrics."""
    labels: FrozenMap[LabelKey, LabelValue] = Field(default_factory=dict, validate_default=True)
    """Labels by which Prometheus selects monitors and rules, such as `release: kube-prometheus-stack`."""
    dashboard: Flag = True
    """Make the Grafana dashboard, a ConfigMap that Grafana's sidecar finds by `grafana_dashboard: "1"`."""
    runbooks: Annotated[
        str,
        Field(pattern=r"^(https?://)?[^\s#]+$"),
        Allowed("where runbooks.md is read, without #", "Write the URL of your copy"),
    ] = RUNBOOKS
    """Where the runbooks are; each alert links to its section there."""
