"""Drift starts a training: event source on `ml.drift`, bus, sensor, Workflow.

The Workflow is named after the event, so that an event delivered twice is one object. Whether it trains is decided by
its first step, the cooldown: Argo Events' `rateLimit` delays, never drops, and lets eleven through after an idle spell
(argo-events#2851).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.events.bus import API_VERSION, EventBus
from components.events.sensor import (
    EVENT,
    METRICS_PORT,
    REJECTED,
    filters,
    kafka_source,
    malformed,
    pod_template,
    show,
    trigger,
)
from components.kit import metrics
from components.kit.connections import KafkaConnection
from components.kit.custom import custom_resource, object_name
from components.kit.identities import account_with
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, Allowance, allow
from components.kit.options import depending_on
from settings.model import Drift

APP: Final = "retraining"


@dataclass(frozen=True, kw_only=True)
class RetrainingArgs:
    """The model, its training, and the way from drift to a training."""

    namespace: pulumi.Input[str]
    model: str
    drift: Drift
    causes: Sequence[str] = ()
    """What else starts a training as drift does: metrics of the gate that fall, and `NEW_ROWS`."""
    on_drift: bool = True
    """Whether drift starts one, too."""
    template: pulumi.Input[str]
    """The WorkflowTemplate that trains the model."""
    bus: EventBus
    kafka: KafkaConnection


class Retraining(pulumi.ComponentResource):
    """Creates a Sensor, an EventSource, and for each a ServiceAccount and a NetworkPolicy; for the sensor, a Role.

    External: the controllers of Argo Events and Argo Workflows. The sensor may create Workflows and nothing else.
    """

    sensor: Output[str]
    """The Sensor's name, known once it is deployed."""

    def __init__(self, name: str, args: RetrainingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:events:Retraining", name, None, opts)
        child = ResourceOptions(parent=self)
        drift_name = f"{args.model}-drift"
        where: k8s.meta.v1.ObjectMetaArgsDict = {"name": drift_name, "namespace": args.namespace}
        source_labels = {**labels(APP, name, "source"), **args.bus.access.labels, **args.kafka.access.labels}
        sensor_labels = {**labels(APP, name, "sensor"), **args.bus.access.labels}
        event = {"eventSourceName": drift_name, "eventName": EVENT}

        sensor = custom_resource(
            f"{name}-sensor",
            API_VERSION,
            "Sensor",
            {**where, "labels": labels(APP, name, "sensor")},
            {
                "eventBusName": args.bus.name,
                "template": pod_template(sensor_labels, _trainer(name, args, child)),
                "dependencies": [
                    {
                        **event,
                        "name": EVENT,
                        "filters": filters(args.model, args.drift, args.causes, on_drift=args.on_drift),
                    },
                    {**event, "name": REJECTED, "filters": malformed(args.model, args.drift, args.causes)},
                ],
                "triggers": [trigger(args.model, args.template), show(REJECTED)],
            },
            wait_for="condition=Deployed",
            opts=depending_on(child, _allow(name, "sensor", args, [API_SERVER], child)),
        )
        source = custom_resource(
            f"{name}-source",
            API_VERSION,
            "EventSource",
            {**where, "labels": labels(APP, name, "source")},
            {
                "eventBusName": args.bus.name,
                "template": pod_template(source_labels, _reader(name, args, child)),
                "kafka": {EVENT: kafka_source(args.model, args.kafka)},
            },
            wait_for="condition=Deployed",
            # A sensor does not get what reached the bus before it subscribed.
            opts=depending_on(child, sensor, _allow(name, "source", args, args.kafka.access.egress, child)),
        )
        self.sensor = object_name(sensor)
        self.register_outputs({"sensor": self.sensor, "source": object_name(source)})


def _reader(name: str, args: RetrainingArgs, child: ResourceOptions) -> Output[str]:
    """The event source's account: it does not need the API."""
    return account_with(
        f"{name}-source",
        f"{args.model}-drift-source",
        [],
        namespace=args.namespace,
        labels=labels(APP, name, "source"),
        opts=child,
    )


def _trainer(name: str, args: RetrainingArgs, child: ResourceOptions) -> Output[str]:
    """The sensor's account, known once it may create Workflows."""
    return account_with(
        f"{name}-sensor",
        f"{args.model}-drift-sensor",
        [{"api_groups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}],
        namespace=args.namespace,
        labels=labels(APP, name, "sensor"),
        every_container=True,
        opts=child,
    )


def _allow(
    name: str, role: str, args: RetrainingArgs, egress: Sequence[Allowance], child: ResourceOptions
) -> k8s.networking.v1.NetworkPolicy:
    return allow(
        f"{name}-{role}",
        namespace=args.namespace,
        selector=selector(APP, name, role),
        ingress=[metrics.ingress(METRICS_PORT)],
        egress=[*args.bus.access.egress, *egress],
        opts=child,
    )
