"""The cluster and the cloud that everything of the stack is made in."""

from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from components.kit.network import CLUSTER_ADDRESSES, ClusterAddresses
from settings import AwsS3, Settings

UNENFORCED: Final = (
    "cluster.enforcesNetworkPolicies is false: every pod of the cluster can reach MLflow, Kafka and the models"
)


def providers(stack: Settings, identity: str) -> ResourceOptions:
    """Options with one provider, bound to one context: nothing follows whatever context happens to be current.

    `identity` is what Pulumi knows the cluster by. Where artifacts are on AWS, there is one for its region too.
    Warns of a cluster that enforces no NetworkPolicies.
    """
    cluster = k8s.Provider(
        "cluster",
        context=stack.cluster.context,
        kubeconfig=stack.cluster.kubeconfig and str(Path(stack.cluster.kubeconfig).expanduser()),
        # Without it a rotated certificate in the kubeconfig replaces the provider, and with it every object.
        cluster_identifier=identity,
    )
    CLUSTER_ADDRESSES.set(ClusterAddresses(dns=stack.cluster.dns, api_server=stack.cluster.api_server))
    clouds = [aws.Provider("aws", region=stack.artifacts.region)] if isinstance(stack.artifacts, AwsS3) else []
    if not stack.cluster.enforces_network_policies:
        pulumi.log.warn(UNENFORCED)
    return ResourceOptions(providers=[cluster, *clouds])
