"""Parts that the pods of the stack share: restricted by construction, and without a token they don't use."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict, cast

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.restricted import container_security_context, pod_security_context
from contract.commands import Command

Container = k8s.core.v1.ContainerArgsDict
Env = k8s.core.v1.EnvVarArgsDict
Mount = k8s.core.v1.VolumeMountArgsDict
PodSpec = k8s.core.v1.PodSpecArgsDict
Volume = k8s.core.v1.VolumeArgsDict
Resources = Mapping[str, Mapping[str, str]]
"""`requests` and `limits`, each of `cpu` and `memory`."""


class Probes(TypedDict):
    """The probes of a container, to be spread into it."""

    startup_probe: k8s.core.v1.ProbeArgsDict
    readiness_probe: k8s.core.v1.ProbeArgsDict
    liveness_probe: k8s.core.v1.ProbeArgsDict


SCRATCH: Final = "/tmp"  # noqa: S108  in the container
"""The only folder that every container may write to; its root is read-only."""


def pod(container: Container, *, volumes: Sequence[Volume] = (), service_account: Input[str] | None = None) -> PodSpec:
    """The spec of a pod that Pod Security restricted admits, with one container made by `restricted_container`."""
    spec: PodSpec = {
        "automount_service_account_token": False,
        # Otherwise each Service of the namespace becomes seven environment variables, MLFLOW_PORT among them.
        "enable_service_links": False,
        "security_context": pod_security_context(),
        "containers": [container],
        "volumes": [{"name": "tmp", "empty_dir": {}}, *volumes],
    }
    if service_account is not None:
        spec["service_account_name"] = service_account
    return spec


def restricted_container(name: str, image: str, resources: Resources, mounts: Sequence[Mount] = ()) -> Container:
    """A container whose image is never pulled again where the node has it: references are exact."""
    return {
        "name": name,
        "image": image,
        "image_pull_policy": "IfNotPresent",
        "security_context": container_security_context(),
        "resources": cast("k8s.core.v1.ResourceRequirementsArgsDict", resources),
        "volume_mounts": [{"name": "tmp", "mount_path": SCRATCH}, *mounts],
    }


def arguments(command: Command) -> list[str]:
    """The command's options as a container's arguments, where Kubernetes puts variables in place of `$(NAME)`."""
    return [word.replace("$", "$$") for word in command.argv()]


def resources(*, cpu: str, memory: str, memory_limit: str) -> Resources:
    """CPU has no limit: throttling slows a container that an idle node could serve."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}


def plain_env(values: Mapping[str, Input[str]]) -> list[Env]:
    """Environment variables whose values are not secret."""
    return [{"name": name, "value": value} for name, value in values.items()]


def secret_env(variable: str, secret: Input[str], key: str) -> Env:
    """An environment variable that the kubelet reads from a Secret, so that its value is in no object but that."""
    return {"name": variable, "value_from": {"secret_key_ref": {"name": secret, "key": key}}}


def spread(labels: Mapping[str, str]) -> Any:
    """The affinity that puts pods on different nodes where there are several, in the API's own spelling."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(labels)}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def volume_claim(storage: str) -> k8s.core.v1.PersistentVolumeClaimSpecArgsDict:
    """A claim on a volume of this size that one node mounts at a time."""
    return {"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}


def config_map(
    name: str,
    prefix: str,
    metadata: k8s.meta.v1.ObjectMetaArgsDict,
    files: Input[Mapping[str, str]],
    opts: ResourceOptions,
) -> Output[str]:
    """A ConfigMap of files that a process reads when it starts. Returns its name: `prefix` and its content's digest.

    Other files thus make another pod. Under a fixed name the object would be deleted before its replacement is made,
    and with it the workload that needs it.
    """
    content = Output.from_input(files)
    named: k8s.meta.v1.ObjectMetaArgsDict = {
        **metadata,
        "name": content.apply(lambda known: f"{prefix}-{_digest(known)}"),
    }
    made = k8s.core.v1.ConfigMap(name, metadata=named, data=content, opts=opts)
    return object_name(made)


def job_name(name: str, *work: Input[str]) -> Output[str]:
    """A Job's name: `name` and a digest of what decides its work, such as its image and the host it works on.

    A Job's pod template is immutable, so other work must be another Job.
    """
    return Output.all(*work).apply(lambda known: f"{name}-{_digest(known)}")


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:10]
