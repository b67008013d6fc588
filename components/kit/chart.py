"""A pinned Helm chart, rendered object by object, so that each one is in the state and visible to the policy pack.

`helm.v4.Chart` runs no hooks: what a chart does in a hook, its component does itself.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from versions import Chart


def chart(
    name: str,
    pin: Chart,
    *,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any],
    mirror: str | None = None,
    opts: pulumi.ResourceOptions,
) -> k8s.helm.v4.Chart:
    """The chart `pin` as release `pin.name`.

    `mirror` replaces its repository: an `oci://` folder, the URL of an HTTP repository, or a local folder of
    `<name>-<version>.tgz`.
    """
    source = mirror or pin.repository
    repository = None
    if source.startswith("oci://"):
        location = f"{source}/{pin.name}"
    elif source.startswith(("https://", "http://")):
        location, repository = pin.name, k8s.helm.v4.RepositoryOptsArgs(repo=source)
    else:
        location = f"{source}/{pin.name}-{pin.version}.tgz"
    return k8s.helm.v4.Chart(
        name,
        chart=location,
        name=pin.name,
        version=pin.version,
        namespace=namespace,
        repository_opts=repository,
        values=values,
        opts=opts,
    )
