"""What runs in the pods of a training: commands, accounts, tokens, and how long."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contract import names, reference
from contract.commands import Cooldown
from contract.gate import Criterion, from_json
from loop.__main__ import MODULES
from loop.runtime.command import CRASHED
from policy.pods.workloads import containers, pods
from policy.rule import Resource, Stack
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from tests.components.arguments import training_args
from tests.components.given import LOOP_IMAGE, MODEL_IMAGE, kafka
from tests.components.training.built import build, environment, pod_templates, rules, spec, template, with_settings
from tests.program.mocks import Recording


def test_each_identity_may_do_what_its_step_does_and_nothing_more(recording: Recording) -> None:
    assert rules(recording) == {
        "recommender-train": [],
        "recommender-gate": [("workflows", ["list"])],
        "recommender-cooldown": [("leases", ["get", "create", "update"])],
        "recommender-rollout": [
            ("inferenceservices/recommender-staging", ["get", "patch"]),
            ("deployments", ["list"]),
            ("pods", ["list"]),
        ],
    }


def test_each_role_is_bound_to_the_account_of_its_name(recording: Recording) -> None:
    for binding in recording.of("RoleBinding"):
        name = binding.inputs["metadata"]["name"]
        assert binding.inputs["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": name,
        }
        assert binding.inputs["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "mlflow"}]


def test_the_user_s_code_runs_as_the_account_that_may_do_the_least(recording: Recording) -> None:
    accounts = {name: each.get("serviceAccountName") for name, each in pod_templates(recording).items()}
    assert spec(recording)["serviceAccountName"] == "recommender-train"
    assert {name: account for name, account in accounts.items() if account} == {
        "register": "recommender-gate",
        "report-failure": "recommender-gate",
        "cooldown": "recommender-cooldown",
        "settle": "recommender-cooldown",
        "canary": "recommender-rollout",
    }
    images = {name: each["container"]["image"] for name, each in pod_templates(recording).items()}
    assert {name for name, image in images.items() if image == MODEL_IMAGE} == {"train", "evaluate"}
    assert {image for name, image in images.items() if name not in ("train", "evaluate")} == {LOOP_IMAGE}


def test_only_the_executor_and_steps_that_call_the_api_see_a_token(recording: Recording) -> None:
    assert [each.inputs["automountServiceAccountToken"] for each in recording.of("ServiceAccount")] == [False] * 4
    built = pods("argoproj.io/WorkflowTemplate", recording.inputs("WorkflowTemplate"), Stack())
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    seen: dict[str, set[str]] = {}
    for name, pod in zip(pod_templates(recording), built, strict=True):
        mounts = {str(each["name"]): each.get("volumeMounts", []) for _, each in containers(pod)}
        seen[name] = {each for each, found in mounts.items() if folder in [mount["mountPath"] for mount in found]}
    executor = {"init", "wait"}
    calling = {name: executor | {"main"} for name in ("cooldown", "settle", "canary", "report-failure")}
    assert seen == dict.fromkeys(pod_templates(recording), executor) | calling


def test_each_step_names_its_whole_command(recording: Recording) -> None:
    entries = [each.entry() for each in MODULES]
    for each in pod_templates(recording).values():
        assert each["container"]["command"][:4] in entries


def test_the_commands_find_what_the_training_contract_lists(recording: Recording) -> None:
    for name in ("train", "evaluate"):
        listed = {variable for variable, where in reference.COMMANDS.items() if where in ("both", name)}
        by_the_step = {"MLFLOW_EXPERIMENT_NAME", names.Env.MODEL_URI}
        assert listed - by_the_step <= environment(recording, name).keys()


def test_the_user_s_image_is_called_by_its_two_commands_or_as_the_settings_say(recording: Recording) -> None:
    commands = {"train": ["python3", "-m", "churn"], "evaluate": ["python3", "-m", "churn", "--held-out"]}
    own = build(with_settings(commands=commands))
    for name, words in commands.items():
        assert template(recording, name)["container"]["command"][3:] == [name, "--", name]
        assert template(own, name)["container"]["command"][3:] == [name, "--", *words]


def test_the_cooldown_step_understands_its_command(recording: Recording) -> None:
    command = template(recording, "cooldown")["container"]["command"]
    given = Cooldown.parse(command[4:])
    assert (given.model, given.cooldown) == ("recommender", timedelta(hours=6))
    assert given.feature == "{{workflow.parameters.feature}}"
    assert given.event_id == "{{workflow.parameters.event_id}}"
    assert given.run == "{{workflow.uid}}"


def test_settings_reach_the_steps() -> None:
    found = build(with_settings(dataUri="s3://books/sales.csv", timeout="30m", parameters={"degree": 3}))
    for name in ("train", "evaluate"):
        assert environment(found, name)["ML_LOOP_DATA_URI"] == "s3://books/sales.csv"
        assert json.loads(environment(found, name)["ML_LOOP_PARAMETERS"]) == {"degree": 3}
        assert template(found, name)["activeDeadlineSeconds"] == 1800
        assert template(found, name)["container"]["resources"] == {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"memory": "2Gi"},
        }
    assert from_json(environment(found, "register")["ML_LOOP_GATE"]) == (Criterion(metric="auc", bound=0.7),)
    assert environment(found, "register")["ML_LOOP_IMAGE"] == MODEL_IMAGE


def test_a_run_may_wait_for_another_one_and_still_take_its_own_time(recording: Recording) -> None:
    """In order: train, two evaluations at once, register, a canary that rolls out; the cooldown before them."""
    hour, short = 3600, 600
    assert spec(recording)["activeDeadlineSeconds"] == 2 * (2 * hour + 3 * short + 60 + 2 * 300)


def retried(expression: str, status: str, code: int) -> bool:
    """What Argo would decide, for expressions of comparisons joined by `||`."""
    lasting = {"lastRetry.status": f"'{status}'", "lastRetry.exitCode": f"'{code}'"}
    for left, value in lasting.items():
        expression = expression.replace(left, value)
    terms = (term.split() for term in expression.split("||"))
    return any((left == right) is (operator == "==") for left, operator, right in terms)


def test_a_dead_pod_is_replaced_and_an_answer_is_final(recording: Recording) -> None:
    found = {name: each["retryStrategy"].get("expression") for name, each in pod_templates(recording).items()}
    assert {name for name, expression in found.items() if expression is None} == {
        "cooldown",
        "settle",
        "report-failure",
    }
    for name, expression in found.items():
        final = names.EXIT_VERDICT if name == "canary" else names.EXIT_FAILED
        for code in {names.EXIT_FAILED, names.EXIT_VERDICT, names.EXIT_TRY_AGAIN, CRASHED} if expression else ():
            assert retried(expression, "Failed", code) is (code != final)
            assert retried(expression, "Error", code)


def test_all_attempts_of_a_step_share_the_time_of_one(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        strategy = each["retryStrategy"]
        assert strategy["limit"] == 3
        assert strategy["backoff"]["maxDuration"] == f"{each['activeDeadlineSeconds']}s"


def test_containers_write_to_volumes_only(recording: Recording) -> None:
    volumes = spec(recording)["volumes"]
    assert volumes[:2] == [{"name": "tmp", "emptyDir": {}}, {"name": "output", "emptyDir": {}}]
    assert [each["name"] for each in volumes[2:]] == ["tracking-token"]
    for each in pod_templates(recording).values():
        assert each["container"]["securityContext"]["readOnlyRootFilesystem"] is True
        writable = [mount for mount in each["container"]["volumeMounts"] if not mount.get("readOnly")]
        mounts = {mount["name"]: mount["mountPath"] for mount in writable}
        assert mounts == {"tmp": "/tmp", "output": "/mnt/output"}  # noqa: S108  in the container


def test_every_step_says_to_mlflow_who_it_is_by_a_token_for_mlflow_only(recording: Recording) -> None:
    (token,) = [volume for volume in spec(recording)["volumes"] if volume["name"] == "tracking-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"] == {"path": "token", "audience": "mlflow", "expirationSeconds": 600}
    for name, each in pod_templates(recording).items():
        (mount,) = [mount for mount in each["container"]["volumeMounts"] if mount["name"] == "tracking-token"]
        assert environment(recording, name)["ML_LOOP_TRACKING_TOKEN_FILE"] == f"{mount['mountPath']}/token"


def refusals(manifest: Mapping[str, Any]) -> list[str]:
    """What Pod Security restricted refuses, under a controller whose config says nothing."""
    resource = Resource(manifest)
    return [violation.message for violation in RESTRICTED_OPERATED_PODS.check(resource, Stack((resource,)))]


def test_every_pod_passes_restricted_under_a_controller_that_restricts_nothing(recording: Recording) -> None:
    manifest = recording.inputs("WorkflowTemplate")
    built = list(pods("argoproj.io/WorkflowTemplate", manifest, Stack()))
    assert len(built) == len(pod_templates(recording)) == 7
    assert {str(each["name"]) for pod in built for _, each in containers(pod)} == {"init", "wait", "main"}
    assert refusals(manifest) == []


def test_without_the_patch_the_executor_would_be_refused(recording: Recording) -> None:
    manifest = recording.inputs("WorkflowTemplate")
    bare = {**manifest, "spec": {key: value for key, value in manifest["spec"].items() if key != "podSpecPatch"}}
    refused = {container for message in refusals(bare) for container in re.findall(r'container "(\w+)"', message)}
    assert refused == {"init", "wait"}


def test_only_the_canary_reaches_the_servers(recording: Recording) -> None:
    policy = recording.inputs("NetworkPolicy", "training-canary")["spec"]
    (rule,) = policy["egress"]
    assert [port["port"] for port in rule["ports"]] == [8080]
    labels = {
        name: {**spec(recording)["podMetadata"]["labels"], **each["metadata"]["labels"]}
        for name, each in pod_templates(recording).items()
    }
    wanted = policy["podSelector"]["matchLabels"]
    assert [name for name, found in labels.items() if wanted.items() <= found.items()] == ["canary"]


def test_the_canary_watches_the_staged_version_beside_production(recording: Recording) -> None:
    command = template(recording, "canary")["container"]["command"]
    assert command == [
        *("python3", "-m", "loop", "canary"),
        "--namespace=mlflow",
        "--model=recommender",
        "--version={{inputs.parameters.version}}",
        "--staging=recommender-staging",
        "--production=recommender-production",
        "--timeout=300",
        "--watch=60",
        "--max-error-rate=0.01",
        "--max-latency-ratio=1.5",
        "--max-prediction-shift=0.5",
    ]
    ports = recording.inputs("NetworkPolicy", "training-canary")["spec"]["egress"][0]["to"]
    assert [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in ports] == [
        "staging",
        "production",
    ]


def test_the_canary_alone_reads_predictions_from_kafka(recording: Recording) -> None:
    found = build(replace(training_args(), kafka=kafka().access))
    assert "KAFKA_BOOTSTRAP_SERVERS" not in environment(recording, "canary")
    reading = [name for name in pod_templates(found) if "KAFKA_BOOTSTRAP_SERVERS" in environment(found, name)]
    assert reading == ["canary"]
    assert template(found, "canary")["metadata"]["labels"]["ml-loop.dev/client-of-kafka"] == "true"


def recipes(recording: Recording) -> set[str]:
    env = [template(recording, name)["container"]["env"] for name in ("train", "evaluate", "register")]
    return {each["value"] for one in env for each in one if each["name"] == "ML_LOOP_RECIPE"}


@pytest.mark.parametrize(
    ("changed", "another"),
    [
        ({}, False),
        ({"timeout": "30m"}, False),
        ({"gate": {"metric": "auc", "minimum": 0.8}}, False),
        ({"commands": {"train": ["train"], "evaluate": ["python3", "-m", "churn"]}}, False),
        ({"commands": {"train": ["python3", "-m", "churn"], "evaluate": ["evaluate"]}}, True),
        ({"parameters": {"degree": 3}}, True),
        ({"dataUri": "s3://books/sales.csv"}, True),
        ({"env": {"OMP_NUM_THREADS": "4"}}, True),
        ({"secrets": {"DB_PASSWORD": {"name": "churn-db", "key": "password"}}}, True),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_recipe_is_what_a_model_is_made_of_besides_its_rows(changed: dict[str, object], another: bool) -> None:
    (before,), (after,) = recipes(build(with_settings())), recipes(build(with_settings(**changed)))
    assert (before != after) == another
