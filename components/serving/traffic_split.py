"""The one address of a model: requests are split between its two services by weight.

In Standard mode the gateway splits; in Knative mode an InferenceGraph does, behind the gateway where there is one.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.custom import custom_resource
from components.kit.labels import labels
from components.platform.knative import INTERNAL_SERVICE, NAMESPACE
from components.serving.gateway import API_VERSION, Gateway
from components.serving.graph import inference_graph
from components.serving.serving import APP, SERVICE_PORT, Serving
from contract.names import Alias
from settings import KServeMode


@dataclass(frozen=True, kw_only=True)
class TrafficSplitArgs:
    """What is split, and how."""

    gateway: Gateway | None
    """None: in Knative mode the address is the graph's, inside the cluster; in Standard mode there is none."""
    serving: Serving
    canary_percent: int
    """Share of the requests that staging answers beside production; all of them while nothing is in production."""


class TrafficSplit(pulumi.ComponentResource):
    """Creates the split, and where there is a gateway an HTTPRoute to it; other paths of the servers stay inside.

    Standard mode: the route is the split, for `/v1/models/<model>` and `/v2/models/<model>`. Knative mode: an
    InferenceGraph for `/v1/models/<model>:predict`, which Knative knows by its host name.
    Before the first version there is no server behind it: the gateway answers 503, the graph's router 500.
    """

    predict_url: Output[str] | None
    """Where `{"instances": [[…]]}` is posted to; None: nothing splits, as there is neither gateway nor graph."""

    def __init__(self, name: str, args: TrafficSplitArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:Front", name, None, opts)
        child = ResourceOptions(parent=self)
        path = f"/v1/models/{args.serving.model}:predict"
        base = args.gateway and args.gateway.url
        if args.serving.mode is KServeMode.KNATIVE:
            host = inference_graph(name, args.serving, _weights(args), child)
            base = base or Output.concat("http://", host)
            rule = {"matches": [_match("Exact", path)], **_to_graph(host)}
        else:
            rule = {"matches": _matches(args.serving.model), "backendRefs": _backends(args)}
        if args.gateway:
            _route(name, args.gateway, args.serving, rule, child)
        self.predict_url = base and Output.concat(base, path)
        self.register_outputs({"predict_url": self.predict_url} if self.predict_url else {})


def _route(name: str, gateway: Gateway, serving: Serving, rule: dict[str, Any], child: ResourceOptions) -> None:
    model, namespace = serving.model, serving.namespace
    if serving.mode is KServeMode.KNATIVE:
        custom_resource(
            f"{name}-grant",
            "gateway.networking.k8s.io/v1beta1",
            "ReferenceGrant",
            {
                "name": Output.concat(namespace, "-", model),
                "namespace": NAMESPACE,
                "labels": labels(APP, model),
            },
            {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": namespace}],
                "to": [{"group": "", "kind": "Service", "name": INTERNAL_SERVICE}],
            },
            opts=child,
        )
    custom_resource(
        f"{name}-route",
        API_VERSION,
        "HTTPRoute",
        {"name": model, "namespace": namespace, "labels": labels(APP, model)},
        {
            "parentRefs": [{"name": gateway.name}],
            "rules": [rule | {"filters": [*gateway.filters, *rule.get("filters", [])]}],
        },
        opts=child,
    )


def _matches(model: str) -> list[dict[str, Any]]:
    """The matches of a model. A prefix ends at a slash, so the model's prefix does not match its `:predict`."""
    v1 = f"/v1/models/{model}"
    return [_match("Exact", v1), _match("Exact", f"{v1}:predict"), _match("PathPrefix", f"/v2/models/{model}")]


def _match(kind: str, path: str) -> dict[str, Any]:
    return {"path": {"type": kind, "value": path}}


def _weights(args: TrafficSplitArgs) -> dict[Alias, int]:
    if not args.serving.in_production:
        # The production service has no Service yet: a split that named it would count as broken.
        return {Alias.STAGING: 100}
    return {Alias.PRODUCTION: 100 - args.canary_percent, Alias.STAGING: args.canary_percent}


def _backends(args: TrafficSplitArgs) -> list[dict[str, Any]]:
    return [
        {"name": args.serving.backends[slot], "port": SERVICE_PORT, "weight": weight}
        for slot, weight in _weights(args).items()
    ]


def _to_graph(host: Output[str]) -> dict[str, Any]:
    return {
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": host}}],
        "backendRefs": [{"name": INTERNAL_SERVICE, "namespace": NAMESPACE, "port": SERVICE_PORT}],
    }
