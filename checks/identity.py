"""Which cluster it is: what Pulumi must know it by, whatever a kubeconfig calls it.

Kubernetes names no identity of a cluster. The uid of the namespace kube-system lives as long as the cluster does,
and no kubeconfig can change it.

External: the cluster, read only.
"""

from typing import Any

import pulumi
from kubernetes import client

from checks.cluster import PATIENCE_SECONDS, UNANSWERED, connected, reason
from settings import Settings, SettingsError


def identity(stack: Settings) -> str:
    """`cluster.identifier`, else the uid of kube-system; the context's name for a preview that cannot ask for it.

    Raises:
        SettingsError: where an update cannot ask for it: another identity would replace every object.
    """
    cluster = stack.cluster
    if cluster.identifier is not None:
        return cluster.identifier
    try:
        found: Any = client.CoreV1Api(connected(cluster)).read_namespace(
            "kube-system", _request_timeout=PATIENCE_SECONDS
        )
    except UNANSWERED as error:
        asked = "could not be asked for the uid of kube-system, by which Pulumi knows it"
        problem = f"{cluster.context} {asked}: {reason(error)}"
        if not pulumi.runtime.is_dry_run():
            remedy = "Repair the access to it, or set ml-loop:cluster.identifier to the name that Pulumi knows it by"
            raise SettingsError([f"{problem}. {remedy}."]) from None
        pulumi.log.warn(f"{problem}. What this preview says about existing objects means nothing.")
        return cluster.context
    return found.metadata.uid
