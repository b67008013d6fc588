"""What the cluster must have brought, and the words in which its absence is told."""

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pulumi
import pytest

from checks import cluster, operators
from checks.cluster import Served
from settings import Cluster, Settings, SettingsError

BROUGHT = {key: {"install": False} for key in ("argoWorkflows", "argoEvents", "kserve", "cloudNativePg")}
GATE = {"training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}}}
DRIFT = {"drift": {"features": ["pages"]}, "retraining": {"cooldown": "6h"}}
COMPLETE: Served = {
    "admissionregistration.k8s.io/v1": frozenset(("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")),
    "argoproj.io/v1alpha1": frozenset(
        ("Application", "WorkflowTemplate", "CronWorkflow", "Workflow", "EventBus", "EventSource", "Sensor")
    ),
    "barmancloud.cnpg.io/v1": frozenset(("ObjectStore",)),
    "cert-manager.io/v1": frozenset(("Issuer", "Certificate")),
    "gateway.networking.k8s.io/v1": frozenset(("Gateway", "HTTPRoute")),
    "gateway.networking.k8s.io/v1beta1": frozenset(("ReferenceGrant",)),
    "postgresql.cnpg.io/v1": frozenset(("Cluster", "ScheduledBackup")),
    "serving.knative.dev/v1": frozenset(("Service",)),
    "serving.kserve.io/v1alpha1": frozenset(("ClusterStorageContainer", "InferenceGraph", "ServingRuntime")),
    "serving.kserve.io/v1beta1": frozenset(("InferenceService",)),
}
"""What a cluster with everything serves."""


def stack(**changes: Any) -> Settings:
    """A stack that installs no operator, with one model."""
    values = {
        "cluster": {"context": "my-cluster"},
        "namespace": "loop",
        "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
        "kafka": {"bootstrapServers": "kafka:9093"},
        "models": {"recommender": GATE | DRIFT},
        "platform": BROUGHT,
        "trackingSecretKey": pulumi.Output.secret("a key"),
    }
    return Settings.model_validate(values | changes)


def told(monkeypatch: pytest.MonkeyPatch, settings: Settings, served: Served) -> list[str]:
    """The problems of that stack on a cluster that serves these kinds."""

    def answer(_: Cluster, groups: set[str]) -> Served:
        return {version: kinds for version, kinds in served.items() if version.partition("/")[0] in groups}

    monkeypatch.setattr(operators, "served", answer)
    try:
        operators.check(settings)
    except SettingsError as error:
        return list(error.problems)
    return []


def without(*kinds: str) -> Served:
    """The complete cluster without kinds, each as `version/Kind`."""
    lost = {tuple(each.rsplit("/", 1)) for each in kinds}
    return {v: frozenset(kind for kind in known if (v, kind) not in lost) for v, known in COMPLETE.items()}


EVERYTHING: Mapping[str, Any] = {
    "platform": BROUGHT | {"knative": {"install": False}, "kserve": {"install": False, "mode": "knative"}},
    "tracking": {"delivery": "argocd", "postgres": {"backup": {}}},
    "gateway": {"className": "example"},
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["four operators", "all"])
def test_a_cluster_that_has_everything_is_fine(monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any]) -> None:
    assert told(monkeypatch, stack(**changes), COMPLETE) == []


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (
            "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
            (
                'ml-loop:cluster.context: "my-cluster" is not allowed; expected '
                "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy on my-cluster. "
                "Upgrade the cluster to Kubernetes 1.30 or later, or name another."
            ),
        ),
        (
            "argoproj.io/v1alpha1/CronWorkflow",
            (
                "ml-loop:platform.argoWorkflows.install: false is not allowed; expected "
                "argoproj.io/v1alpha1 CronWorkflow on my-cluster. "
                "Set it to true, or install Argo Workflows 3.6 or later in the cluster."
            ),
        ),
        (
            "argoproj.io/v1alpha1/Sensor",
            (
                "ml-loop:platform.argoEvents.install: false is not allowed; expected argoproj.io/v1alpha1 Sensor "
                "on my-cluster. Set it to true, or install Argo Events 1.9.6 or later in the cluster."
            ),
        ),
        (
            "serving.knative.dev/v1/Service",
            (
                "ml-loop:platform.knative.install: false is not allowed; expected serving.knative.dev/v1 Service "
                "on my-cluster. Set it to true, or install Knative Serving with Kourier in the cluster."
            ),
        ),
        (
            "serving.kserve.io/v1alpha1/InferenceGraph",
            (
                "ml-loop:platform.kserve.install: false is not allowed; expected "
                "serving.kserve.io/v1alpha1 InferenceGraph on my-cluster. "
                "Set it to true, or install KServe 0.20 or later in the cluster."
            ),
        ),
        (
            "barmancloud.cnpg.io/v1/ObjectStore",
            (
                "ml-loop:platform.cloudNativePg.install: false is not allowed; expected "
                "barmancloud.cnpg.io/v1 ObjectStore on my-cluster. "
                "Set it to true, or install CloudNativePG 1.27 or later "
                "with its barman-cloud plugin in the cluster."
            ),
        ),
        (
            "gateway.networking.k8s.io/v1beta1/ReferenceGrant",
            (
                "ml-loop:gateway: a mapping is not allowed; expected gateway.networking.k8s.io/v1beta1 ReferenceGrant "
                "on my-cluster. Install the CRDs of Gateway API 1.0 or later with a controller, or remove the gateway."
            ),
        ),
        (
            "argoproj.io/v1alpha1/Application",
            (
                'ml-loop:tracking.delivery: "argocd" is not allowed; expected argoproj.io/v1alpha1 Application '
                "on my-cluster. Install Argo CD in the cluster, or set it to pulumi."
            ),
        ),
    ],
    ids=lambda value: value.rpartition("/")[2] if "." not in value.rpartition("/")[2] else "",
)
def test_a_kind_that_is_missing_is_told_with_the_setting_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, lost: str, message: str
) -> None:
    assert told(monkeypatch, stack(**EVERYTHING), without(lost)) == [message]


