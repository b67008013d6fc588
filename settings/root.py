"""All settings of a stack, and the rules that span sections."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from settings.artifacts import Artifacts, S3Compatible
from settings.cluster import Cluster
from settings.gateway import Gateway
from settings.kafka import BundledKafka, Kafka
from settings.model import Model, Serving
from settings.observability import Observability
from settings.page import Page
from settings.platform import KServeMode, Platform
from settings.policy import PolicyException
from settings.problem import Allowed, Problem, dotted, one_of
from settings.section import FrozenMap, Section
from settings.signing import Signing
from settings.tracking import Delivery, Tracking
from settings.values.flag import Flag
from settings.values.image import EXAMPLE, ImageReference
from settings.values.names import ModelName, Namespace
from settings.values.secret import StackSecret, set_secret, stack_secret

KNATIVE_PATIENCE: Final = timedelta(minutes=10)
"""Knative's progress deadline."""


class ImageName(StrEnum):
    """The images of the stack."""

    MLFLOW = "mlflow"
    """Tracking server and registry."""
    LOOP = "loop"
    """Training steps, storage initializer, model server, cooldown, promotion."""
    DETECTOR = "detector"
    """Drift detector."""
    PAGE = "page"
    """The page of the loop."""
    RECOMMENDER = EXAMPLE
    """The example model's two commands."""
    POSTGRES = "postgres"
    """MLflow's database."""
    VERSITYGW = "versitygw"
    """The bundled artifact store."""
    KAFKA = "kafka"
    """The bundled broker."""
    NATS = "nats"
    """The event bus."""
    OAUTH2_PROXY = "oauth2-proxy"
    """The login before MLflow's host."""


