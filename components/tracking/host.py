"""MLflow's host name at the gateway, with the login before it, as the settings say."""

from dataclasses import replace
from typing import Final

import pulumi
from pulumi import ResourceOptions

from components.kit.images import image
from components.kit.labels import selector
from components.kit.network import Allowance, pods
from components.serving.gateway import Gateway
from components.tracking import LOGIN, MLFLOW, login
from components.tracking.login import OAuth2Proxy, OAuth2ProxyArgs
from components.tracking.mlflow import APP, PORT, Mlflow
from components.tracking.route import MlflowRoute, MlflowRouteArgs
from contract.page import PAGE_PATH, PAGE_PORT, PAGE_SERVICE
from settings import ImageName, Settings
from settings.tracking import Oidc

OPEN_HOST: Final = (
    "tracking.host has no login (tracking.oidc): anyone who reaches the gateway reads and writes in MLflow"
)


def external_url(stack: Settings, gateway: Gateway | None, mlflow: Mlflow, opts: ResourceOptions) -> str | None:
    """The URL for clients outside the cluster: the host's, once it is routed, else a node's; None without either."""
    tracking = stack.tracking
    if gateway is None or tracking.host is None:
        return mlflow.external_url
    args = MlflowRouteArgs(
        gateway=gateway,
        namespace=stack.namespace,
        host=tracking.host,
        service=mlflow.service,
        tracking_namespace=tracking.namespace,
    )
    if tracking.oidc is not None:
        proxy = _login(stack, tracking.oidc, tracking.host, gateway=gateway, mlflow=mlflow, opts=opts)
        args = replace(args, service=proxy.service, port=login.PORT, filters=[login.NO_TOKENS])
    elif not (stack.gateway and stack.gateway.authenticates):
        pulumi.log.warn(OPEN_HOST)
    return MlflowRoute("mlflow-route", args, opts).url


def _login(
    stack: Settings, oidc: Oidc, host: str, *, gateway: Gateway, mlflow: Mlflow, opts: ResourceOptions
) -> OAuth2Proxy:
    args = OAuth2ProxyArgs(
        namespace=stack.tracking.namespace,
        image=image(stack, ImageName.OAUTH2_PROXY),
        oidc=oidc,
        host=host,
        upstream=mlflow.url,
        upstream_egress=[
            Allowance(ports=(PORT,), peers=(pods(selector(APP, MLFLOW, "server")),)),
            *([_page(stack)] if stack.page else []),
        ],
        paths=[f"http://{PAGE_SERVICE}.{stack.namespace}.svc.cluster.local:{PAGE_PORT}{PAGE_PATH}/"]
        if stack.page
        else [],
        peers=gateway.peers,
    )
    return OAuth2Proxy(LOGIN, args, opts)


def _page(stack: Settings) -> Allowance:
    """The way to the page of the loop, whose pods are labelled with its Service's name."""
    return Allowance(ports=(PAGE_PORT,), peers=(pods({"app.kubernetes.io/name": PAGE_SERVICE}, stack.namespace),))
