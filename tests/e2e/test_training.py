"""Training: by hand, twice at once, killed in each step, failing, and asked for by drift."""

import time
from collections.abc import Iterator
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from contract.names import FAILURE_TAG, Alias, RunTag, Tag
from tests.e2e.scratch_model import eventually
from tests.e2e.scratch_training import EXAMPLE, ScratchTraining, scratch_training
from tests.e2e.station import Station
from tests.e2e.store import logs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
STEPS = ("train", "evaluate", "register")
RECENT = 11
"""Seconds. Argo takes a pod that is gone sooner for one that it does not see yet, and makes it again."""
HELD = """\
import os, sys, time
from mlflow import MlflowClient
while "go" not in MlflowClient().get_registered_model(sys.argv[1]).tags:
    time.sleep(0.2)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""A train command that begins when its model has the tag, however long Argo takes to see it at work."""
DRIFT = {"trigger": "drift", "feature": "price_to_shelf", "p_value": "0.001"}


@pytest.fixture(scope="module")
def training(station: Station) -> Iterator[ScratchTraining]:
    assert station.url  # MLflow is up, and this process' client knows where
    with scratch_training(f"training-{time.time_ns() % 10**6}") as training:
        training.declare(training.namespace)
        yield training


@pytest.fixture(scope="module")
def by_hand(training: ScratchTraining) -> str:
    """A training that somebody has started and waited for."""
    done = training.argo(
        "submit", "--from", f"workflowtemplate/{training.templates[training.namespace]}", "--wait", "-o", "name"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()[0]


@pytest.fixture(scope="module")
def broken(training: ScratchTraining) -> str:
    """A model whose train command fails."""
    model = f"{training.namespace}-broken"
    training.declare(model, {"train": ["python3", "-c", "raise SystemExit('no rows in the store')"]})
    return model


def finish(training: ScratchTraining, name: str) -> str:
    eventually(lambda: training.ended(name), f"{name} ends", seconds=600)
    return training.phase(name)


def test_a_training_by_hand_ends_in_a_staging_version_that_says_where_it_comes_from(
    training: ScratchTraining, by_hand: str
) -> None:
    (version,) = training.versions(by_hand)
    assert version.tags[Tag.TRIGGER] == "manual"
    assert version.tags[Tag.GATE] == "passed"
    assert version.tags[Tag.IMAGE] == training.image("recommender")
    staged = MlflowClient().get_model_version_by_alias(training.namespace, Alias.STAGING)
    assert (staged.version, staged.run_id) == (version.version, version.run_id)
    assert MlflowClient().get_registered_model(training.namespace).aliases.keys() == {Alias.STAGING}


def test_the_user_s_code_sees_no_token_for_the_api_and_no_key_of_the_store(
    training: ScratchTraining, by_hand: str
) -> None:
    (pod,) = training.pods(by_hand, "train")
    (key,) = [volume["name"] for volume in pod["spec"]["volumes"] if "secret" in volume]
    mounts = {
        container["name"]: {mount[part] for mount in container["volumeMounts"] for part in ("name", "mountPath")}
        for container in pod["spec"]["containers"]
    }
    for guarded in ("/var/run/secrets/kubernetes.io/serviceaccount", key):
        assert {name for name, mounted in mounts.items() if guarded in mounted} == {"wait"}


def test_what_each_step_said_is_in_the_store_when_the_pods_are_gone(training: ScratchTraining, by_hand: str) -> None:
    of_workflow = ("-l", f"workflows.argoproj.io/workflow={by_hand}")
    steps = {
        pod["metadata"]["name"]: pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in training.items("pods", *of_workflow)
    }
    said = {pod: training.kubectl("logs", pod, "-c", "main").splitlines() for pod in steps}
    training.kubectl("delete", "pods", *of_workflow)
    kept = logs(training.node, training.namespace, by_hand)
    assert {steps[pod] for pod in kept} == set(STEPS)
    for pod, text in kept.items():
        assert text.strip(), f"{pod} said nothing"
        # What the executor says of itself is in the pod's log only.
        assert set(text.splitlines()) <= set(said[pod])
    assert any("gate: passed" in text.splitlines() for text in kept.values())


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("create", "workflowtaskresults.argoproj.io", True),
        ("get", "secrets", False),
        ("list", "secrets", False),
        ("create", "pods", False),
        ("create", "workflows.argoproj.io", False),
        ("get", "leases.coordination.k8s.io", False),
        ("patch", "inferenceservices.serving.kserve.io", False),
    ],
)
def test_the_training_identity_may_report_results_and_nothing_else(
    training: ScratchTraining, verb: str, resource: str, allowed: bool
) -> None:
    assert training.can(f"{training.namespace}-train", verb, resource) is allowed


