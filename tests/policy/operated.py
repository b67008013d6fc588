"""One manifest of each kind that an operator makes pods of, with every setting in place."""

from typing import Any

from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from tests.policy.manifests import CONTAINER_CONTEXT, IMAGE, POD_CONTEXT, container, messages, thing

ARGO, KSERVE, CNPG = "argoproj.io/v1alpha1", "serving.kserve.io/v1beta1", "postgresql.cnpg.io/v1"


CONTEXT = {"securityContext": CONTAINER_CONTEXT}


CONTROLLER = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "workflow-controller-configmap", "namespace": "argo"},
    "data": {"executor": "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"},
}


TEMPLATE = thing(
    ARGO,
    "WorkflowTemplate",
    "train",
    spec={
        "securityContext": POD_CONTEXT,
        "templates": [
            {"name": "train", "container": {"image": IMAGE, **CONTEXT}, "sidecars": [container("helper")]},
            {"name": "all", "dag": {"tasks": [{"name": "a", "template": "train"}]}},
        ],
    },
)


SENSOR = thing(
    ARGO,
    "Sensor",
    "drift",
    spec={
        "template": {"securityContext": POD_CONTEXT, "container": CONTEXT},
        "triggers": [
            {
                "template": {
                    "k8s": {
                        "source": {
                            "resource": {
                                "apiVersion": ARGO,
                                "kind": "Workflow",
                                "spec": {"workflowTemplateRef": {"name": "train"}},
                            }
                        }
                    }
                }
            }
        ],
    },
)


STORAGE = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ClusterStorageContainer",
    "metadata": {"name": "mlflow"},
    "spec": {
        "supportedUriFormats": [{"prefix": "mlflow://"}],
        "container": {"name": "fetch", "securityContext": {**CONTAINER_CONTEXT, **POD_CONTEXT}},
    },
}


RUNTIME = thing(
    "serving.kserve.io/v1alpha1", "ServingRuntime", "loop", spec={"containers": [container("kserve-container")]}
)


CLUSTER = thing(CNPG, "Cluster", "db", spec={"instances": 1})


BESIDE = (CONTROLLER, TEMPLATE, STORAGE, RUNTIME, CLUSTER)


def said(manifest: dict[str, Any], *others: dict[str, Any], **options: Any) -> list[str]:
    return messages(RESTRICTED_OPERATED_PODS, manifest, *(others or BESIDE), **options)


def escalation(owner: str, name: str, field: str) -> str:
    where = f'{owner}, container "{name}": {field}.securityContext.allowPrivilegeEscalation'
    return f"{where} is not set; must be false; set it to false"
