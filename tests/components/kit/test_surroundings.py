"""What the settings say of a model's surroundings, as its pods have it."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from components.serving.promotion import Promotion
from components.serving.serving import Serving
from components.training.training import Training, TrainingArgs
from policy.rule import Resource, Stack
from policy.rules import RULES
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from policy.violation import Violation
from settings.model import Serving as ServingSettings
from settings.model import Training as TrainingSettings
from tests.components.arguments import TRAINING, promotion_args, serving_args, training_args
from tests.components.given import providers
from tests.program.mocks import Recording, record

AROUND: dict[str, Any] = {
    "env": {"OMP_NUM_THREADS": 4, "PRICE": "$(HOME) 5$"},
    "secrets": {"DB_PASSWORD": {"name": "db", "key": "password"}},
    "accelerator": {"resource": "example.com/odd_gpu", "count": 2},
    "nodeSelector": {"gpu_kind": "a100"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "team", "value": "ml", "effect": "NoSchedule"}],
    "sharedMemory": "512Mi",
    "ephemeralStorage": "20Gi",
    "egress": [
        {"cidr": "10.0.0.7", "ports": [5432]},
        {"namespace": "data", "ports": [9000]},
        {"namespace": "data", "podLabels": {"app": "db"}, "ports": [5432, 5433]},
        {"podLabels": {"app": "cache"}, "ports": [6379]},
    ],
}
TOLERATED = [
    {"key": "gpu", "operator": "Exists"},
    {"key": "team", "operator": "Equal", "value": "ml", "effect": "NoSchedule"},
]
DATA = {"kubernetes.io/metadata.name": "data"}
CALLED = [
    ([5432], {"ipBlock": {"cidr": "10.0.0.7/32"}}),
    ([9000], {"namespaceSelector": {"matchLabels": DATA}}),
    ([5432, 5433], {"podSelector": {"matchLabels": {"app": "db"}}, "namespaceSelector": {"matchLabels": DATA}}),
    ([6379], {"podSelector": {"matchLabels": {"app": "cache"}}}),
]
USER_STEPS = ("train", "evaluate")


def trained(**settings: Any) -> Recording:
    training = TrainingSettings.model_validate(TRAINING | AROUND | settings)
    args: TrainingArgs = replace(training_args(), training=training, image_pull_secrets=("registry",))
    return record(lambda: Training("training", args, providers()))


def served() -> Recording:
    settings = ServingSettings.model_validate(AROUND | {"startTimeout": "30m", "maxBodyBytes": 7, "maxRows": 3})
    args = replace(serving_args(), settings=settings, image_pull_secrets=("registry",))
    return record(lambda: Serving("it", args, providers()))


def templates(recording: Recording) -> dict[str, dict[str, Any]]:
    found = recording.inputs("WorkflowTemplate")["spec"]["templates"]
    return {each["name"]: each for each in found if "container" in each}


def predictor(recording: Recording) -> dict[str, Any]:
    return recording.inputs("InferenceService", "it-staging")["spec"]["predictor"]


def pod(recording: Recording) -> dict[str, Any]:
    return recording.inputs("ServingRuntime")["spec"]


def containers() -> list[dict[str, Any]]:
    """Each container that runs the model's code."""
    steps = templates(trained())
    return [*(steps[name]["container"] for name in USER_STEPS), *pod(served())["containers"]]


def test_the_model_s_code_finds_its_variables_as_they_were_written() -> None:
    for container in containers():
        env = {each["name"]: each for each in container["env"]}
        assert env["OMP_NUM_THREADS"]["value"] == "4"
        assert env["PRICE"]["value"] == "$$(HOME) 5$$"  # the kubelet makes one dollar of two
        assert env["DB_PASSWORD"]["valueFrom"] == {"secretKeyRef": {"name": "db", "key": "password"}}


def test_devices_and_disk_are_asked_for_beside_cpu_and_memory() -> None:
    for container in containers():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        for amounts in (requests, limits):
            assert amounts["example.com/odd_gpu"] == "2"
            assert amounts["ephemeral-storage"] == "20Gi"
            assert "memory" in amounts


def test_shared_memory_is_memory() -> None:
    steps = templates(trained())
    for holder in (*(steps[name] for name in USER_STEPS), pod(served())):
        (volume,) = [each for each in holder["volumes"] if each["name"] == "shared-memory"]
        assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "512Mi"}
    for container in containers():
        assert {"name": "shared-memory", "mountPath": "/dev/shm"} in container["volumeMounts"]  # noqa: S108  in the container


def test_the_pods_choose_their_nodes() -> None:
    steps = templates(trained())
    for holder in (*(steps[name] for name in USER_STEPS), predictor(served())):
        assert holder["nodeSelector"] == {"gpu_kind": "a100"}
        assert holder["tolerations"] == TOLERATED


