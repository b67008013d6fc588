"""What a stack needs of its cluster, and of the engine that applies it, asked before anything is changed.

Of the cluster: what it must have already where the stack does not install it.

The API server's discovery says which kinds it serves, in which versions; every account may read it. Which release of an
operator runs stands nowhere that can be relied on, so that is not judged. CRDs are not read as resources of Pulumi's: a
missing one would be an error without setting and remedy, one that is there would put its schema into the state.

External: the cluster, read only. One that cannot be asked is a warning: a preview needs none, and an update fails at
its first object.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from pulumi.runtime.settings import SETTINGS
from urllib3.exceptions import HTTPError

from settings import Cluster, Delivery, KServeMode, Settings, SettingsError
from settings.problem import Problem, dotted

PATIENCE_SECONDS: Final = 10
Served = Mapping[str, frozenset[str]]
"""API version, such as `apps/v1` → the kinds that the cluster serves in it."""
ARGO: Final = "argoproj.io/v1alpha1"
GATEWAY: Final = "gateway.networking.k8s.io"
PLACES: Final = 32
"""How many objects Pulumi should work on at a time where it installs charts; its default is four per core."""
WAITING: Final = 20
"""Objects of the charts that may wait at once: Deployments, Services and webhooks. What they wait for needs places."""


@dataclass(frozen=True)
class Prerequisite:
    """Kinds that a setting takes for granted."""

    setting: tuple[str, ...]
    value: object
    """What it says now."""
    kinds: Mapping[str, Sequence[str]]
    """API version → kinds of it that the stack makes objects of."""
    remedy: str

    def problem(self, served: Served, context: str) -> Problem | None:
        """The one line that tells what is missing; None where nothing is."""
        if not (lacking := list(self._lacking(served))):
            return None
        return Problem.with_value(self.setting, self.value, f"{', '.join(lacking)} on {context}", self.remedy)

    def _lacking(self, served: Served) -> Iterator[str]:
        for version, kinds in self.kinds.items():
            group = version.partition("/")[0]
            for kind in kinds:
                if kind not in served.get(version, ()):
                    others = sorted(v for v, known in served.items() if v.partition("/")[0] == group and kind in known)
                    yield f"{version} {kind}" + (f" (served: {', '.join(others)})" if others else "")


def check(stack: Settings) -> None:
    """Raises SettingsError with one line for each operator that the cluster should have brought and has not."""
    _warn_of_few_places(stack)
    needed = list(prerequisites(stack)) if stack.platform.check else []
    if not needed:
        return
    context = stack.cluster.context
    try:
        found = served(stack.cluster, {version.partition("/")[0] for each in needed for version in each.kinds})
    except (ApiException, ConfigException, HTTPError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        pulumi.log.warn(f"{context} could not be asked for its operators, nothing is known of them: {reason}")
        return
    problems = [problem for each in needed if (problem := each.problem(found, context))]
    if problems:
        raise SettingsError([f"{dotted(problem.path)}: {problem.text}" for problem in problems])


def _warn_of_few_places(stack: Settings) -> None:
    """On a small machine, charts could bring the engine to a standstill: docs/decisions/0022."""
    places: int | None = getattr(SETTINGS, "parallel", None)  # the SDK's own type for it is a wrong one
    if places and places < WAITING and stack.platform.installs:
        pulumi.log.warn(
            f"Pulumi works on {places} objects at a time, and up to {WAITING} of the charts wait for others, which "
            f"find no place then: use `pulumi up --parallel {PLACES}`, or set PULUMI_PARALLEL={PLACES}"
        )


def served(cluster: Cluster, groups: set[str]) -> Served:
    """What the cluster serves of these API groups. Raises what the client raises."""
    api = connected(cluster)
    known: Any = client.ApisApi(api).get_api_versions(_request_timeout=PATIENCE_SECONDS)
    versions = [(group.name, each.version) for group in known.groups if group.name in groups for each in group.versions]
    resources = client.CustomObjectsApi(api)

    def kinds(group: str, version: str) -> frozenset[str]:
        listed: Any = resources.get_api_resources(group, version, _request_timeout=PATIENCE_SECONDS)
        return frozenset(each.kind for each in listed.resources)

    return {f"{group}/{version}": kinds(group, version) for group, version in versions}


def connected(cluster: Cluster) -> client.ApiClient:
    """A client of the stack's cluster and no other. Raises ConfigException where the kubeconfig does not know it."""
    access: Any = client.Configuration()
    # A cluster that is not there is told at once.
    access.retries = False
    file = cluster.kubeconfig and str(Path(cluster.kubeconfig).expanduser())
    config.load_kube_config(config_file=file, context=cluster.context, client_configuration=access)
    return client.ApiClient(access)


