"""What the workflows of the loop share: pods that pass Pod Security restricted, retries, limits, and what is kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hera.workflows import Container, Counter, Parameter, RetryStrategy, Step
from hera.workflows import models as argo
from pulumi import Output

from components.kit.access import NOTHING, Access
from components.kit.custom import spelled
from components.kit.pod import SCRATCH, Resources, arguments, resources
from components.kit.restricted import container_security_context, pod_security_context
from components.kit.tokens import SOURCES, TOKEN_MOUNT, TRACKING_TOKEN, TRACKING_TOKEN_ENV, TRACKING_TOKEN_MOUNT, VOLUME
from contract.commands import Command
from contract.names import EXIT_FAILED, EXIT_VERDICT

OUTPUT: Final = "/mnt/output"
SHORT: Final = 600
"""Seconds for a step that only asks and tells: it waits up to three minutes for an MLflow that does not answer."""
SMALL: Final = resources(cpu="100m", memory="256Mi", memory_limit="1Gi")
DIED: Final = f"lastRetry.status == 'Error' || lastRetry.exitCode != '{EXIT_FAILED}'"
"""The pod was deleted, evicted or killed, or the step crashed: it did not say why it failed."""
DAY: Final = 24 * 60 * 60
UNJUDGED: Final = f"lastRetry.status == 'Error' || lastRetry.exitCode != '{EXIT_VERDICT}'"
"""The same for a canary: a crash is not a verdict."""
TOKEN: Final[Mapping[str, Any]] = {
    "name": VOLUME,
    "projected": {
        "sources": [
            *SOURCES,
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]
    },
}
"""The account's token, as the kubelet itself would mount it."""


@dataclass(frozen=True, kw_only=True)
class LoopPod:
    """A pod that runs one command of the loop (`python3 -m loop …`)."""

    image: str
    command: Command
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    inputs: Sequence[str] = ()
    outputs: Sequence[Parameter] = ()
    account: str | None = None
    """Its service account. None: the workflow's."""
    calls_api: bool = False
    """Whether the command calls the API server, and so sees its account's token."""
    seconds: int = SHORT
    """The time after which it is stopped, for all its attempts together."""
    resources: Resources = field(default_factory=lambda: SMALL)
    retry: str | None = DIED
    """When another attempt is made; None: whenever one fails."""
    uses: Access = NOTHING
    """What the command uses besides MLflow, with everything known and in the API's spelling."""
    placement: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the pod's spec that choose its node."""
    counted: Counter | None = None
    """What the controller counts when it has ended."""


def known(access: Access) -> Output[Access]:
    """The access once all of it is known, in the API's spelling."""
    parts = {"env": access.env, "mounts": access.mounts, "volumes": access.volumes}
    return Output.from_input(spelled(parts)).apply(lambda found: replace(access, **found))


def pod_template(name: str, pod: LoopPod) -> None:
    """Adds the template `name` to the workflow that is being written."""
    Container(
        name=name,
        image=pod.image,
        image_pull_policy="IfNotPresent",
        # Always spelled out: for what a template doesn't name, the controller asks the image's registry.
        command=[*pod.command.entry(), *arguments(pod.command)],
        env=[
            *(argo.EnvVar(name=str(key), value=value) for key, value in {**TRACKING_TOKEN_ENV, **pod.env}.items()),
            *(argo.EnvVar.model_validate(each) for each in pod.uses.env),
        ],
        resources=argo.ResourceRequirements.model_validate(pod.resources),
        security_context=argo.SecurityContext.model_validate(container_security_context()),
        volume_mounts=[
            argo.VolumeMount(name="tmp", mount_path=SCRATCH),
            argo.VolumeMount(name="output", mount_path=OUTPUT),
            argo.VolumeMount.model_validate(TRACKING_TOKEN_MOUNT),
            *(argo.VolumeMount.model_validate(each) for each in pod.uses.mounts),
        ],
        volumes=[argo.Volume.model_validate(each) for each in pod.uses.volumes] or None,
        inputs=[Parameter(name=each) for each in pod.inputs],
        outputs=list(pod.outputs),
        metrics=pod.counted,
        labels={"app.kubernetes.io/component": name, **pod.uses.labels},
        service_account_name=pod.account,
        node_selector=pod.placement.get("nodeSelector"),
        tolerations=[argo.Toleration.model_validate(each) for each in pod.placement.get("tolerations", ())] or None,
        pod_spec_patch=json.dumps({"containers": [{"name": "main", "volumeMounts": [TOKEN_MOUNT]}]})
        if pod.calls_api
        else None,
        active_deadline_seconds=pod.seconds,
        # The attempts share the time of one: nothing that was stopped for taking too long is started again.
        retry_strategy=RetryStrategy(
            limit=3,
            retry_policy="Always",
            expression=pod.retry,
            backoff=argo.Backoff(duration="5s", max_duration=f"{pod.seconds}s"),
        ),
    )


def workflow_defaults(account: str, labels: Mapping[str, str], pull_secrets: Sequence[str] = ()) -> dict[str, Any]:
    """What holds for every workflow of the loop, as arguments of hera's classes. `labels` are those of its pods."""
    return {
        "service_account_name": account,
        "security_context": argo.PodSecurityContext.model_validate(pod_security_context()),
        "pod_spec_patch": _executor_patch(),
        "image_pull_secrets": [argo.LocalObjectReference(name=name) for name in pull_secrets] or None,
        "pod_metadata": argo.Metadata(labels=dict(labels)),
        "volumes": [
            *(argo.Volume(name=name, empty_dir=argo.EmptyDirVolumeSource()) for name in ("tmp", "output")),
            argo.Volume.model_validate(TRACKING_TOKEN),
        ],
        "ttl_strategy": argo.TTLStrategy(seconds_after_success=DAY, seconds_after_failure=7 * DAY),
        # A failed pod is kept as long as its workflow: `argo logs` reads what it said.
        "pod_gc": argo.PodGC(strategy="OnPodSuccess", delete_delay_duration=f"{SHORT}s"),
    }


def _executor_patch() -> str:
    """Restricts the executor's containers whatever the controller's config says, and gives them the token.

    Accounts hand none out, so that the container between them, which may run a user's code, sees no token. Argo's own
    way to that (`executor.serviceAccountName`) takes a Secret with a token that never expires.
    """
    context = {"securityContext": container_security_context(), "volumeMounts": [TOKEN_MOUNT]}
    containers = {"initContainers": "init", "containers": "wait"}
    patched = {key: [{"name": name, **context}] for key, name in containers.items()}
    return json.dumps({"volumes": [TOKEN], **patched})


def input_parameter(name: str) -> str:
    """Stands for an input of the template it is used in."""
    return f"{{{{inputs.parameters.{name}}}}}"


def workflow_parameter(name: str) -> str:
    """Stands for an argument of the workflow."""
    return f"{{{{workflow.parameters.{name}}}}}"


def step_output(step: Step, name: str) -> str:
    """Stands for what an earlier step of the same template has left."""
    return f"{{{{steps.{step.name}.outputs.parameters.{name}}}}}"


def result(name: str, file: str, global_name: str | None = None) -> Parameter:
    """What the command writes to a file of the folder `OUTPUT`; by its `global_name` the exit handler finds it.

    For the loop's own commands only. The executor reads the file outside the command's container and hands the text to
    the controller, which looks for expressions in it.
    """
    return Parameter(name=name, value_from=argo.ValueFrom(path=f"{OUTPUT}/{file}"), global_name=global_name)
