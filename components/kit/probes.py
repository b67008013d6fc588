"""How the kubelet probes the loop's watchers, which answer on their port for metrics."""

import pulumi_kubernetes as k8s

from components.kit.pod import Probes


def probes(*, starting_seconds: int) -> Probes:
    """A container's three probes; whether it has started is asked up to sixty times, `starting_seconds` apart.

    Importing MLflow's client or alibi-detect takes seconds, and a minute where the node is busy.
    """
    alive: k8s.core.v1.ProbeArgsDict = {"http_get": {"path": "/healthz", "port": "metrics"}, "timeout_seconds": 5}
    return {
        "startup_probe": {**alive, "period_seconds": starting_seconds, "failure_threshold": 60},
        "readiness_probe": {**alive, "http_get": {"path": "/readyz", "port": "metrics"}, "period_seconds": 5},
        "liveness_probe": {**alive, "period_seconds": 20, "failure_threshold": 3},
    }