def prerequisites(stack: Settings) -> Iterator[Prerequisite]:
    """Of the operators that these settings use and do not install, of the gateway, and of Argo CD."""
    for key, operator, kinds in _operators(stack):
        remedy = f"Set it to true, or install {operator} in the cluster"
        yield Prerequisite(("platform", key, "install"), False, kinds, remedy)
    if stack.gateway is not None:
        kinds = {f"{GATEWAY}/v1": ("Gateway", "HTTPRoute"), f"{GATEWAY}/v1beta1": ("ReferenceGrant",)}
        remedy = "Install the CRDs of Gateway API 1.0 or later with a controller, or remove the gateway"
        yield Prerequisite(("gateway",), stack.gateway, kinds, remedy)
    if stack.tracking.delivery is Delivery.ARGOCD:
        remedy = "Install Argo CD in the cluster, or set it to pulumi"
        yield Prerequisite(("tracking", "delivery"), stack.tracking.delivery, {ARGO: ("Application",)}, remedy)


def _operators(stack: Settings) -> Iterator[tuple[str, str, Mapping[str, Sequence[str]]]]:
    """(key, name and oldest release, kinds) of each operator that is used and not installed."""
    platform, models = stack.platform, stack.models.values()
    backups = stack.tracking.postgres.backup is not None
    if not platform.argo_workflows.install and models:
        yield "argoWorkflows", "Argo Workflows 3.6 or later", {ARGO: ("WorkflowTemplate", "CronWorkflow", "Workflow")}
    if not platform.argo_events.install and any(model.retraining for model in models):
        yield "argoEvents", "Argo Events 1.9.6 or later", {ARGO: ("EventBus", "EventSource", "Sensor")}
    # Ours ask it for the certificates of their webhooks.
    asked = platform.kserve.install or (backups and platform.cloud_native_pg.install)
    if not platform.cert_manager.install and asked:
        yield "certManager", "cert-manager", {"cert-manager.io/v1": ("Issuer", "Certificate")}
    if platform.knative is not None and not platform.knative.install:
        yield "knative", "Knative Serving with Kourier", {"serving.knative.dev/v1": ("Service",)}
    if not platform.kserve.install and models:
        graph = ("InferenceGraph",) if platform.kserve.mode is KServeMode.KNATIVE else ()
        kinds = {
            "serving.kserve.io/v1beta1": ("InferenceService",),
            "serving.kserve.io/v1alpha1": ("ClusterStorageContainer", "ServingRuntime", *graph),
        }
        yield "kserve", "KServe 0.20 or later", kinds
    if not platform.cloud_native_pg.install:
        plugin = {"barmancloud.cnpg.io/v1": ("ObjectStore",)} if backups else {}
        kinds = {"postgresql.cnpg.io/v1": ("Cluster", *(("ScheduledBackup",) if backups else ()))} | plugin
        with_plugin = " with its barman-cloud plugin" if backups else ""
        yield "cloudNativePg", f"CloudNativePG 1.27 or later{with_plugin}", kinds
