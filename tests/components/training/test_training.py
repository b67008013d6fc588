"""The training workflow: its order, its limits, its retries, and what its identities may do."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pulumi import Output
from pulumi.runtime import rpc

from components.training.steps import PARAMETERS
from components.training.training import Training, TrainingArgs, accounts
from contract import names, reference
from contract.commands import Cooldown
from contract.gate import Criterion, Direction, from_json
from loop.__main__ import MODULES
from policy.pods import containers, pods
from policy.rule import Resource, Stack
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from settings.model import Training as TrainingSettings
from tests.components.table import LOOP_IMAGE, MODEL_IMAGE, TRAINING, bucket, kafka, providers, training_args
from tests.program.mocks import Recording, record


def build(args: TrainingArgs) -> Recording:
    return record(lambda: Training("training", args, providers()))


def with_settings(**settings: Any) -> TrainingArgs:
    """The arguments with other settings of the training."""
    return replace(training_args(), training=TrainingSettings.model_validate(TRAINING | settings))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(training_args())


def named(recording: Recording) -> str:
    """The template's name."""
    return recording.inputs("WorkflowTemplate")["metadata"]["name"]


def spec(recording: Recording) -> dict[str, Any]:
    return recording.inputs("WorkflowTemplate")["spec"]


def template(recording: Recording, name: str) -> dict[str, Any]:
    (found,) = [each for each in spec(recording)["templates"] if each["name"] == name]
    return found


def steps(recording: Recording, name: str) -> list[dict[str, str | None]]:
    """What each group of a template's steps calls: step → its condition."""
    return [{step["name"]: step.get("when") for step in group} for group in template(recording, name)["steps"]]


def pod_templates(recording: Recording) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in spec(recording)["templates"] if "container" in each}


def environment(recording: Recording, name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in template(recording, name)["container"]["env"]}


def arguments(recording: Recording, group: int, step: int) -> dict[str, str]:
    called = template(recording, "pipeline")["steps"][group][step]
    return {each["name"]: each["value"] for each in called["arguments"]["parameters"]}


def rules(recording: Recording) -> dict[str, list[tuple[str, list[str]]]]:
    """Role → what it may do, besides what every step needs."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for role in recording.of("Role"):
        results, *others = role.inputs["rules"]
        assert results == {
            "apiGroups": ["argoproj.io"],
            "resources": ["workflowtaskresults"],
            "verbs": ["create", "patch"],
        }
        found[role.inputs["metadata"]["name"]] = [
            ("/".join([*rule["resources"], *rule.get("resourceNames", [])]), rule["verbs"]) for rule in others
        ]
    return found


def test_the_pipeline_goes_from_train_to_staging_and_rolls_out_what_passed(recording: Recording) -> None:
    passed = "{{steps.register.outputs.parameters.gate}} == passed"
    assert steps(recording, "pipeline") == [
        {"train": None},
        {"evaluate": None, "evaluate-production": None},
        {"register": None},
        {"promote-to-staging": passed},
        {"rollout": passed},
        {"canary": passed},
    ]


def test_drift_asks_the_cooldown_first_and_nothing_else_does(recording: Recording) -> None:
    assert steps(recording, "main") == [
        {
            "after-cooldown": "{{workflow.parameters.trigger}} == drift",
            "pipeline": "{{workflow.parameters.trigger}} != drift",
        }
    ]
    granted = "{{steps.cooldown.outputs.parameters.granted}} == true"
    assert steps(recording, "after-cooldown") == [{"cooldown": None}, {"pipeline": granted}]


def test_only_granted_runs_wait_for_the_model_s_mutex(recording: Recording) -> None:
    locked = {
        each["name"]: each["synchronization"] for each in spec(recording)["templates"] if "synchronization" in each
    }
    assert locked == {"pipeline": {"mutexes": [{"name": "recommender-train"}]}}
    assert "synchronization" not in spec(recording)


def test_a_failed_run_is_recorded_by_the_exit_handler(recording: Recording) -> None:
    assert spec(recording)["onExit"] == "exit"
    assert steps(recording, "exit")[0]["record"] == "{{workflow.status}} != Succeeded"
    found = environment(recording, "report-failure")
    assert (found["ML_LOOP_WORKFLOW"], found["ML_LOOP_WORKFLOW_UID"]) == ("{{workflow.name}}", "{{workflow.uid}}")


def test_a_run_is_told_its_trigger_and_the_drift_event(recording: Recording) -> None:
    given = {each["name"]: each for each in spec(recording)["arguments"]["parameters"]}
    assert tuple(given) == PARAMETERS == ("trigger", "feature", "p_value", "event_id")
    assert given["trigger"]["value"] == "manual"
    assert given["trigger"]["enum"] == list(names.Trigger)
    found = environment(recording, "register")
    assert {name: found[f"ML_LOOP_{name.upper()}"] for name in PARAMETERS} == {
        name: f"{{{{workflow.parameters.{name}}}}}" for name in PARAMETERS
    }


def test_nothing_of_a_pod_with_the_user_s_code_is_handed_on_by_argo(recording: Recording) -> None:
    """Its executor would read a file that the code may have made a link, and its controller what is in it."""
    for name in ("train", "evaluate"):
        assert "outputs" not in template(recording, name)
    assert arguments(recording, 1, 0) == {"measured": "candidate"}
    assert arguments(recording, 1, 1) == {"measured": "production"}
    assert "arguments" not in template(recording, "pipeline")["steps"][2][0]
    assert arguments(recording, 3, 0) == {"version": "{{steps.register.outputs.parameters.version}}"}


KNOWN = re.compile(
    r"workflow\.(name|uid|namespace|status|parameters\.(trigger|feature|p_value|event_id))|pod\.name|status"
    r"|steps\.register\.outputs\.parameters\.(version|gate)|(steps\.cooldown\.)?outputs\.parameters\.granted"
    r"|inputs\.parameters\.(version|measured)|= \(workflow\.outputs\?\.parameters\?\.granted \?\? ''\) == 'true' "
)
"""Of everything that Argo may fill in: names, what a trigger says, and what the loop's own steps leave."""


