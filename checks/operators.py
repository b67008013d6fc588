"""What a stack needs of its cluster: what it must have already where the stack does not install it.

The API server's discovery says which kinds it serves, in which versions; every account may read it. No reliable source
says which release of an operator runs, so that is not judged. CRDs are not read as resources of Pulumi's: a missing one
would be an error without a setting or a remedy, and an existing one would put its schema into the state.

External: the cluster, read only. One that cannot be asked is a warning: a preview needs none, and an update fails at
its first object.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from checks.cluster import UNANSWERED, Served, reason, served
from settings import Delivery, KServeMode, Settings, SettingsError
from settings.problem import Problem, dotted

ARGO: Final = "argoproj.io/v1alpha1"
GATEWAY: Final = "gateway.networking.k8s.io"
ADMISSION: Final = "admissionregistration.k8s.io/v1"


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
    """Raises SettingsError with one line for each operator that the cluster should have brought and did not bring."""
    needed = list(prerequisites(stack)) if stack.platform.check else []
    if not needed:
        return
    context = stack.cluster.context
    try:
        found = served(stack.cluster, {version.partition("/")[0] for each in needed for version in each.kinds})
    except UNANSWERED as error:
        pulumi.log.warn(
            f"{context} could not be asked for its operators, so nothing is known about them: {reason(error)}"
        )
        return
    problems = [problem for each in needed if (problem := each.problem(found, context))]
    if problems:
        raise SettingsError([f"{dotted(problem.path)}: {problem.text}" for problem in problems])


def prerequisites(stack: Settings) -> Iterator[Prerequisite]:
    """What the cluster must have: operators that these settings use and do not install, a gateway, Argo CD."""
    if stack.models:
        kinds = {ADMISSION: ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")}
        remedy = "Upgrade the cluster to Kubernetes 1.30 or later, or name another"
        yield Prerequisite(("cluster", "context"), stack.cluster.context, kinds, remedy)
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
    if not platform.cert_manager.install and stack.asks_cert_manager:
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
