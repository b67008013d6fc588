"""The one address of a model: requests are split between its two services by weight."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions

from components.custom import custom_resource
from components.gateway import API_VERSION, Gateway
from components.labels import labels
from components.serving import APP, SERVICE_PORT, Serving, Slot


@dataclass(frozen=True, kw_only=True)
class FrontArgs:
    """What is split, and how."""

    gateway: Gateway
    serving: Serving
    canary_percent: int
    """Share of the requests that staging answers beside production; it answers all while nothing is in production."""


class Front(pulumi.ComponentResource):
    """Creates an HTTPRoute for `/v1/models/<model>` and `/v2/models/<model>`; other paths of the servers stay inside.

    Before the first version there is no server behind it: the gateway answers 503.
    """

    predict_url: Output[str]
    """Where `{"instances": [[…]]}` is posted to."""

    def __init__(self, name: str, args: FrontArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:Front", name, None, opts)
        model, namespace = args.serving.args.model, args.serving.args.namespace
        custom_resource(
            f"{name}-route",
            API_VERSION,
            "HTTPRoute",
            {"name": model, "namespace": namespace, "labels": labels(APP, model)},
            {
                "parentRefs": [{"name": args.gateway.name}],
                "rules": [{"matches": _matches(model), "backendRefs": _backends(args)}],
            },
            opts=ResourceOptions(parent=self),
        )
        self.predict_url = Output.concat(args.gateway.url, f"/v1/models/{model}:predict")
        self.register_outputs({"predict_url": self.predict_url})


def _matches(model: str) -> list[dict[str, Any]]:
    """A prefix ends at a slash, so that of a model does not match its `:predict`."""
    v1 = f"/v1/models/{model}"
    paths = {v1: "Exact", f"{v1}:predict": "Exact", f"/v2/models/{model}": "PathPrefix"}
    return [{"path": {"type": kind, "value": path}} for path, kind in paths.items()]


def _backends(args: FrontArgs) -> list[dict[str, Any]]:
    weights = {Slot.PRODUCTION: 100 - args.canary_percent, Slot.STAGING: args.canary_percent}
    if not args.serving.args.in_production:
        # The production service has no Service yet: a route that named it would count as broken.
        weights = {Slot.STAGING: 100}
    return [
        {"name": args.serving.backends[slot], "port": SERVICE_PORT, "weight": weight}
        for slot, weight in weights.items()
    ]
