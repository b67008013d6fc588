"""From settings to the page of the loop: what it is told about the stack, and at which addresses people reach it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.kit.images import image
from components.kit.labels import selector
from components.kit.network import ANYWHERE, Peers, pods
from components.observability.notifier import LoopNotifier, LoopNotifierArgs
from components.observability.page import LoopPage, LoopPageArgs
from components.serving.gateway import Gateway
from components.tracking import LOGIN, login
from components.tracking.mlflow import Mlflow
from contract import gate
from contract.page import PAGE_PATH, PAGE_SERVICE, PageContent, PageModel
from settings import ImageName, Model, Settings

Outputs = Mapping[str, Mapping[str, Input[str] | None]]
"""Model → its part of the stack's outputs."""


def loop_page(
    stack: Settings,
    namespace: Output[str],
    *,
    mlflow: Mlflow,
    tracking_url: str | None,
    gateway: Gateway | None,
    models: Outputs,
    opts: ResourceOptions,
) -> str | None:
    """The page's URL for people; None where it has none outside the cluster, or the settings have no page."""
    if stack.page is None:
        return None
    routed = gateway if gateway and stack.tracking.host and not stack.tracking.oidc else None
    args = LoopPageArgs(
        namespace=namespace,
        image=image(stack, ImageName.PAGE),
        content=_content(stack, tracking_url, _url(stack, gateway), models),
        tracking=mlflow.tracking,
        peers=_peers(stack, gateway),
        node_port=stack.page.node_port,
        gateway=routed,
        host=stack.tracking.host if routed else None,
    )
    LoopPage("page", args, opts)
    if stack.page.notifications is not None:
        told = LoopNotifierArgs(
            namespace=namespace,
            image=args.image,
            content=args.content,
            tracking=args.tracking,
            settings=stack.page.notifications,
        )
        LoopNotifier("notifier", told, opts)
    return _url(stack, gateway)


def _url(stack: Settings, gateway: Gateway | None) -> str | None:
    if gateway is not None and stack.tracking.host is not None:
        return f"{gateway.scheme}://{stack.tracking.host}{PAGE_PATH}/"
    if stack.page is not None and stack.page.node_port is not None:
        return f"http://{stack.cluster.node_address}:{stack.page.node_port}{PAGE_PATH}/"
    return None


def _peers(stack: Settings, gateway: Gateway | None) -> Peers:
    """Where requests come from. Behind a node's port the address of a client is not known."""
    if stack.page is not None and stack.page.node_port is not None:
        return ANYWHERE
    if stack.tracking.oidc is not None:
        return (pods(selector(login.APP, LOGIN), stack.tracking.namespace),)
    if gateway is not None and stack.tracking.host is not None:
        return gateway.peers
    return (pods({}),)


def _content(stack: Settings, tracking_url: str | None, url: str | None, models: Outputs) -> Output[str]:
    """What only the program knows of the models, their outputs, is filled in once they exist."""
    assert stack.page is not None  # noqa: S101  there is no page without
    known = PageContent(
        stack=pulumi.get_stack(),
        namespace=stack.namespace,
        apply=stack.page.apply,
        settings=f"Pulumi.{pulumi.get_stack()}.yaml",
        tracking_url=tracking_url,
        proposals=stack.page.proposals,
        url=url,
        hosts=_hosts(stack),
    )
    parts = {name: dict(outputs) for name, outputs in models.items()}

    def filled(found: Mapping[str, Mapping[str, str | None]]) -> str:
        every = tuple(_model(name, model, found[name]) for name, model in stack.models.items())
        return replace(known, models=every).to_json()

    outputs = cast("Output[Mapping[str, Mapping[str, str | None]]]", Output.from_input(parts))
    return outputs.apply(filled)


def _hosts(stack: Settings) -> tuple[str, ...]:
    """Host headers that the page answers to; any other is an attempt to reach it by another site's name."""
    service = f"{PAGE_SERVICE}.{stack.namespace}"
    names = ("localhost", "127.0.0.1", PAGE_SERVICE, service, f"{service}.svc", f"{service}.svc.cluster.local")
    return (*names, *(each for each in (stack.tracking.host, stack.cluster.node_address) if each))


def _model(name: str, model: Model, outputs: Mapping[str, Any]) -> PageModel:
    return PageModel(
        name=name,
        production=None if model.production is None else str(model.production),
        canary_percent=model.serving.canary_percent,
        submit=outputs["submit"],
        predict=outputs["predict"],
        logs=outputs["logs"],
        gate=gate.to_json(model.training.gate.criteria),
        features=model.drift.features if model.drift else (),
        window=model.drift.window if model.drift else 0,
        min_effect=model.drift.min_effect if model.drift else 0.0,
        outcomes=model.outcomes is not None,
        cooldown=model.retraining.cooldown.total_seconds() if model.retraining else None,
    )
