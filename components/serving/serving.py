"""A model's two services: `production` and `staging`, each with the version that its alias names.

Pulumi declares the services and never which version they serve. A rollout writes the version into the predictor's
annotations, and the image that it was trained in into its model, as a field manager of its own (`python3 -m loop
rollout`); nothing here names these fields, so no `pulumi up` takes them away. A pod without a version resolves the
alias at its start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.access import NOTHING, Access
from components.kit.connections import Tracking
from components.kit.custom import custom_resource, object_name, spelled
from components.kit.labels import labels, selector
from components.kit.network import Allowance, allow, namespaced, pods
from components.kit.options import depending_on
from components.kit.pod import SCRATCH, Container, Resources, arguments, plain_env, restricted_container, spread
from components.kit.restricted import pod_security_context
from components.kit.surroundings import access, image_pull_secrets, placement, with_devices
from components.platform.knative import NAMESPACE as KNATIVE_NAMESPACE
from components.platform.knative import QUEUE_PROXY
from components.serving.gateway import Gateway
from contract.commands import Serve
from contract.names import SERVER_PORT, Alias
from settings import KServeMode
from settings.model import Serving as ServingSettings

Probe = k8s.core.v1.ProbeArgsDict

APP: Final = "model-server"
SERVICE_PORT: Final = 80
"""Port of the Services that KServe makes."""
SLOTS: Final = (Alias.PRODUCTION, Alias.STAGING)
"""The aliases that have a service; both have the same name."""
FORMAT: Final = "mlflow"
MODE: Final = "serving.kserve.io/deploymentMode"
DEFAULTS: Final = ServingSettings()
SHUTDOWN_SECONDS: Final = 60
"""A server that ends answers for five more seconds, then finishes what it has begun."""


@dataclass(frozen=True, kw_only=True)
class ServingArgs:
    """The model, its servers, and who may call them."""

    namespace: pulumi.Input[str]
    model: str
    """Name of the registered model; the prefix of every object's."""
    image: str
    """The image that the model is trained in now. A version that a rollout has brought runs in its own instead."""
    storage: pulumi.Input[str]
    """The ClusterStorageContainer that fetches the model."""
    mode: KServeMode = KServeMode.STANDARD
    in_production: bool
    """Whether a version is in production. Without one the production service has no pods: they could only fail."""
    min_replicas: int
    """0 in Knative mode: the servers end a minute after the last request, and the next request waits for a start."""
    max_replicas: int
    cpu_percent: int | None = None
    """Percent of its CPU request that a server may use before another is added. None: KServe's default, 80."""
    resources: Resources
    settings: ServingSettings = DEFAULTS
    """What the servers find around them, how long they may take to start, and the largest request."""
    image_pull_secrets: Sequence[str] = ()
    """Names of Secrets with which `image` is pulled."""
    gateway: Gateway | None
    """Lets its requests reach the servers; those of pods in their own namespace do anyway."""
    tracking: Tracking
    """The registry, which the storage initializer of `storage` asks."""
    kafka: Access = NOTHING
    """Where predictions are published. NOTHING: they are not, and nothing sees drift."""

    @property
    def uses(self) -> Access:
        """What the server itself uses, besides the registry, which the storage initializer asks."""
        return self.kafka + access(self.settings)


class Serving(pulumi.ComponentResource):
    """Creates a ServingRuntime, and for each of `SLOTS` an InferenceService, a disruption budget and a NetworkPolicy.

    External: KServe in the mode of the arguments. It makes the Deployments (in Knative mode by a Knative Service), the
    autoscalers and the Services in `backends`.
    Nothing waits for the servers: before the first version none can start, which does not fail the `up`.
    """

    model: str
    namespace: pulumi.Input[str]
    mode: KServeMode
    in_production: bool
    replicas: tuple[int, int]
    """The least and the most of each slot's servers."""
    backends: Mapping[Alias, Output[str]]
    """Names of the Services in front of the servers; their port is `SERVICE_PORT`."""

    def __init__(self, name: str, args: ServingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:Serving", name, None, opts)
        child = ResourceOptions(parent=self)

        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": f"{args.model}-serving", "namespace": args.namespace, "labels": labels(APP, args.model)},
            automount_service_account_token=False,
            opts=child,
        )
        callers = [Allowance(ports=(SERVER_PORT,), peers=(pods({}),)), *_proxies(args)]
        policy = allow(
            f"{name}-servers",
            namespace=args.namespace,
            selector=selector(APP, args.model),
            ingress=callers,
            egress=[*args.tracking.egress, *args.uses.egress],
            opts=child,
        )
        runtime = custom_resource(
            f"{name}-runtime",
            "serving.kserve.io/v1alpha1",
            "ServingRuntime",
            {"name": args.model, "namespace": args.namespace, "labels": labels(APP, args.model)},
            _runtime(args),
            opts=child,
        )
        allowed = depending_on(child, policy)
        self.model, self.namespace, self.mode = args.model, args.namespace, args.mode
        self.in_production, self.replicas = args.in_production, (args.min_replicas, args.max_replicas)
        self.backends = {
            slot: _service(
                name, slot, args, _predictor(slot, args, object_name(account), object_name(runtime)), allowed
            )
            for slot in SLOTS
        }
        for slot in SLOTS:
            k8s.policy.v1.PodDisruptionBudget(
                f"{name}-{slot}-disruption",
                metadata={
                    "name": f"{args.model}-{slot}",
                    "namespace": args.namespace,
                    "labels": labels(APP, args.model, slot),
                },
                # maxUnavailable, as minAvailable would block the drain of a node forever where there is one replica.
                spec={"max_unavailable": 1, "selector": {"match_labels": selector(APP, args.model, slot)}},
                opts=child,
            )
        self.register_outputs({"backends": {str(slot): backend for slot, backend in self.backends.items()}})