def test_of_two_trainings_at_once_one_waits_and_both_end(training: ScratchTraining) -> None:
    first, second = (training.submit(training.namespace) for _ in range(2))
    waited: set[str] = set()

    def ended() -> bool:
        at_work = [name for name in (first, second) if any(training.running(name, step) for step in STEPS)]
        assert len(at_work) < 2, "both train at once"
        waited.update(name for name in (first, second) if "synchronization" in training.workflow(name)["status"])
        return training.ended(first) and training.ended(second)

    eventually(ended, "both end", seconds=600)
    assert (training.phase(first), training.phase(second)) == ("Succeeded", "Succeeded")
    assert waited == {first, second}
    assert len(training.versions(first)) == len(training.versions(second)) == 1


def test_a_training_whose_pod_dies_in_each_step_ends_in_exactly_one_version(training: ScratchTraining) -> None:
    model = f"{training.namespace}-held"
    MlflowClient().create_registered_model(model)
    training.declare(model, EXAMPLE | {"train": ["python3", "-c", HELD, model, *EXAMPLE["train"]]})
    name = training.submit(model)
    killed = {step: kill(training, name, step) for step in STEPS}
    assert finish(training, name) == "Succeeded"
    for step, pod in killed.items():
        assert pod["metadata"]["uid"] not in {each["metadata"]["uid"] for each in training.pods(name, step)}
    # Argo had known this one for long: its death is an attempt. Pods that die sooner are made again in the same one.
    assert len(training.attempts(name)["train"]) == 2
    (version,) = training.versions(name)
    staged = MlflowClient().get_model_version_by_alias(model, Alias.STAGING)
    assert staged.version == version.version


def kill(training: ScratchTraining, name: str, step: str) -> dict[str, Any]:
    """Deletes a pod of the step while its command is at work; returns it."""
    pod = training.at_work(name, step)
    if step == "train":
        eventually(lambda: training.attempts(name).get(step) == ["Running"], "Argo sees the training", seconds=300)
        time.sleep(RECENT)
    training.kubectl("delete", "pod", "--wait=false", pod["metadata"]["name"])
    if step == "train":
        MlflowClient().set_registered_model_tag(f"{training.namespace}-held", "go", "yes")
    return pod


def test_a_training_outlives_a_minute_without_the_registry(training: ScratchTraining, station: Station) -> None:
    name = training.submit(training.namespace)
    training.at_work(name, "train")
    with station.without("mlflow", "deployment/mlflow"):
        time.sleep(60)
    assert finish(training, name) == "Succeeded"
    (version,) = training.versions(name)
    staged = MlflowClient().get_model_version_by_alias(training.namespace, Alias.STAGING)
    assert staged.version == version.version
    assert version.tags[Tag.GATE] == "passed"


def test_a_failure_is_one_sentence_at_the_model_and_is_not_tried_again(training: ScratchTraining, broken: str) -> None:
    name = training.submit(broken)
    assert finish(training, name) == "Failed"
    assert training.attempts(name)["train"] == ["Failed"]
    said = MlflowClient().get_registered_model(broken).tags[FAILURE_TAG]
    assert said.startswith(f"{name}: ")
    assert "the train command must end with exit code 0, and ended with 1: no rows in the store" in said
    assert training.versions(name) == []


def test_a_failure_after_the_training_is_one_sentence_at_its_run(training: ScratchTraining) -> None:
    model = f"{training.namespace}-unmeasured"
    # Spelled so that no template has it: settings refuse it, and Argo would evaluate it in its own.
    fails = ["python3", "-c", "raise SystemExit('no rows held out ' + '{' * 2 + '=1+1' + '}' * 2)"]
    training.declare(model, EXAMPLE | {"evaluate": fails})
    name = training.submit(model)
    assert finish(training, name) == "Failed"
    found = training.workflow(name)
    (run,) = mlflow.search_runs(
        experiment_names=[model],
        filter_string=f"tags.`{RunTag.WORKFLOW_UID}` = '{found['metadata']['uid']}'",
        output_format="list",
    )
    # An expression in what the user's code says stays a text.
    wanted = "the evaluate command must end with exit code 0, and ended with 1: no rows held out {{=1+1}}"
    assert wanted in run.data.tags[FAILURE_TAG]
    nodes = found["status"]["nodes"].values()
    assert [each["outputs"] for each in nodes if "parameters" in each.get("outputs", {})] == []


def test_drift_trains_once_in_a_cooldown_and_what_is_refused_ends_as_skipped(
    training: ScratchTraining, broken: str
) -> None:
    first = training.submit(broken, **DRIFT, event_id="1" * 32)
    assert finish(training, first) == "Failed"
    assert training.attempts(first).keys() == {"cooldown", "train", "report-failure", "settle"}
    second = training.submit(broken, **DRIFT, event_id="2" * 32)
    assert finish(training, second) == "Succeeded"
    assert training.attempts(second) == {"cooldown": ["Succeeded"]}
