"""The rules against the API server: what they say of every pod of a running cluster is what admission says of it."""

import json
import os
from random import Random
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from policy import pod_security
from policy.rules.namespaces import PREFIX
from tests.e2e.test_policy_oracle import MUTATIONS, SEED, disagreements
from tests.policy.mutations import mutated

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def core() -> client.CoreV1Api:
    assert os.environ.get("KUBECONFIG"), "KUBECONFIG names no cluster: run `make up`, then eval $(make env)"
    return client.CoreV1Api(config.new_client_from_config(os.environ["KUBECONFIG"]))


@pytest.fixture(scope="module")
def pods(core: client.CoreV1Api) -> list[dict[str, Any]]:
    """Every pod of the cluster, as the API server has it."""
    text: str = core.list_pod_for_all_namespaces(_preload_content=False).data.decode()
    return json.loads(text)["items"]


@pytest.fixture(scope="module")
def restricted(core: client.CoreV1Api) -> dict[str, str]:
    """The namespaces that enforce restricted, with the version each pins."""
    labels = {one.metadata.name: one.metadata.labels or {} for one in core.list_namespace().items}
    return {
        name: found.get(f"{PREFIX}enforce-version", "latest")
        for name, found in labels.items()
        if found.get(f"{PREFIX}enforce") == "restricted"
    }


def admitted(core: client.CoreV1Api, pod: dict[str, Any], namespace: str) -> bool:
    """Whether the API server would take the pod into a restricted namespace; nothing is created."""
    spec = {
        key: value for key, value in pod["spec"].items() if key not in ("nodeName", "priority", "ephemeralContainers")
    }
    metadata = {"name": "policy-probe", "annotations": pod["metadata"].get("annotations") or {}}
    # Its account is not in the probe's namespace, and admission would refuse the pod for that.
    body = {"metadata": metadata, "spec": {**spec, "serviceAccountName": "default", "serviceAccount": "default"}}
    try:
        core.create_namespaced_pod(namespace, body, dry_run="All")
    except ApiException as error:
        if "violates PodSecurity" not in str(error.body):
            raise
        return False
    return True


def passes(pod: dict[str, Any], version: str) -> bool:
    return not pod_security.violations(pod["metadata"], pod["spec"], version=version)


def test_every_pod_that_runs_in_a_restricted_namespace_passes_the_rule(
    pods: list[dict[str, Any]], restricted: dict[str, str]
) -> None:
    judged = [pod for pod in pods if pod["metadata"]["namespace"] in restricted]
    assert judged
    refused = [pod["metadata"]["name"] for pod in judged if not passes(pod, restricted[pod["metadata"]["namespace"]])]
    assert refused == []


def test_the_rule_and_admission_agree_on_every_pod_of_the_cluster(
    core: client.CoreV1Api, pods: list[dict[str, Any]], restricted: dict[str, str]
) -> None:
    namespace, version = min(restricted.items())
    wrong = [pod["metadata"]["name"] for pod in pods if passes(pod, version) != admitted(core, pod, namespace)]
    assert wrong == []


def test_mutations_of_the_pods_that_run_get_the_evaluators_verdict(pods: list[dict[str, Any]]) -> None:
    random = Random(SEED)  # noqa: S311 - reproducible, not secret
    some = [{"metadata": pod["metadata"], "spec": pod["spec"]} for pod in pods]
    changed = [mutated(random.choice(some), random) for _ in range(MUTATIONS)]
    assert disagreements(changed, pod_security.PINNED_VERSION)[:1] == []
