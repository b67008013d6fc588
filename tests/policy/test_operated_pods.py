"""Pods that operators build: a happy object of each kind, then what breaks it, named by the field a person changes."""

import copy
from typing import Any

import pytest

from policy.pods.cnpg import postgres_pods
from policy.rule import Rule
from policy.rules.images import EXACT_IMAGES
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from policy.rules.secrets import NO_PLAIN_SECRETS
from tests.policy.manifests import CONTAINER_CONTEXT, POD_CONTEXT, changed, messages, thing
from tests.policy.operated import (
    ARGO,
    BESIDE,
    CLUSTER,
    CNPG,
    CONTEXT,
    KSERVE,
    RUNTIME,
    SENSOR,
    STORAGE,
    TEMPLATE,
    escalation,
    said,
)

SOURCE = thing(ARGO, "EventSource", "drift", spec={"template": {"securityContext": POD_CONTEXT, "container": CONTEXT}})


BUS = thing(
    ARGO,
    "EventBus",
    "default",
    spec={
        "jetstream": {
            "securityContext": POD_CONTEXT,
            **{
                key: copy.deepcopy(CONTEXT)
                for key in ("containerTemplate", "reloaderContainerTemplate", "metricsContainerTemplate")
            },
        }
    },
)


SERVICE = thing(
    KSERVE,
    "InferenceService",
    "recommender",
    spec={
        "predictor": {
            "securityContext": POD_CONTEXT,
            "model": {"runtime": "loop", "storageUri": "mlflow://recommender@production"},
        }
    },
)


POOLER = thing(CNPG, "Pooler", "db-rw", spec={"cluster": {"name": "db"}})


APPLICATION = thing(
    ARGO,
    "Application",
    "mlflow",
    spec={
        "source": {
            "chart": "mlflow",
            "targetRevision": "1.11.5",
            "helm": {"valuesObject": {"podSecurityContext": POD_CONTEXT, "securityContext": CONTAINER_CONTEXT}},
        }
    },
)


def kind_of(value: Any) -> str | None:
    return value["kind"] if isinstance(value, dict) else None


@pytest.mark.parametrize(
    "manifest",
    [TEMPLATE, SENSOR, SOURCE, BUS, STORAGE, RUNTIME, SERVICE, CLUSTER, POOLER, APPLICATION],
    ids=lambda m: m["kind"],
)
def test_each_kind_passes_when_every_setting_is_in_place(manifest: dict[str, Any]) -> None:
    assert said(manifest) == []


@pytest.mark.parametrize(
    ("manifest", "path", "name", "field"),
    [
        (TEMPLATE, "spec.templates.0.container", "main", "spec.templates[0].container"),
        (TEMPLATE, "spec.templates.0.sidecars.0", "helper", "spec.templates[0].sidecars[0]"),
        (SENSOR, "spec.template.container", "main", "spec.template.container"),
        (SOURCE, "spec.template.container", "main", "spec.template.container"),
        (BUS, "spec.jetstream.containerTemplate", "main", "spec.jetstream.containerTemplate"),
        (BUS, "spec.jetstream.reloaderContainerTemplate", "reloader", "spec.jetstream.reloaderContainerTemplate"),
        (BUS, "spec.jetstream.metricsContainerTemplate", "metrics", "spec.jetstream.metricsContainerTemplate"),
        (STORAGE, "spec.container", "fetch", "spec.container"),
        (RUNTIME, "spec.containers.0", "kserve-container", "spec.containers[0]"),
        (APPLICATION, "spec.source.helm.valuesObject", "mlflow", "spec.source.helm.valuesObject"),
    ],
    ids=kind_of,
)
def test_a_container_setting_removed_is_named_by_its_field(
    manifest: dict[str, Any], path: str, name: str, field: str
) -> None:
    namespace = manifest["metadata"].get("namespace")
    owner = f"{manifest['kind']} {namespace + '/' if namespace else ''}{manifest['metadata']['name']}"
    broken = changed(manifest, f"{path}.securityContext.allowPrivilegeEscalation", None)
    assert said(broken) == [escalation(owner, name, field)]


VALUES = "spec.source.helm.valuesObject"