def test_the_image_is_pulled_with_the_model_s_secrets() -> None:
    workflow = trained().inputs("WorkflowTemplate")["spec"]
    for holder in (workflow, predictor(served())):
        assert holder["imagePullSecrets"] == [{"name": "registry"}]


def test_the_loop_s_own_steps_find_none_of_it() -> None:
    for name, template in templates(trained()).items():
        if name not in USER_STEPS:
            assert not {"nodeSelector", "tolerations"} & template.keys()
            assert "DB_PASSWORD" not in {each["name"] for each in template["container"]["env"]}
            assert "example.com/odd_gpu" not in template["container"]["resources"]["limits"]


@pytest.mark.parametrize("step", USER_STEPS)
def test_a_step_of_the_model_s_code_calls_whom_it_may(step: str) -> None:
    recording = trained()
    policy = recording.inputs("NetworkPolicy", f"training-{step}")["spec"]
    labelled = (
        recording.inputs("WorkflowTemplate")["spec"]["podMetadata"]["labels"]
        | templates(recording)[step]["metadata"]["labels"]
    )
    assert called(policy) == CALLED
    assert policy["podSelector"]["matchLabels"].items() <= labelled.items()


def test_servers_call_whom_they_may() -> None:
    assert called(served().inputs("NetworkPolicy")["spec"])[-len(CALLED) :] == CALLED


def called(policy: dict[str, Any]) -> list[tuple[list[int], Any]]:
    """Ports and the peer of each egress rule."""
    return [
        ([port["port"] for port in rule["ports"]], rule["to"][0] if "to" in rule else None) for rule in policy["egress"]
    ]


def test_evaluate_has_resources_of_its_own_where_the_settings_say_so() -> None:
    wanted = {"requests": {"cpu": "4", "memory": "3Gi"}, "limits": {"memory": "9Gi"}}
    steps = templates(trained(evaluateResources=wanted))
    assert steps["evaluate"]["container"]["resources"]["limits"]["memory"] == "9Gi"
    assert steps["train"]["container"]["resources"]["limits"]["memory"] == "2Gi"


def test_a_large_model_has_the_time_that_the_settings_give_it() -> None:
    (server,) = pod(served())["containers"]
    probe = server["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 30 * 60
    assert {"--max_body_bytes=7", "--max_rows=3"} <= set(server["args"])


def test_a_rollout_waits_as_long_as_a_server_may_take_to_start() -> None:
    args = replace(training_args(), rollout_timeout=timedelta(minutes=30))
    slow, usual = record(lambda: Training("training", args, providers())), trained()
    found = templates(slow)["canary"]
    assert "--timeout=1800" in found["container"]["command"]
    assert found["activeDeadlineSeconds"] > 2 * 1800
    assert "--timeout=300" in templates(usual)["canary"]["container"]["command"]
    deadlines = [each.inputs("WorkflowTemplate")["spec"]["activeDeadlineSeconds"] for each in (usual, slow)]
    assert deadlines[1] - deadlines[0] >= 2 * (1800 - 300)


def test_a_promotion_waits_as_long_there_and_back() -> None:
    args = replace(promotion_args(), rollout_timeout=timedelta(minutes=30))
    job = record(lambda: Promotion("it", args, providers())).inputs("Job")["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert "--timeout=1800" in container["args"]
    assert job["activeDeadlineSeconds"] > 2 * 1800


def test_a_training_s_pods_stay_restricted() -> None:
    resource = Resource(trained().inputs("WorkflowTemplate"))
    assert list(RESTRICTED_OPERATED_PODS.check(resource, Stack((resource,)))) == []


def test_the_policy_pack_finds_nothing_that_it_would_not_find_without_surroundings() -> None:
    plain = (
        record(lambda: Training("training", training_args(), providers())),
        record(lambda: Serving("it", serving_args(), providers())),
    )
    for before, after in zip(plain, (trained(), served()), strict=True):
        assert anonymous(violations(after)) == anonymous(violations(before))


def anonymous(found: list[Violation]) -> list[Violation]:
    """Without the hash in the name of a training's template, which is of all that stands in it."""
    return [replace(each, object=re.sub(r"-train-[0-9a-f]{8}$", "-train", each.object)) for each in found]


def violations(recording: Recording) -> list[Violation]:
    """Those of all objects, none of whose namespaces are there; sorted, as objects are registered in no fixed order."""
    made = tuple(Resource(each.inputs) for each in recording.resources if "kind" in each.inputs)
    return sorted(
        (found for rule in RULES for resource in made for found in rule.check(resource, Stack(made))), key=str
    )