def _service(
    name: str, slot: Alias, args: ServingArgs, predictor: Mapping[str, Any], opts: ResourceOptions
) -> Output[str]:
    """Makes the InferenceService. Returns the name of the Service that KServe makes for it."""
    annotations = {MODE: args.mode.capitalize()}
    if slot is Alias.PRODUCTION and not args.in_production:
        annotations["serving.kserve.io/stop"] = "true"
    service = custom_resource(
        f"{name}-{slot}",
        "serving.kserve.io/v1beta1",
        "InferenceService",
        {
            "name": f"{args.model}-{slot}",
            "namespace": args.namespace,
            "labels": labels(APP, args.model, slot),
            "annotations": annotations,
        },
        {"predictor": predictor},
        opts=ResourceOptions.merge(
            opts,
            # KServe refuses to change a service's mode: "deploymentMode cannot be changed".
            ResourceOptions(replace_on_changes=[f'metadata.annotations["{MODE}"]'], delete_before_replace=True),
        ),
    )
    return Output.concat(object_name(service), "-predictor")


def _predictor(slot: Alias, args: ServingArgs, account: Output[str], runtime: Output[str]) -> dict[str, Any]:
    """The pods of a service. It has no annotations: they are the rollout's."""
    return {
        "labels": {**labels(APP, args.model, slot), **args.kafka.labels},
        "minReplicas": args.min_replicas,
        "maxReplicas": args.max_replicas,
        **({"scaleMetric": "cpu", "scaleTarget": args.cpu_percent} if args.cpu_percent is not None else {}),
        **(_rolling() if args.mode is KServeMode.STANDARD else {}),
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security_context(args.mode),
        **placement(args.settings),
        **({"imagePullSecrets": image_pull_secrets(args.image_pull_secrets)} if args.image_pull_secrets else {}),
        "affinity": spread(selector(APP, args.model, slot)),
        "storageContainerName": args.storage,
        "model": {
            "modelFormat": {"name": FORMAT},
            "runtime": runtime,
            "storageUri": f"mlflow://{args.model}@{slot}",
        },
    }


def _security_context(mode: KServeMode) -> dict[str, Any]:
    """The pod's context. Knative refuses `fsGroupChangePolicy`; these volumes are new with each pod anyway."""
    context: dict[str, Any] = pod_security_context()
    if mode is KServeMode.STANDARD:
        return context
    return {field: value for field, value in context.items() if field != "fsGroupChangePolicy"}


def _rolling() -> dict[str, Any]:
    """A new version's pods answer before an old one ends. Knative does so by itself and refuses both fields."""
    return {
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "terminationGracePeriodSeconds": SHUTDOWN_SECONDS,
    }


def _proxies(args: ServingArgs) -> list[Allowance]:
    """Where requests from outside come from: the gateway's proxies, or Knative's, by its proxy beside each server."""
    if args.mode is KServeMode.KNATIVE:
        return [Allowance(ports=QUEUE_PROXY, peers=(namespaced(KNATIVE_NAMESPACE),))]
    return [Allowance(ports=(SERVER_PORT,), peers=args.gateway.peers)] if args.gateway else []


def _runtime(args: ServingArgs) -> dict[str, Any]:
    """How one version is served. KServe puts the InferenceService's name in place of `{{.Name}}`."""
    alive: Probe = {"http_get": {"path": "/v2/health/live", "port": SERVER_PORT}, "timeout_seconds": 5}
    ready: Probe = {"http_get": {"path": "/v2/health/ready", "port": SERVER_PORT}, "timeout_seconds": 5}
    seconds = args.settings.start_timeout.total_seconds()
    server: Container = {
        **restricted_container("kserve-container", args.image, {}, args.uses.mounts),
        "command": Serve.entry(),
        "args": arguments(_command(args.settings)),
        "env": [*plain_env({"HOME": SCRATCH}), *args.uses.env],
        "ports": [{"container_port": SERVER_PORT, "protocol": "TCP"}],
        # The server listens once its model has answered; a large one takes minutes to load.
        "startup_probe": {**alive, "period_seconds": 2, "failure_threshold": ceil(seconds / 2)},
        "readiness_probe": {**ready, "period_seconds": 2, "failure_threshold": 2},
        "liveness_probe": {**alive, "period_seconds": 10, "failure_threshold": 6},
    }
    return {
        # No autoSelect: what else is in the namespace names its own runtime.
        "supportedModelFormats": [{"name": FORMAT}],
        "protocolVersions": ["v1", "v2"],
        # The names of resources are not fields: their spelling is kept.
        "containers": [{**spelled(server), "resources": with_devices(args.resources, args.settings)}],
        "volumes": spelled([{"name": "tmp", "empty_dir": {}}, *args.uses.volumes]),
    }


def _command(settings: ServingSettings) -> Serve:
    return Serve(
        model_name="{{.Name}}",
        max_body_bytes=settings.max_body_bytes,
        max_rows=settings.max_rows,
        batch=settings.batch,
    )