@pytest.mark.parametrize(
    ("rule", "field", "value", "message"),
    [
        (
            RESTRICTED_OPERATED_PODS,
            "extraVolumes",
            [{"name": "host", "hostPath": {"path": "/"}}],
            f'Application ml/mlflow: {VALUES}.extraVolumes[0] is "hostPath"; must be one of ',
        ),
        (
            RESTRICTED_OPERATED_PODS,
            "extraContainers",
            [{"name": "helper", "securityContext": {**CONTAINER_CONTEXT, "allowPrivilegeEscalation": True}}],
            f'Application ml/mlflow, container "helper": {VALUES}.extraContainers[0].securityContext',
        ),
        (
            NO_PLAIN_SECRETS,
            "extraEnvVars",
            {"PGPASSWORD": "hunter2"},
            f'Application ml/mlflow, container "mlflow": {VALUES}.extraEnvVars (PGPASSWORD) is ',
        ),
        (
            EXACT_IMAGES,
            "image",
            {"repository": "burakince/mlflow", "tag": "latest"},
            f'Application ml/mlflow, container "mlflow": {VALUES}.image is "burakince/mlflow:latest"; ',
        ),
    ],
    ids=["a volume of the node", "a container beside it", "a secret as a value", "a moving image"],
)
def test_values_of_an_application_that_break_a_rule_are_named(rule: Rule, field: str, value: Any, message: str) -> None:
    assert messages(rule, APPLICATION) == []
    (found,) = messages(rule, changed(APPLICATION, f"{VALUES}.{field}", value))
    assert found.startswith(message)


def test_a_storage_initializer_that_nothing_describes_has_upstreams_defaults() -> None:
    assert [message for message in said(SERVICE, RUNTIME) if "Escalation" in message] == [
        escalation(
            "InferenceService ml/recommender",
            "storage-initializer",
            "the storage initializer for spec.predictor.model.storageUri",
        )
    ]


def test_a_model_server_in_standard_mode_needs_the_pods_seccomp_profile() -> None:
    assert said(changed(SERVICE, "spec.predictor.securityContext.seccompProfile", None)) == [
        (
            'InferenceService ml/recommender, container "kserve-container": '
            "spec.predictor.model.securityContext.seccompProfile.type is not set; must be RuntimeDefault or Localhost "
            "here or in spec.predictor.securityContext.seccompProfile.type; set it to RuntimeDefault"
        )
    ]


def test_secure_pod_defaults_fill_in_what_a_model_server_in_knative_mode_leaves_out() -> None:
    annotations = {"serving.kserve.io/deploymentMode": "Knative"}
    bare = changed(changed(SERVICE, "metadata.annotations", annotations), "spec.predictor.securityContext", None)
    knative = thing(
        "operator.knative.dev/v1beta1",
        "KnativeServing",
        "knative-serving",
        spec={"config": {"features": {"secure-pod-defaults": "enabled"}}},
    )
    assert said(bare, *BESIDE, knative) == []
    assert said(bare) != []


def test_a_knative_outside_the_stack_can_be_described_in_the_policy_config() -> None:
    annotations = {"serving.kserve.io/deploymentMode": "Knative"}
    bare = changed(changed(SERVICE, "metadata.annotations", annotations), "spec.predictor.securityContext", None)
    assert said(bare, *BESIDE, knativeFeatures={"secure-pod-defaults": "enabled"}) == []


def test_a_model_from_an_oci_image_brings_containers_that_cannot_pass() -> None:
    oci = changed(SERVICE, "spec.predictor.model.storageUri", "oci://registry.example/model")
    source = "modelcar of spec.predictor.model.storageUri"
    assert [message for message in said(oci) if "Escalation" in message] == [
        escalation("InferenceService ml/recommender", name, source) for name in ("modelcar-init", "modelcar")
    ]


def test_the_router_of_a_graph_never_passes_in_standard_mode() -> None:
    graph = thing("serving.kserve.io/v1alpha1", "InferenceGraph", "split", spec={})
    router = "the router that KServe builds"
    assert said(graph) == [
        (
            f'InferenceGraph ml/split, container "split": {router}.containers[0].securityContext.seccompProfile.type '
            f"is not set; must be RuntimeDefault or Localhost here or in {router}.securityContext.seccompProfile.type; "
            "set it to RuntimeDefault"
        )
    ]


def test_what_archives_a_database_is_restricted_whatever_the_database_asks_for() -> None:
    archived = changed(CLUSTER, "spec.plugins", [{"name": "barman-cloud.cloudnative-pg.io"}])
    assert messages(RESTRICTED_OPERATED_PODS, archived) == []
    (before,) = postgres_pods(CLUSTER)
    (after,) = postgres_pods(archived)
    assert [each["name"] for each in before.spec["initContainers"]] == ["bootstrap-controller"]
    assert [each["name"] for each in after.spec["initContainers"]] == ["bootstrap-controller", "plugin-barman-cloud"]


def test_a_cluster_of_postgres_that_asks_for_less_is_refused() -> None:
    assert said(changed(CLUSTER, "spec.securityContext", {"allowPrivilegeEscalation": True})) == [
        f'Cluster ml/db, container "{name}": spec.securityContext.allowPrivilegeEscalation is true; '
        "must be false; set it to false"
        for name in ("bootstrap-controller", "postgres")
    ]


def test_a_pooler_keeps_the_users_sidecars_to_the_standard() -> None:
    sidecar = changed(POOLER, "spec.template.spec.containers", [{"name": "exporter"}])
    assert escalation("Pooler ml/db-rw", "exporter", "spec.template.spec.containers[0]") in said(sidecar)