def test_each_operator_that_an_empty_cluster_lacks_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = [line.partition(": ")[0] for line in told(monkeypatch, stack(), {})]
    assert settings == ["ml-loop:cluster.context", *(f"ml-loop:platform.{key}.install" for key in BROUGHT)]


def test_a_kind_in_another_version_only_is_told_with_the_versions_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = without("serving.kserve.io/v1beta1/InferenceService")
    served = dict(old) | {"serving.kserve.io/v1": frozenset(("InferenceService",))}
    (line,) = told(monkeypatch, stack(), served)
    assert "expected serving.kserve.io/v1beta1 InferenceService (served: serving.kserve.io/v1) on my-cluster." in line


@pytest.mark.parametrize(
    ("brought", "kserve", "asked"), [(False, True, ["certManager"]), (False, False, []), (True, True, [])]
)
def test_cert_manager_is_missed_only_by_what_this_stack_installs(
    monkeypatch: pytest.MonkeyPatch, brought: bool, kserve: bool, asked: list[str]
) -> None:
    platform = BROUGHT | {"certManager": {"install": brought}, "kserve": {"install": kserve}}
    found = told(monkeypatch, stack(platform=platform), without("cert-manager.io/v1/Issuer"))
    assert [line.split(".")[1] for line in found] == asked


def test_an_operator_that_is_installed_or_not_used_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = {"cloudNativePg": {"install": True}, "kserve": {"install": True}, "argoEvents": {"install": False}}
    assert told(monkeypatch, stack(platform=platform, models={}), {}) == []


def test_the_check_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, stack(platform=BROUGHT | {"check": False}), {}) == []


class Discovery(BaseHTTPRequestHandler):
    """An API server that serves one kind, and another group that nobody asks for."""

    def do_GET(self) -> None:
        groups = [
            {"name": name, "versions": [{"groupVersion": f"{name}/v1", "version": "v1"}]} for name in ("a.io", "b.io")
        ]
        answers: dict[str, Any] = {
            "/apis/": {"kind": "APIGroupList", "groups": groups},
            "/apis/a.io/v1": {
                "kind": "APIResourceList",
                "groupVersion": "a.io/v1",
                "resources": [
                    {"name": "things", "kind": "Thing", "namespaced": True, "singularName": "thing", "verbs": ["get"]}
                ],
            },
        }
        found = answers.get(self.path)
        self.send_response(200 if found else 500)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Nothing to say."""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    """Of an API server with the context `right`, and of none with the context `wrong`."""
    server = HTTPServer(("127.0.0.1", 0), Discovery)
    Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "kubeconfig"
    names = {"right": f"http://127.0.0.1:{server.server_port}", "wrong": "http://127.0.0.1:1"}
    file.write_text(
        json.dumps(
            {
                "clusters": [{"name": name, "cluster": {"server": url}} for name, url in names.items()],
                "users": [{"name": "nobody", "user": {}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": "nobody"}} for name in names],
            }
        ),
        encoding="utf-8",
    )
    yield file
    server.shutdown()
    server.server_close()


def test_the_cluster_of_the_context_is_asked_for_the_groups_in_question(kubeconfig: Path) -> None:
    chosen = Cluster.model_validate({"context": "right", "kubeconfig": str(kubeconfig)})
    assert cluster.served(chosen, {"a.io", "nowhere.io"}) == {"a.io/v1": frozenset({"Thing"})}


@pytest.mark.parametrize("context", ["wrong", "nowhere"])
def test_a_cluster_that_cannot_be_asked_is_a_warning(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, context: str
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    operators.check(stack(cluster={"context": context, "kubeconfig": str(kubeconfig)}))
    (warning,) = warnings
    assert warning.startswith(f"{context} could not be asked for its operators, so nothing is known about them: ")
