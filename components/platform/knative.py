"""Knative Serving, for KServe's mode `knative`: installed by a pinned chart and one KnativeServing, or the cluster's
own.

Kourier carries the requests, as the smallest of the ingresses whose pods pass Pod Security restricted.
"""

from typing import Any, ClassVar, Final

from pulumi import Output, ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.custom import custom_resource
from components.kit.labels import labels
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, API_SERVER, Allowance, allow, pods
from components.kit.options import depending_on
from components.platform.operator import Operator, OperatorArgs, keep_definitions, operator_namespace

NAMESPACE: Final = "knative-serving"
"""The namespace of Knative Serving and of Kourier."""
OPERATOR_NAMESPACE: Final = "knative-operator"
INTERNAL_SERVICE: Final = "kourier-internal"
"""Where Kourier takes the requests of the cluster's own pods: it knows a model's server by the host name."""
WEBHOOK_PORT: Final = 8443
"""The port of both webhooks: the operator's and Knative Serving's."""
GATEWAY: Final = {"app": "3scale-kourier-gateway"}
GATEWAY_PORTS: Final = (8080, 8081, 8443)
"""For requests from outside, for those of the cluster's pods, and for TLS."""
WEBHOOK: Final = {"app": "webhook"}
INSIDE: Final = (8012, 8013, 8080, 8081, 8090, 8443, 9443, 18000)
"""Between Knative's own pods: activator, autoscaler, gateway, its probes and its configuration."""
QUEUE_PROXY: Final = (8012, 8013, 8112, 9090)
"""Beside every model server: requests, and the load that the autoscaler reads."""
UNASKED: Final = ("kind.local", "ko.local", "dev.local")
"""Registries that Knative does not ask for digests by default."""
DOCKER_HUB: Final = "index.docker.io"


class Knative(Operator[OperatorArgs]):
    """Creates two restricted namespaces, the operator's chart and a KnativeServing; nothing where `install` is false.

    External: the chart's repository; the manifests of Knative Serving are part of the operator. Removing the chart
    leaves the CRDs. What depends on this may create a Service of Knative at once.
    """

    INSTALLED: ClassVar = f"{versions.KNATIVE_OPERATOR}, Knative Serving {versions.KNATIVE_SERVING}"

    def install(self, name: str, args: OperatorArgs, child: ResourceOptions) -> None:
        operator = chart(
            f"{name}-chart",
            versions.KNATIVE_OPERATOR,
            namespace=operator_namespace(name, OPERATOR_NAMESPACE, webhooks=(WEBHOOK_PORT,), opts=child),
            values=_values(),
            mirror=args.chart_mirror,
            opts=ResourceOptions.merge(child, ResourceOptions(transforms=[keep_definitions])),
        )
        home = RestrictedNamespace(f"{name}-serving-namespace", RestrictedNamespaceArgs(namespace=NAMESPACE), child)
        _policies(name, home.name, child)
        custom_resource(
            f"{name}-serving",
            "operator.knative.dev/v1beta1",
            "KnativeServing",
            {"name": "knative-serving", "namespace": home.name, "labels": labels("knative-serving", name)},
            _serving(air_gapped=args.chart_mirror is not None),
            wait_for="condition=Ready",
            opts=depending_on(child, operator),
        )


def _values() -> dict[str, Any]:
    seccomp = {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}
    return {"knative_operator": {"knative_operator": seccomp, "operator_webhook": seccomp}}


def _serving(*, air_gapped: bool) -> dict[str, Any]:
    # Knative asks an image's registry which digest a tag is, and a model waits for the answer. KServe names its router
    # on Docker Hub by tag; nodes have it from a mirror where nothing reaches Docker Hub.
    unasked = {"deployment": {"registries-skipping-tag-resolving": ",".join([*UNASKED, DOCKER_HUB])}}
    return {
        "version": versions.KNATIVE_SERVING,
        "high-availability": {"replicas": 2},
        # The chart's default is a LoadBalancer, which would publish every model.
        "ingress": {"kourier": {"enabled": True, "service-type": "ClusterIP"}},
        # Upstream's default is a tag that moves.
        "registry": {"override": {"3scale-kourier-gateway/kourier-gateway": versions.ENVOY.reference}},
        "config": {
            **(unasked if air_gapped else {}),
            "network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
            # KServe writes no seccomp profile into what it makes; a restricted namespace refuses its pods without.
            "features": {
                "secure-pod-defaults": "enabled",
                "kubernetes.podspec-securitycontext": "enabled",
                # Model servers stand on different nodes.
                "kubernetes.podspec-affinity": "enabled",
            },
        },
    }


def _policies(name: str, namespace: Output[str], child: ResourceOptions) -> None:
    allow(
        f"{name}-inside",
        namespace=namespace,
        selector={},
        ingress=[Allowance(ports=INSIDE, peers=(pods({}),))],
        egress=[
            # The registries as well: tags become digests here.
            API_SERVER,
            Allowance(ports=INSIDE, peers=(pods({}),)),
            Allowance(ports=QUEUE_PROXY, peers=({"namespace_selector": {}},)),
        ],
        opts=child,
    )
    for part, selector, ports in (("webhook", WEBHOOK, (WEBHOOK_PORT,)), ("gateway", GATEWAY, GATEWAY_PORTS)):
        allow(
            f"{name}-{part}",
            namespace=namespace,
            selector=selector,
            ingress=[Allowance(ports=ports, peers=ANYWHERE)],
            opts=child,
        )
