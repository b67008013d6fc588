"""The stack's cluster, asked before anything is changed: read only, and with the user's rights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from settings import Cluster

PATIENCE_SECONDS: Final = 10
UNANSWERED: Final = (ApiException, ConfigException, HTTPError, OSError)
"""What the client raises of a cluster that cannot be asked, or does not answer."""
Served = Mapping[str, frozenset[str]]
"""API version, such as `apps/v1` → the kinds that the cluster serves in it."""


def served(cluster: Cluster, groups: set[str]) -> Served:
    """What the cluster serves of these API groups. Raises what the client raises."""
    api = connected(cluster)
    known: Any = client.ApisApi(api).get_api_versions(_request_timeout=PATIENCE_SECONDS)
    versions = [(group.name, each.version) for group in known.groups if group.name in groups for each in group.versions]
    resources = client.CustomObjectsApi(api)

    def kinds(group: str, version: str) -> frozenset[str]:
        listed: Any = resources.get_api_resources(group, version, _request_timeout=PATIENCE_SECONDS)
        return frozenset(each.kind for each in listed.resources)

    return {f"{group}/{version}": kinds(group, version) for group, version in versions}


def connected(cluster: Cluster) -> client.ApiClient:
    """A client of the stack's cluster and no other. Raises ConfigException where the kubeconfig does not know it."""
    access: Any = client.Configuration()
    # A cluster that is not there is reported at once.
    access.retries = False
    file = cluster.kubeconfig and str(Path(cluster.kubeconfig).expanduser())
    config.load_kube_config(config_file=file, context=cluster.context, client_configuration=access)
    return client.ApiClient(access)


def reason(error: Exception) -> object:
    """Why a cluster could not be asked, in the client's shortest words."""
    return getattr(error, "reason", None) or error
