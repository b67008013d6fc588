"""Custom resources go through here, so that waiting for one and taking its name are spelled once."""

import re
from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output


def custom_resource(
    name: str,
    api_version: str,
    kind: str,
    metadata: k8s.meta.v1.ObjectMetaArgsDict,
    spec: pulumi.Input[Mapping[str, Any]],
    *,
    wait_for: str | None = None,
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """An object of a custom kind. `spec` is in the API's own spelling and is sent as it stands.

    `wait_for` is what must hold before the object counts as created, such as `condition=Ready` (`pulumi.com/waitFor`);
    without it the provider, which does not know the kind, waits for the object's existence alone.
    """
    if wait_for is not None:
        metadata = {**metadata, "annotations": {"pulumi.com/waitFor": wait_for}}
    return k8s.apiextensions.CustomResource(
        name, api_version=api_version, kind=kind, metadata=metadata, spec=spec, opts=opts
    )


def object_name(resource: pulumi.CustomResource) -> Output[str]:
    """The name of a Kubernetes object. What uses it comes after the object, and after what the object waited for."""
    metadata = cast("Output[dict[str, Any]]", getattr(resource, "metadata"))  # noqa: B009  custom kinds don't declare it
    return metadata.apply(lambda known: str(known["name"]))


def spelled(value: Any) -> Any:
    """Typed arguments such as a container's in the API's own spelling, for the spec of a custom resource."""
    if isinstance(value, Mapping):
        known = cast("Mapping[str, Any]", value)
        return {re.sub("_([a-z])", lambda found: found[1].upper(), key): spelled(item) for key, item in known.items()}
    if isinstance(value, list | tuple):
        return [spelled(item) for item in cast("list[Any]", value)]
    return value
