"""How Prometheus finds a pod's metrics and gets to them."""

from components.kit.network import Allowance


def annotations(port: int) -> dict[str, str]:
    """What the usual scrape configuration looks for on pods; the path is /metrics."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}


def ingress(port: int) -> Allowance:
    """Every pod of the cluster, as it is not known whose Prometheus reads the metrics. Nothing else is on the port."""
    return Allowance(ports=(port,), peers=({"namespace_selector": {}},))
