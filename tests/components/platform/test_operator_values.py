"""What each chart is told: every value, and what it is worth."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.platform.knative import Knative
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import OperatorArgs
from policy.rule import Resource, Stack
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from settings import KServeMode
from tests.components.given import NATS_IMAGE, providers
from tests.components.table import station
from tests.program.mocks import Recording, record

AVAILABLE = {"enabled": True, "minAvailable": 1}
SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
AUTHORITY = {"pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}"}


def pod_context(uid: int) -> dict[str, Any]:
    group = {"runAsUser": uid, "runAsGroup": uid, "fsGroup": uid, "fsGroupChangePolicy": "OnRootMismatch"}
    return {"runAsNonRoot": True, **group, **SECCOMP}


def needs(cpu: str, memory: str, limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


def built(component: str) -> Recording:
    return record(lambda: station(f"platform.{component}"))


def test_argo_workflows_values() -> None:
    assert built("argo_workflows").inputs("Chart")["values"] == {
        "crds": {"install": True, "keep": True, "full": False},
        "images": {"pullPolicy": "IfNotPresent"},
        "server": {"enabled": False},
        "workflow": {"serviceAccount": {"create": False}, "rbac": {"create": False}},
        "controller": {
            "replicas": 2,
            "pdb": AVAILABLE,
            "podSecurityContext": SECCOMP,
            "resources": needs("100m", "128Mi", "1Gi"),
            "workflowNamespaces": ["loop"],
            "extraEnv": [{"name": "DEFAULT_REQUEUE_TIME", "value": "2s"}],
            "metricsConfig": {"enabled": True, "port": 9090},
            "parallelism": 10,
            "namespaceParallelism": 4,
            "workflowRestrictions": {"templateReferencing": "Secure"},
            "workflowDefaults": {
                "spec": {
                    "securityContext": pod_context(65532),
                    "ttlStrategy": {"secondsAfterSuccess": 86400, "secondsAfterFailure": 604800},
                    "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"},
                    "activeDeadlineSeconds": 21600,
                }
            },
        },
        "executor": {
            "securityContext": CONTAINER | {"runAsNonRoot": True, "runAsUser": 65532},
            "resources": needs("10m", "32Mi", "256Mi"),
        },
        "mainContainer": {"securityContext": CONTAINER},
    }


def test_argo_events_values() -> None:
    deployment = {
        "replicas": 2,
        "pdb": AVAILABLE,
        "containerSecurityContext": CONTAINER,
        "resources": needs("50m", "64Mi", "512Mi"),
    }
    servers = {
        "version": "2.15.2",
        "natsImage": NATS_IMAGE,
        "metricsExporterImage": "docker.io/natsio/prometheus-nats-exporter:0.14.0",
        "configReloaderImage": "docker.io/natsio/nats-server-config-reloader:0.14.0",
        "startCommand": "/nats-server",
    }
    # The controller ends without an entry; this one has no image behind it.
    nobody = {"version": "none", "natsStreamingImage": "none", "metricsExporterImage": "none"}
    assert built("argo_events").inputs("Chart")["values"] == {
        "crds": {"install": True, "keep": True},
        "global": {"securityContext": pod_context(9731)},
        "controller": {**deployment, "env": [{"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"}]},
        "webhook": {**deployment, "enabled": True, "port": 8443},
        "configs": {"nats": {"versions": [nobody]}, "jetstream": {"versions": [servers]}},
    }


def test_cert_manager_values() -> None:
    small = needs("20m", "64Mi", "512Mi")
    assert built("cert_manager").inputs("Chart")["values"] == {
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "replicaCount": 2,
        "podDisruptionBudget": AVAILABLE,
        "resources": small,
        "cainjector": {"replicaCount": 2, "podDisruptionBudget": AVAILABLE, "resources": small},
        "webhook": {
            "replicaCount": 3,
            "podDisruptionBudget": AVAILABLE,
            "resources": small,
            "validatingWebhookConfigurationAnnotations": AUTHORITY,
            "mutatingWebhookConfigurationAnnotations": AUTHORITY,
        },
        "startupapicheck": {"enabled": False},
    }


def test_knative_operator_values() -> None:
    seccomp = {"securityContext": SECCOMP}
    values = {"knative_operator": {"knative_operator": seccomp, "operator_webhook": seccomp}}
    assert built("knative").inputs("Chart")["values"] == values


@pytest.mark.parametrize(
    ("mode", "name", "gateway"),
    [
        (KServeMode.STANDARD, "Standard", {"disableIngressCreation": True, "disableIstioVirtualHost": True}),
        (KServeMode.KNATIVE, "Knative", {"disableIstioVirtualHost": True}),
    ],
)
def test_kserve_values_in_each_mode(mode: KServeMode, name: str, gateway: Mapping[str, bool]) -> None:
    recording = record(lambda: KServe("it", KServeArgs(install=True, mode=mode), providers()))
    initializer = CONTAINER | SECCOMP | {"runAsNonRoot": True, "privileged": False, "readOnlyRootFilesystem": False}
    assert recording.inputs("Chart", "it-chart")["values"] == {
        "kserve": {
            "controller": {
                "deploymentMode": name,
                "imagePullPolicy": "IfNotPresent",
                "podAnnotations": {"ml-loop.dev/mode": mode.value},
                "resources": {
                    "requests": {"cpu": "100m", "memory": "300Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
                "gateway": gateway,
            },
            "security": {"autoMountServiceAccountToken": False},
            "storage": {"containerSecurityContext": initializer},
        }
    }
    assert recording.inputs("Chart", "it-definitions").get("values", {}) == {}


def test_a_workflow_that_says_nothing_of_security_passes_restricted_with_the_values_and_only_with_them() -> None:
    values = built("argo_workflows").inputs("Chart")["values"]
    config = {key: values[key] for key in ("executor", "mainContainer")}
    config["workflowDefaults"] = values["controller"]["workflowDefaults"]
    template = {"name": "main", "container": {"image": "example.com/step:1.0", "command": ["true"]}}
    workflow = Resource(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {"name": "bare", "namespace": "loop"},
            "spec": {"entrypoint": "main", "templates": [template]},
        }
    )

    def violations(options: Mapping[str, Any]) -> int:
        return len(list(RESTRICTED_OPERATED_PODS.check(workflow, Stack((workflow,), options=options))))

    assert violations({"argoWorkflowsController": config}) == 0
    assert violations({}) > 0


def test_knative_serving_is_pinned_private_and_secures_pods() -> None:
    recording = built("knative")
    serving = recording.inputs("KnativeServing")
    assert serving["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert serving["spec"] == {
        "version": "1.21.3",
        "high-availability": {"replicas": 2},
        "ingress": {"kourier": {"enabled": True, "service-type": "ClusterIP"}},
        "registry": {"override": {"3scale-kourier-gateway/kourier-gateway": "docker.io/envoyproxy/envoy:v1.37.10"}},
        "config": {
            "network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
            "features": dict.fromkeys(
                ("secure-pod-defaults", "kubernetes.podspec-securitycontext", "kubernetes.podspec-affinity"), "enabled"
            ),
        },
    }
    assert "it-chart" in recording.only("KnativeServing").depends_on
    home = recording.inputs("Namespace", "it-serving-namespace-namespace")["metadata"]
    assert (home["name"], home["labels"]["pod-security.kubernetes.io/enforce"]) == ("knative-serving", "restricted")


def test_with_a_chart_mirror_knative_asks_docker_hub_for_no_digest() -> None:
    args = OperatorArgs(install=True, chart_mirror="oci://mirror.example/charts")
    config = record(lambda: Knative("it", args, providers())).inputs("KnativeServing")["spec"]["config"]
    skipped = {"registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,index.docker.io"}
    assert config["deployment"] == skipped
