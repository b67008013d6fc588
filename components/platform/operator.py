"""What the platform's operators share: a namespace of their own, and what their charts leave to Pulumi.

Each operator's component makes its chart's hooks superfluous, as Chart v4 runs none.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar

import pulumi
from pulumi import Output, ResourceOptions, ResourceTransformArgs, ResourceTransformResult

from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, API_SERVER, Allowance, allow

BROUGHT: Final = "brought by the cluster"
"""The version of an operator that the stack did not install."""
CRD: Final = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
MUTATING: Final = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration"
HAS_AUTHORITY: Final = {"pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}"}
"""A webhook configuration counts as created once it has been told whom to trust."""


@dataclass(frozen=True, kw_only=True)
class OperatorArgs:
    """How an operator comes into the cluster."""

    install: bool
    """False: the cluster has it already, which `checks.operators` verifies."""
    chart_mirror: str | None = None
    """Where charts come from instead of their own repositories."""


Args = TypeVar("Args", bound=OperatorArgs)


class Operator(pulumi.ComponentResource, ABC, Generic[Args]):
    """Creates what an operator is made of; nothing where `install` is false.

    External: the repositories of its charts.
    """

    INSTALLED: ClassVar[str]
    """The operator's version where it is installed."""
    version: str
    """The installed charts and their version, or that the cluster brings its own."""

    def __init__(self, name: str, args: Args, opts: ResourceOptions | None = None) -> None:
        super().__init__(f"ml-loop:platform:{type(self).__name__}", name, None, opts)
        self.version = self.INSTALLED if args.install else BROUGHT
        if args.install:
            self.install(name, args, ResourceOptions(parent=self))
        self.register_outputs({"version": self.version})

    @abstractmethod
    def install(self, name: str, args: Args, child: ResourceOptions) -> None:
        """Creates the objects, with the options `child`."""


def operator_namespace(
    name: str, namespace: str, *, webhooks: Sequence[int] = (), opts: ResourceOptions
) -> Output[str]:
    """A restricted namespace for one operator: its pods reach the API server, which reaches the ports `webhooks`."""
    home = RestrictedNamespace(f"{name}-namespace", RestrictedNamespaceArgs(namespace=namespace), opts)
    allow(
        f"{name}-operator",
        namespace=home.name,
        # Nothing else lives there.
        selector={},
        # The API server calls webhooks from an address that no selector can name.
        ingress=[Allowance(ports=tuple(webhooks), peers=ANYWHERE)] if webhooks else (),
        egress=[API_SERVER],
        opts=opts,
    )
    return home.name


def keep_definitions(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Leaves a chart's CRDs in the cluster when the chart goes: with a CRD, every object of its kind is deleted.

    Only for charts whose CRDs lack `helm.sh/resource-policy: keep`, which Chart v4 would honor.
    """
    if args.type_ != CRD:
        return None
    kept = ResourceOptions.merge(args.opts, ResourceOptions(retain_on_delete=True))
    return ResourceTransformResult(_annotated(args.props, {"helm.sh/resource-policy": "keep"}), kept)


def await_authority(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Waits until cert-manager has given the chart's mutating webhooks their authority; the others get it with them.

    Before that the API server refuses every object they are asked about: "certificate signed by unknown authority". One
    object waits, not all six: Pulumi works on four objects per core at a time, and KServe's six, all waiting for a
    certificate, kept it from being made.
    """
    if args.type_ != MUTATING:
        return None
    return ResourceTransformResult(_annotated(args.props, HAS_AUTHORITY), args.opts)


def _annotated(props: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, pulumi.Input[Any]]:
    metadata: Mapping[str, Any] = props["metadata"]
    return {**props, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **annotations}}}