def test_argo_fills_in_and_evaluates_what_is_the_loop_s_own(recording: Recording) -> None:
    found = re.findall(r"\{\{(.*?)\}\}", json.dumps(spec(recording)))
    assert [each for each in found if not KNOWN.fullmatch(each)] == []


def test_a_gate_on_the_minimum_alone_measures_the_candidate_alone() -> None:
    gate = {"metric": "auc", "minimum": 0.8, "notWorseThan": None}
    found = build(with_settings(gate=gate))
    assert steps(found, "pipeline")[1] == {"evaluate": None}
    assert environment(found, "register")["ML_LOOP_BASELINE"] == ""
    assert from_json(environment(found, "register")["ML_LOOP_GATE"]) == (Criterion(metric="auc", bound=0.8),)


def test_each_metric_of_the_gate_reaches_the_steps_that_measure_and_decide() -> None:
    metrics = [
        {"metric": "auc", "minimum": 0.8},
        {"metric": "rmse", "direction": "lower", "maximum": 3, "tolerance": 1},
    ]
    found = build(with_settings(gate={"metrics": metrics}))
    for name in ("evaluate", "register"):
        assert from_json(environment(found, name)["ML_LOOP_GATE"]) == (
            Criterion(metric="auc", bound=0.8),
            Criterion(metric="rmse", bound=3, direction=Direction.LOWER, tolerance=1),
        )


def test_whoever_was_granted_settles_its_cooldown_at_the_end_however_it_ended(recording: Recording) -> None:
    granted = "{{= (workflow.outputs?.parameters?.granted ?? '') == 'true' }}"
    assert [each["settle"] for each in steps(recording, "exit")] == [granted]
    (output,) = template(recording, "cooldown")["outputs"]["parameters"]
    assert output["globalName"] == "granted"
    told = {"--run={{workflow.uid}}", "--workflow={{workflow.name}}", "--status={{workflow.status}}"}
    assert told <= set(template(recording, "settle")["container"]["command"])


def test_without_retraining_there_is_no_cooldown_and_no_right_to_leases() -> None:
    found = build(replace(training_args(), cooldown=None))
    assert steps(found, "main") == [{"pipeline": None}]
    assert not pod_templates(found).keys() & {"cooldown", "settle"}
    assert steps(found, "exit") == [{"record": "{{workflow.status}} != Succeeded"}]
    assert rules(found).keys() == {"recommender-train", "recommender-gate", "recommender-rollout"}


def test_a_model_that_is_not_served_is_not_rolled_out() -> None:
    found = build(replace(training_args(), serving=False))
    assert {"rollout": None} not in steps(found, "pipeline")
    assert "rollout" not in pod_templates(found)
    assert rules(found).keys() == {"recommender-train", "recommender-gate", "recommender-cooldown"}


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
        "promote-to-staging": "recommender-gate",
        "report-failure": "recommender-gate",
        "cooldown": "recommender-cooldown",
        "settle": "recommender-cooldown",
        "rollout": "recommender-rollout",
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
    calling = {name: executor | {"main"} for name in ("cooldown", "settle", "rollout", "canary", "report-failure")}
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


