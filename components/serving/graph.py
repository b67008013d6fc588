"""The split in Knative mode: KServe's InferenceGraph, whose router hands each request to one of two services.

Its pod passes Pod Security restricted by Knative's `secure-pod-defaults` alone: KServe gives it no seccomp profile, and
no field to set one, which is why Standard mode splits by an HTTPRoute instead.
"""

from collections.abc import Mapping
from typing import Final

from pulumi import Output, ResourceOptions

from components.kit.custom import custom_resource, object_name
from components.kit.labels import labels
from components.kit.network import Allowance, allow, namespaced, pods
from components.kit.options import depending_on
from components.platform.knative import GATEWAY, GATEWAY_PORTS, NAMESPACE, QUEUE_PROXY
from components.serving.serving import MODE, Serving
from contract.names import Alias

APP: Final = "model-router"
"""Not the servers': KServe hands the graph's labels to its pods, and with them come the servers' rights."""
LABEL: Final = "serving.kserve.io/inferencegraph"
"""The label that KServe puts on the router's pods."""
CLUSTER_DOMAIN: Final = "svc.cluster.local"


def inference_graph(name: str, serving: Serving, weights: Mapping[Alias, int], opts: ResourceOptions) -> Output[str]:
    """Makes the graph and lets its router reach the servers. Returns the host name it answers to in the cluster.

    `weights` are percent and sum to 100. The router posts to one path of the servers, whatever path it is asked for:
    that of v1 predictions.
    """
    least, most = serving.replicas
    policy = allow(
        f"{name}-router",
        namespace=serving.namespace,
        selector={LABEL: serving.model},
        ingress=[Allowance(ports=QUEUE_PROXY, peers=(namespaced(NAMESPACE),))],
        # The services' host names lead to Knative's proxy, which wakes servers that sleep.
        egress=[Allowance(ports=GATEWAY_PORTS, peers=(pods(GATEWAY, NAMESPACE),))],
        opts=opts,
    )
    graph = custom_resource(
        f"{name}-graph",
        "serving.kserve.io/v1alpha1",
        "InferenceGraph",
        {
            "name": serving.model,
            "namespace": serving.namespace,
            "labels": labels(APP, serving.model),
            "annotations": {MODE: serving.mode.capitalize()},
        },
        {
            "minReplicas": least,
            "maxReplicas": most,
            "nodes": {
                "root": {
                    "routerType": "Splitter",
                    # By URL: by name, KServe would ask for the path of a model named like the service.
                    "steps": [
                        {"name": str(slot), "weight": weight, "serviceUrl": _url(serving, slot)}
                        for slot, weight in weights.items()
                    ],
                }
            },
        },
        opts=depending_on(opts, policy),
    )
    return Output.concat(object_name(graph), ".", serving.namespace, ".", CLUSTER_DOMAIN)


def _url(serving: Serving, slot: Alias) -> Output[str]:
    host = Output.concat(serving.backends[slot], ".", serving.namespace, ".", CLUSTER_DOMAIN)
    return Output.concat("http://", host, f"/v1/models/{serving.model}:predict")