class Settings(Section):
    """Every setting of a stack: the keys `ml-loop:*` of `Pulumi.<stack>.yaml`."""

    cluster: Cluster
    """The only cluster this stack may touch."""
    namespace: Namespace
    """Namespace of the loop: training, serving, detector, events."""
    platform: Platform = Platform()
    """The operators, and where their charts come from."""
    images: FrozenMap[Annotated[ImageName, one_of(ImageName, "Correct the name")], ImageReference] = Field(
        default_factory=dict, validate_default=True
    )
    """Images used instead of the pinned ones: name to full reference."""
    artifacts: Artifacts
    """Where models and other artifacts are stored."""
    tracking: Tracking = Tracking()
    """MLflow: tracking server and model registry."""
    kafka: Kafka | None = None
    """Kafka, which carries predictions and drift. Unset: predictions are neither published nor watched."""
    gateway: Gateway | None = None
    """The Gateway at which models and MLflow are reached. Unset: none."""
    observability: Observability | None = None
    """Who collects metrics. Unset: no monitors, no alerts, no dashboard."""
    page: Page | None = None
    """The page that shows the loop to people. Unset: none."""
    signing: Signing | None = None
    """Signatures of versions. Unset: none are made, and none are looked at."""
    models: FrozenMap[ModelName, Model] = Field(default_factory=dict, validate_default=True)
    """The models, by name."""
    protect: Annotated[Flag, Allowed("true or false", "Leave it out to decide by the stack's name")] | None = None
    """Whether this stack is production, its data protected from deletion. Unset: true for prod and production."""
    discard: Annotated[tuple[Namespace, ...], Allowed("a list of namespaces", "Put them in brackets")] = ()
    """Namespaces of earlier settings that may be deleted with the volumes in them."""
    policy_exceptions: Annotated[
        tuple[PolicyException, ...], Allowed("a list of exceptions", "Start each with a hyphen below the key")
    ] = ()
    """Rules of the policy pack that need not hold, each with a reason and an end."""
    store_secret_key: Annotated[StackSecret, stack_secret("storeSecretKey")] | None = None
    """Root key of the bundled artifact store; required with it."""
    logs_secret_key: Annotated[StackSecret, stack_secret("logsSecretKey")] | None = None
    """Key of the bundled store's account that may add logs and nothing else; required with it."""
    tracking_secret_key: Annotated[StackSecret, stack_secret("trackingSecretKey")]
    """Key that MLflow signs its sessions with."""

    @property
    def asks_cert_manager(self) -> bool:
        """Whether anything that the stack installs has its certificates from cert-manager."""
        backups = self.tracking.postgres.backup is not None
        return self.platform.kserve.install or (backups and self.platform.cloud_native_pg.install)

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that the stack makes."""
        bundled = {self.kafka.namespace} if isinstance(self.kafka, BundledKafka) else set[str]()
        return frozenset({self.namespace, self.tracking.namespace} | bundled)

    def contradictions(self) -> Iterator[Problem]:
        yield from self._distinct_namespaces()
        yield from self._wanted_namespaces()
        yield from self._complete_store()
        yield from self._reachable_host()
        yield from self._reachable_broker()
        yield from self._reachable_node()
        yield from self._reachable_chart()
        for name, model in self.models.items():
            yield from self._runnable_model(name, model)
            yield from self._scalable_model(name, model)
            yield from self._recorded_model(name, model)

    def _distinct_namespaces(self) -> Iterator[Problem]:
        taken: dict[str, tuple[str, ...]] = {self.namespace: ("namespace",)}
        namespaces = {("tracking", "namespace"): self.tracking.namespace}
        if isinstance(self.kafka, BundledKafka):
            namespaces["kafka", "namespace"] = self.kafka.namespace
        for path, namespace in namespaces.items():
            if namespace in taken:
                expected = f"a namespace other than that of {dotted(taken[namespace])}"
                yield Problem.with_value(path, namespace, expected, "Rename it: network rules are drawn per namespace")
            taken.setdefault(namespace, path)

    def _wanted_namespaces(self) -> Iterator[Problem]:
        for index, namespace in enumerate(self.discard):
            if namespace in self.namespaces:
                expected = "a namespace that no other setting names"
                yield Problem.with_value(("discard", index), namespace, expected, "Remove it: this one is in use")

    def _complete_store(self) -> Iterator[Problem]:
        bundled = isinstance(self.artifacts, S3Compatible) and self.artifacts.bundled is not None
        if isinstance(self.artifacts, S3Compatible) and not self.artifacts.path_style and self.tracking.postgres.backup:
            remedy = "Remove it, or remove tracking.postgres.backup: what writes backups puts the bucket in the path"
            yield Problem.with_value(("artifacts", "pathStyle"), False, "true together with backups", remedy)
        keys = {
            "storeSecretKey": (self.store_secret_key, "the root key of the bundled store"),
            "logsSecretKey": (self.logs_secret_key, "the key with which trainings add their logs to the bundled store"),
        }
        for key, (value, meaning) in keys.items() if bundled else ():
            if value is None:
                yield Problem.missing((key,), f"a Pulumi secret, {meaning}", f"Run {set_secret(key)}")

    def _recorded_model(self, name: str, model: Model) -> Iterator[Problem]:
        if model.training.data is None:
            return
        store = self.artifacts if isinstance(self.artifacts, S3Compatible) else None
        if store is None or (store.bundled is None and (store.record is None or store.record.training_secret is None)):
            expected = "no data without a record: that of the bundled store, or artifacts.record with trainingSecret"
            remedy = "Add artifacts.record at your S3 service, or remove it and name your own data with dataUri"
            yield Problem.with_value(("models", name, "training", "data"), model.training.data, expected, remedy)

    def _reachable_host(self) -> Iterator[Problem]:
        if self.tracking.host is not None and self.gateway is None:
            expected = f"no host while {dotted(['gateway'])} is not set"
            remedy = "Add gateway: {className: NAME}, or remove the host"
            yield Problem.with_value(("tracking", "host"), self.tracking.host, expected, remedy)
        if self.tracking.oidc is not None and self.gateway is not None and self.gateway.tls_secret is None:
            expected = "a certificate's Secret, as browsers send sessions over TLS only"
            yield Problem.missing(("gateway", "tlsSecret"), expected, "Add it, or remove tracking.oidc")

    def _reachable_broker(self) -> Iterator[Problem]:
        exposed = isinstance(self.kafka, BundledKafka) and self.kafka.node_port is not None
        if exposed and self.cluster.node_address is None:
            expected = "the address of a node, which the broker tells its clients"
            yield Problem.missing(("cluster", "nodeAddress"), expected, "Add it, or remove kafka.nodePort")

    def _reachable_node(self) -> Iterator[Problem]:
        if self.tracking.node_port is not None and self.cluster.node_address is None:
            expected = "the address of a node: MLflow answers to the names and addresses that it knows, and no others"
            yield Problem.missing(("cluster", "nodeAddress"), expected, "Add it, or remove tracking.nodePort")
        if self.page and self.page.node_port is not None and self.cluster.node_address is None:
            expected = "the address of a node: the page answers to the names and addresses that it knows, and no others"
            yield Problem.missing(("cluster", "nodeAddress"), expected, "Add it, or remove page.nodePort")

    def _reachable_chart(self) -> Iterator[Problem]:
        mirror = self.platform.chart_mirror
        if self.tracking.delivery is Delivery.ARGOCD and mirror is not None and not mirror.startswith("oci://"):
            expected = f"oci://host/path while {dotted(['tracking', 'delivery'])} is argocd"
            remedy = "Push the charts to a registry: Argo CD reads no folder of this machine"
            yield Problem.with_value(("platform", "chartMirror"), mirror, expected, remedy)

    def _runnable_model(self, name: str, model: Model) -> Iterator[Problem]:
        if self.kafka is None:
            for key in ("drift", "retraining", "outcomes"):
                if (value := getattr(model, key)) is not None:
                    expected = f"no {key} while {dotted(['kafka'])} is not set"
                    remedy = "Add kafka: {bootstrapServers: HOST:PORT}, or {kind: bundled} for development"
                    yield Problem.with_value(("models", name, key), value, expected, remedy)

    def _scalable_model(self, name: str, model: Model) -> Iterator[Problem]:
        replicas, path = model.serving.replicas, ("models", name, "serving", "replicas")
        mode = dotted(["platform", "kserve", "mode"])
        knative = self.platform.kserve.mode is KServeMode.KNATIVE
        if replicas.min == 0 and not knative:
            expected = f"at least 1 while {mode} is standard"
            yield Problem.with_value((*path, "min"), 0, expected, "Raise it, or set the mode to knative")
        if replicas.cpu_percent is not None and knative:
            expected = f"no cpuPercent while {mode} is knative"
            remedy = "Remove it: Knative adds servers by the requests in flight"
            yield Problem.with_value((*path, "cpuPercent"), replicas.cpu_percent, expected, remedy)
        if knative:
            yield from self._placed_by_knative(name, model.serving)

    def _placed_by_knative(self, name: str, serving: Serving) -> Iterator[Problem]:
        """Knative refuses fields that choose a node, and gives a revision up that has not started in ten minutes."""
        path, mode = ("models", name, "serving"), dotted(["platform", "kserve", "mode"])
        for key, value in (("nodeSelector", serving.node_selector), ("tolerations", serving.tolerations)):
            if value:
                remedy = "Remove it, or set the mode to standard: Knative lets no pod choose its node by default"
                yield Problem.with_value((*path, key), value, f"no {key} while {mode} is knative", remedy)
        if serving.start_timeout > KNATIVE_PATIENCE:
            remedy = "Lower it, or set the mode to standard: Knative gives a start up then"
            text = f"{serving.start_timeout.total_seconds():.0f}s"
            yield Problem.with_value((*path, "startTimeout"), text, f"at most 10m while {mode} is knative", remedy)