def test_the_rollout_step_rolls_staging(recording: Recording) -> None:
    assert template(recording, "rollout")["container"]["command"][3:] == [
        "rollout",
        "--namespace=mlflow",
        "--service=recommender-staging",
        "--model=recommender",
        "--alias=staging",
        "--timeout=300",
    ]


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
    """In order: train, two evaluations at once, register, stage, rollout, canary; the cooldown before them."""
    hour, short = 3600, 600
    assert spec(recording)["activeDeadlineSeconds"] == 2 * (2 * hour + 5 * short + 60)


def test_a_dead_pod_is_replaced_and_an_answer_is_final(recording: Recording) -> None:
    died = "lastRetry.status == 'Error' || lastRetry.exitCode != '1'"
    found = {name: each["retryStrategy"].get("expression") for name, each in pod_templates(recording).items()}
    unconditional = {"cooldown", "settle", "report-failure"}
    assert {name for name, expression in found.items() if expression is None} == unconditional
    assert found.pop("canary") == f"lastRetry.status == 'Error' || lastRetry.exitCode != '{names.EXIT_VERDICT}'"
    assert {expression for name, expression in found.items() if name not in unconditional} == {died}


def test_all_attempts_of_a_step_share_the_time_of_one(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        strategy = each["retryStrategy"]
        assert strategy["limit"] == 3
        assert strategy["backoff"]["maxDuration"] == f"{each['activeDeadlineSeconds']}s"


def test_finished_workflows_and_pods_go_and_failed_pods_stay_with_their_workflow(recording: Recording) -> None:
    assert spec(recording)["ttlStrategy"] == {"secondsAfterSuccess": 86400, "secondsAfterFailure": 604800}
    assert spec(recording)["podGC"] == {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"}


def test_each_step_s_log_goes_to_a_folder_of_its_own_when_it_has_ended(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        assert each["archiveLocation"] == {
            "archiveLogs": True,
            "s3": {
                "endpoint": "s3.example.com",
                "insecure": False,
                "region": "us-east-1",
                "bucket": "artifacts",
                "key": "logs/recommender/{{workflow.name}}/{{pod.name}}",
                "accessKeySecret": {"name": "s3", "key": "access-key-id"},
                "secretKeySecret": {"name": "s3", "key": "secret-access-key"},
            },
        }


def test_a_store_without_tls_is_spoken_to_without_it() -> None:
    plain = replace(bucket(), endpoint=Output.from_input("http://s3.mlflow.svc.cluster.local:7070"))
    place = template(build(replace(training_args(), logs=plain)), "train")["archiveLocation"]["s3"]
    assert (place["endpoint"], place["insecure"]) == ("s3.mlflow.svc.cluster.local:7070", True)


def test_a_bucket_that_only_the_update_will_know_hides_no_pod_from_the_policy_pack() -> None:
    def settled(value: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    def program() -> None:
        unknown: Output[str] = Output(set(), settled(None), settled(False))
        Training("training", replace(training_args(), logs=replace(bucket(), name=unknown)), providers())

    found = record(program)
    assert template(found, "train")["archiveLocation"]["s3"]["bucket"] == rpc.UNKNOWN
    assert template(found, "train")["container"] == template(build(training_args()), "train")["container"]


def test_the_store_lets_every_step_in_and_every_step_may_go_there(recording: Recording) -> None:
    client = {"ml-loop.dev/client-of-s3": "true"}
    assert client.items() <= spec(recording)["podMetadata"]["labels"].items()
    policy = recording.inputs("NetworkPolicy", "training-steps")["spec"]
    assert [{"port": 443, "protocol": "TCP"}] in [rule["ports"] for rule in policy["egress"]]


def test_the_user_s_code_sees_no_key_of_the_store(recording: Recording) -> None:
    for each in pod_templates(recording).values():
        assert "s3" not in json.dumps(each["container"])
    assert "secret" not in json.dumps(spec(recording)["volumes"])


def test_without_a_bucket_for_logs_they_stay_with_their_pods() -> None:
    found = build(replace(training_args(), logs=None))
    assert [each for each in spec(found)["templates"] if "archiveLocation" in each] == []
    (account,) = [each for each in found.of("ServiceAccount") if each.name == "training-account"]
    assert "annotations" not in account.inputs["metadata"]


def test_every_account_that_a_step_runs_as_is_one_that_may_log(recording: Recording) -> None:
    made = {each.inputs["metadata"]["name"] for each in recording.of("ServiceAccount")}
    assert made == set(accounts("recommender", cooldown=True, serving=True))
    alone = build(replace(training_args(), cooldown=None, serving=False))
    made = {each.inputs["metadata"]["name"] for each in alone.of("ServiceAccount")}
    assert made == set(accounts("recommender", cooldown=False, serving=False))


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
    assert len(built) == len(pod_templates(recording)) == 9
    assert {str(each["name"]) for pod in built for _, each in containers(pod)} == {"init", "wait", "main"}
    assert refusals(manifest) == []


def test_without_the_patch_the_executor_would_be_refused(recording: Recording) -> None:
    manifest = recording.inputs("WorkflowTemplate")
    bare = {**manifest, "spec": {key: value for key, value in manifest["spec"].items() if key != "podSpecPatch"}}
    refused = {container for message in refusals(bare) for container in re.findall(r'container "(\w+)"', message)}
    assert refused == {"init", "wait"}


def test_the_schedule_starts_the_template_and_says_why(recording: Recording) -> None:
    assert recording.inputs("CronWorkflow")["spec"] == {
        "schedules": ["0 3 * * *"],
        "timezone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "workflowSpec": {
            "workflowTemplateRef": {"name": named(recording)},
            "arguments": {"parameters": [{"name": "trigger", "value": "schedule"}]},
        },
    }


def test_a_model_without_schedule_has_none() -> None:
    assert build(with_settings(schedule=None)).of("CronWorkflow") == []


def test_outputs_are_the_template_and_how_to_submit_it(recording: Recording) -> None:
    assert recording.only("Training").outputs == {
        "template": named(recording),
        "submit": f"argo submit --from workflowtemplate/{named(recording)} -n mlflow --wait",
    }


def test_another_content_is_another_template_and_the_same_content_the_same(recording: Recording) -> None:
    assert re.fullmatch("recommender-train-[0-9a-f]{8}", named(recording))
    assert named(build(training_args())) == named(recording)
    others = [
        named(build(args))
        for args in (
            with_settings(timeout="2h"),
            with_settings(parameters={"depth": 3}),
            replace(training_args(), image=f"registry.example.com/other@sha256:{64 * '1'}"),
            replace(training_args(), loop_image=f"registry.example.com/loop@sha256:{64 * '1'}"),
            replace(training_args(), cooldown=None),
        )
    ]
    assert len({named(recording), *others}) == 6


def test_a_template_that_something_runs_by_stays_as_it_is_beside_the_current_one(recording: Recording) -> None:
    earlier = {"recommender-train-0a1b2c3d": {"entrypoint": "old"}, "recommender-train": {"entrypoint": "oldest"}}
    found = build(replace(training_args(), earlier=earlier)).of("WorkflowTemplate")
    assert {each.name: each.inputs["metadata"]["name"] for each in found} == {
        "training-template-0a1b2c3d": "recommender-train-0a1b2c3d",
        "training-template": "recommender-train",
        f"training-template{named(recording).removeprefix('recommender-train')}": named(recording),
    }
    assert [each.inputs["spec"]["entrypoint"] for each in found] == ["old", "oldest", "main"]


def test_the_current_template_is_made_once_where_something_runs_by_it(recording: Recording) -> None:
    earlier = {named(recording): {"entrypoint": "as the cluster has it"}}
    assert spec(build(replace(training_args(), earlier=earlier)))["entrypoint"] == "main"


def test_only_the_rollout_reaches_the_servers(recording: Recording) -> None:
    policy = recording.inputs("NetworkPolicy", "training-rollout")["spec"]
    (rule,) = policy["egress"]
    assert [port["port"] for port in rule["ports"]] == [8080]
    labels = {
        name: {**spec(recording)["podMetadata"]["labels"], **each["metadata"]["labels"]}
        for name, each in pod_templates(recording).items()
    }
    wanted = policy["podSelector"]["matchLabels"]
    assert [name for name, found in labels.items() if wanted.items() <= found.items()] == ["rollout"]


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


def test_the_controller_counts_trainings_cooldowns_and_canaries(recording: Recording) -> None:
    owners = [spec(recording), template(recording, "cooldown"), template(recording, "canary")]
    counted = [metric for owner in owners for metric in owner["metrics"]["prometheus"]]
    assert {each["name"]: [label["key"] for label in each["labels"]] for each in counted} == {
        "ml_loop_trainings_total": ["namespace", "model", "trigger", "status"],
        "ml_loop_cooldowns_total": ["namespace", "model", "feature", "granted"],
        "ml_loop_canaries_total": ["namespace", "model", "status"],
    }
    # Argo refuses a metric that it knows with another help text, such as another model's.
    assert [each["help"] for each in counted if "recommender" in each["help"]] == []
