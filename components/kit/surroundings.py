"""What the settings say of the surroundings of a model's code, as parts of its pods."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from components.kit.access import Access
from components.kit.custom import spelled
from components.kit.network import Allowance, blocks, namespaced, pods
from components.kit.pod import Env, Mount, Resources, Volume, secret_env
from settings.surroundings import Egress, Surroundings

DEFAULT: Final = Surroundings()
"""Only what every pod has."""
SHARED_MEMORY: Final = "shared-memory"


def access(around: Surroundings) -> Access:
    """The variables, the shared memory, and whom the pod may call."""
    shared: list[Volume] = []
    mounts: list[Mount] = []
    if around.shared_memory is not None:
        shared.append({"name": SHARED_MEMORY, "empty_dir": {"medium": "Memory", "size_limit": around.shared_memory}})
        mounts.append({"name": SHARED_MEMORY, "mount_path": "/dev/shm"})  # noqa: S108  in the container
    return Access(env=_env(around), mounts=mounts, volumes=shared, egress=[traffic(each) for each in around.egress])


def spelled_access(around: Surroundings) -> Access:
    """`access` in the API's own spelling, without whom the pod may call."""
    own = access(around)
    return replace(own, env=spelled(own.env), mounts=spelled(own.mounts), volumes=spelled(own.volumes))


def with_devices(resources: Resources, around: Surroundings) -> Resources:
    """The container's resources with its devices and its disk."""
    requests, limits = dict(resources.get("requests", {})), dict(resources.get("limits", {}))
    if around.accelerator is not None:
        # Devices are never overcommitted: Kubernetes wants requests and limits to be equal.
        requests[around.accelerator.resource] = limits[around.accelerator.resource] = str(around.accelerator.count)
    if around.ephemeral_storage is not None:
        requests["ephemeral-storage"] = limits["ephemeral-storage"] = around.ephemeral_storage
    changed = {"requests": requests, "limits": limits}
    return {**resources, **{key: amounts for key, amounts in changed.items() if amounts}}


def placement(around: Surroundings) -> dict[str, Any]:
    """The fields of a pod's spec that choose its node, in the API's own spelling; none where any node will do."""
    tolerations = [each.model_dump(mode="json", exclude_none=True) for each in around.tolerations]
    fields = {"nodeSelector": dict(around.node_selector), "tolerations": tolerations}
    return {field: value for field, value in fields.items() if value}


def _env(around: Surroundings) -> list[Env]:
    # The kubelet reads $(NAME) as a reference and $$ as a dollar.
    plain: list[Env] = [{"name": name, "value": value.replace("$", "$$")} for name, value in around.env.items()]
    return [*plain, *(secret_env(name, each.name, each.key) for name, each in around.secrets.items())]


def traffic(egress: Egress) -> Allowance:
    """One entry as a NetworkPolicy has it."""
    if egress.cidr is not None:
        return Allowance(ports=egress.ports, peers=blocks([egress.cidr]))
    if egress.namespace is not None and not egress.pod_labels:
        return Allowance(ports=egress.ports, peers=(namespaced(egress.namespace),))
    return Allowance(ports=egress.ports, peers=(pods(egress.pod_labels, egress.namespace),))


def image_pull_secrets(names: Sequence[str]) -> list[Mapping[str, str]]:
    """The references of a pod's spec, in the API's own spelling."""
    return [{"name": name} for name in names]
