"""The rules against the API server: what they say of every pod of the session is what admission says of it.

Runs after the files that make pods (conftest.py): what they made is judged whether or not it is still there.
"""

from random import Random
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from policy import pod_security
from policy.rules.namespaces import PREFIX
from tests.e2e.pod_kinds import KINDS
from tests.e2e.pod_record import PodRecord
from tests.e2e.station import Station
from tests.e2e.test_policy_oracle import MUTATIONS, SEED, disagreements
from tests.policy.mutations import mutated

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def core(station: Station, pod_record: PodRecord) -> client.CoreV1Api:
    assert station  # the cluster is up
    return pod_record.core()


@pytest.fixture(scope="module")
def pods(pod_record: PodRecord) -> list[dict[str, Any]]:
    """Every pod that the cluster has, or had since the session began, as the API server made it."""
    return pod_record.pods()


@pytest.fixture(scope="module")
def restricted(pod_record: PodRecord) -> dict[str, str]:
    """The namespaces that enforce restricted, or did, with the version each pins."""
    return {
        name: found.get(f"{PREFIX}enforce-version", "latest")
        for name, found in pod_record.namespaces().items()
        if found.get(f"{PREFIX}enforce") == "restricted"
    }


@pytest.fixture(scope="module")
def probed(core: client.CoreV1Api, restricted: dict[str, str]) -> str:
    """A restricted namespace that is there, where the API server is asked."""
    return min(restricted.keys() & {each.metadata.name for each in core.list_namespace().items})


def test_a_pod_of_every_kind_that_the_selected_tests_make_is_judged(
    pods: list[dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    selected = {item.originalname for item in request.session.items if isinstance(item, pytest.Function)}
    made = [kind for kind in KINDS if kind.made_by is None or kind.made_by in selected]
    print("made by no selected test:", *(kind.name for kind in KINDS if kind not in made))
    labels = [(pod["metadata"].get("labels") or {}).items() for pod in pods]
    assert [kind.name for kind in made if not any(kind.labels.items() <= each for each in labels)] == []


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
    core: client.CoreV1Api, pods: list[dict[str, Any]], restricted: dict[str, str], probed: str
) -> None:
    version = restricted[probed]
    wrong = [pod["metadata"]["name"] for pod in pods if passes(pod, version) != admitted(core, pod, probed)]
    assert wrong == []


def test_mutations_of_the_pods_that_run_get_the_evaluators_verdict(pods: list[dict[str, Any]]) -> None:
    random = Random(SEED)
    some = [{"metadata": pod["metadata"], "spec": pod["spec"]} for pod in pods]
    changed = [mutated(random.choice(some), random) for _ in range(MUTATIONS)]
    assert disagreements(changed, pod_security.PINNED_VERSION)[:1] == []
