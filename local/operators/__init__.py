"""What the built-in cluster comes with, as a managed platform would: DNS, volumes, metrics, operators."""

from local.operators.argo_events import ARGO_EVENTS
from local.operators.argo_workflows import ARGO_WORKFLOWS
from local.operators.barman_cloud import BARMAN_CLOUD
from local.operators.cloudnativepg import CLOUDNATIVE_PG
from local.operators.coredns import COREDNS
from local.operators.gateway import GATEWAY
from local.operators.kserve import KSERVE
from local.operators.metrics_server import METRICS_SERVER
from local.operators.volumes import VOLUMES

OPERATORS = (COREDNS, VOLUMES, METRICS_SERVER, CLOUDNATIVE_PG, ARGO_WORKFLOWS, KSERVE, ARGO_EVENTS, GATEWAY)
"""The operators of every cluster; `BARMAN_CLOUD` is for stacks with backups."""

__all__ = ["BARMAN_CLOUD", "OPERATORS"]
