"""What the workflows of the loop share: pods that pass Pod Security restricted, retries, limits, and what is kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hera.workflows import Container, Counter, Parameter, RetryStrategy, Step
from hera.workflows import models as argo
from pulumi import Output

from components.kit.connections import KafkaConnection
from components.kit.custom import spelled
from components.kit.pod import SCRATCH, Resources, resources
from components.kit.restricted import container_security_context, pod_security_context
from components.kit.tokens import SOURCES, TOKEN_MOUNT, VOLUME
from contract.names import EXIT_VERDICT

OUTPUT: Final = "/mnt/output"
SHORT: Final = 600
"""Seconds for a step that only asks and tells: it waits three minutes for an MLflow that is away."""
SMALL: Final = resources(cpu="100m", memory="256Mi", memory_limit="1Gi")
DIED: Final = "lastRetry.status == 'Error' || lastRetry.exitCode != '1'"
"""The pod was deleted, evicted or killed. A step that ends with 1 has said why, and would only say so again."""
DAY: Final = 24 * 60 * 60
UNJUDGED: Final = f"lastRetry.status == 'Error' || lastRetry.exitCode != '{EXIT_VERDICT}'"
"""The same of a canary: a crash is no verdict."""
TOKEN: Final[Mapping[str, Any]] = {
    "name": VOLUME,
    "projected": {
        "sources": [
            *SOURCES,
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]
    },
}
"""The account's token as the kubelet itself would mount it."""
TRACKING_AUDIENCE: Final = "mlflow"
"""Whom tokens for MLflow are made out to: no other server takes them, and MLflow takes no other."""
TRACKING_TOKEN: Final[Mapping[str, Any]] = {
    "name": "tracking-token",
    "projected": {
        "sources": [{"serviceAccountToken": {"path": "token", "audience": TRACKING_AUDIENCE, "expirationSeconds": 600}}]
    },
}
"""The account's token for MLflow, which by it knows who asks (docs/identities.md). The kubelet renews it."""
TRACKING_TOKEN_MOUNT: Final[Mapping[str, Any]] = {
    "name": TRACKING_TOKEN["name"],
    "mountPath": "/var/run/secrets/ml-loop.dev/tracking",
    "readOnly": True,
}
TRACKING_TOKEN_ENV: Final[Mapping[str, str]] = {
    "ML_LOOP_TRACKING_TOKEN_FILE": f"{TRACKING_TOKEN_MOUNT['mountPath']}/token"
}
"""Where `loop.runtime.identity` finds it, in whatever program of the pod calls MLflow."""


@dataclass(frozen=True, kw_only=True)
class KafkaClient:
    """A `KafkaConnection` with everything known, in the API's spelling."""

    env: Sequence[Mapping[str, Any]]
    mounts: Sequence[Mapping[str, Any]]
    volumes: Sequence[Mapping[str, Any]]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LoopPod:
    """A pod that runs one command of the loop (`python3 -m loop …`)."""

    image: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    inputs: Sequence[str] = ()
    outputs: Sequence[Parameter] = ()
    account: str | None = None
    """Its service account. None: the workflow's."""
    calls_api: bool = False
    """Whether the command calls the API server, and so sees its account's token."""
    seconds: int = SHORT
    """After which it is stopped; all its attempts together take no longer."""
    resources: Resources = field(default_factory=lambda: SMALL)
    retry: str | None = DIED
    """When another attempt is made; None: whenever one fails."""
    kafka: KafkaClient | None = None
    """What a command needs that reads Kafka."""
    counted: Counter | None = None
    """What the controller counts when it has ended."""


def kafka_client(connection: KafkaConnection | None) -> Output[KafkaClient] | None:
    """A connection once everything is known of it."""
    if connection is None:
        return None
    parts = {"env": connection.env(), "mounts": connection.mounts(), "volumes": connection.volumes()}
    return Output.from_input(spelled(parts)).apply(lambda known: KafkaClient(**known, labels=connection.client_labels))


def pod_template(name: str, pod: LoopPod) -> None:
    """Adds the template `name` to the workflow that is being written."""
    kafka = pod.kafka or KafkaClient(env=(), mounts=(), volumes=(), labels={})
    Container(
        name=name,
        image=pod.image,
        image_pull_policy="IfNotPresent",
        # Always spelled out: for what a template doesn't name, the controller asks the image's registry.
        command=["python3", "-m", "loop", *pod.command],
        env=[
            *(argo.EnvVar(name=key, value=value) for key, value in (dict(TRACKING_TOKEN_ENV) | dict(pod.env)).items()),
            *(argo.EnvVar.model_validate(each) for each in kafka.env),
        ],
        resources=argo.ResourceRequirements.model_validate(pod.resources),
        security_context=argo.SecurityContext.model_validate(container_security_context()),
        volume_mounts=[
            argo.VolumeMount(name="tmp", mount_path=SCRATCH),
            argo.VolumeMount(name="output", mount_path=OUTPUT),
            argo.VolumeMount.model_validate(TRACKING_TOKEN_MOUNT),
            *(argo.VolumeMount.model_validate(each) for each in kafka.mounts),
        ],
        volumes=[argo.Volume.model_validate(each) for each in kafka.volumes] or None,
        inputs=[Parameter(name=each) for each in pod.inputs],
        outputs=list(pod.outputs),
        metrics=pod.counted,
        labels={"app.kubernetes.io/component": name, **kafka.labels},
        service_account_name=pod.account,
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


def workflow_defaults(account: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """What holds for every workflow of the loop, as arguments of hera's classes. `labels` are those of its pods."""
    return {
        "service_account_name": account,
        "security_context": argo.PodSecurityContext.model_validate(pod_security_context()),
        "pod_spec_patch": _executor_patch(),
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
    """Restricts the executor's containers whatever the controller's config says of them, and gives them the token.

    Accounts hand none out, so that the container between them, which may run a user's code, sees no token. Argo's own
    way to that (`executor.serviceAccountName`) takes a Secret with a token that never ends.
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


def result(name: str, file: str | None = None, global_name: str | None = None) -> Parameter:
    """What the command writes to a file of the folder `OUTPUT`; by its `global_name` the exit handler knows it."""
    return Parameter(name=name, value_from=argo.ValueFrom(path=f"{OUTPUT}/{file or name}"), global_name=global_name)
