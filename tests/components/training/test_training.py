"""The training workflow: its order, its limits, its retries, and what its identities may do."""

import json
import re
from dataclasses import replace
from datetime import timedelta

from components.training.steps import PARAMETERS
from contract import names
from contract.gate import Criterion, Direction, Slices, from_json
from tests.components.arguments import training_args
from tests.components.training.built import build, environment, pod_templates, rules, spec, template, with_settings
from tests.program.mocks import Recording


def named(recording: Recording) -> str:
    """The template's name."""
    return recording.inputs("WorkflowTemplate")["metadata"]["name"]


def steps(recording: Recording, name: str) -> list[dict[str, str | None]]:
    """What each group of a template's steps calls: step → its condition."""
    return [{step["name"]: step.get("when") for step in group} for group in template(recording, name)["steps"]]


def arguments(recording: Recording, group: int, step: int) -> dict[str, str]:
    called = template(recording, "pipeline")["steps"][group][step]
    return {each["name"]: each["value"] for each in called["arguments"]["parameters"]}


def test_the_pipeline_goes_from_train_to_staging_and_rolls_out_what_passed(recording: Recording) -> None:
    passed = "{{steps.register.outputs.parameters.gate}} == passed"
    assert steps(recording, "pipeline") == [
        {"train": None},
        {"evaluate": None, "evaluate-production": None},
        {"register": None},
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
    assert tuple(given) == PARAMETERS == ("trigger", "feature", "p_value", "event_id", "evidence")
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
    r"workflow\.(name|uid|namespace|status|parameters\.(trigger|feature|p_value|event_id|evidence))|pod\.name|status"
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


def test_a_candidate_is_told_what_its_servers_have() -> None:
    found = build(replace(training_args(), serving=True, server_memory=2**30, rollout_timeout=timedelta(minutes=7)))
    assert environment(found, "train")["ML_LOOP_SERVER_MEMORY"] == str(2**30)
    assert environment(found, "train")["ML_LOOP_SERVER_SECONDS"] == "420"
    assert "ML_LOOP_SERVER_SECONDS" not in environment(found, "evaluate")


def test_the_gate_s_slices_reach_both_steps_with_what_the_metric_says(recording: Recording) -> None:
    gate = {"metric": "auc", "minimum": 0.8, "tolerance": 0.05, "slices": {"by": ["region"], "minRows": 30}}
    found = build(with_settings(gate=gate))
    for name in ("evaluate", "register"):
        asked = Slices.from_json(environment(found, name)["ML_LOOP_SLICES"])
        assert asked == Slices(by=("region",), metric="auc", tolerance=0.05, min_rows=30)
        assert "ML_LOOP_SLICES" not in environment(recording, name)


def test_whoever_was_granted_settles_its_cooldown_at_the_end_however_it_ended(recording: Recording) -> None:
    granted = "{{= (workflow.outputs?.parameters?.granted ?? '') == 'true' }}"
    assert [each["settle"] for each in steps(recording, "exit")] == [granted]
    output, _ = template(recording, "cooldown")["outputs"]["parameters"]
    assert output["globalName"] == "granted"
    told = {"--run={{workflow.uid}}", "--workflow={{workflow.name}}", "--status={{workflow.status}}"}
    assert told <= set(template(recording, "settle")["container"]["command"])


def test_the_controller_evaluates_one_expression_and_no_text_of_a_user_s_code(recording: Recording) -> None:
    """What it evaluates may allocate what it likes in the controller: `{{=sprig.repeat(2000000000, "A")}}`."""
    evaluated = re.findall(r"\{\{=.*?\}\}", json.dumps(spec(recording)))
    assert evaluated == ["{{= (workflow.outputs?.parameters?.granted ?? '') == 'true' }}"]
    handed_on = {name: each["outputs"] for name, each in pod_templates(recording).items() if "outputs" in each}
    assert handed_on.keys() == {"cooldown", "register"}, "the loop's own commands in the loop's own image"


def test_without_retraining_there_is_no_cooldown_and_no_right_to_leases() -> None:
    found = build(replace(training_args(), cooldown=None))
    assert steps(found, "main") == [{"pipeline": None}]
    assert not pod_templates(found).keys() & {"cooldown", "settle"}
    assert steps(found, "exit") == [{"record": "{{workflow.status}} != Succeeded"}]
    assert rules(found).keys() == {"recommender-train", "recommender-gate", "recommender-rollout"}


def test_a_model_that_is_not_served_is_not_rolled_out() -> None:
    found = build(replace(training_args(), serving=False))
    assert not any("canary" in group for group in steps(found, "pipeline"))
    assert "canary" not in pod_templates(found)
    assert rules(found).keys() == {"recommender-train", "recommender-gate", "recommender-cooldown"}


def test_finished_workflows_and_pods_go_and_failed_pods_stay_with_their_workflow(recording: Recording) -> None:
    assert spec(recording)["ttlStrategy"] == {"secondsAfterSuccess": 86400, "secondsAfterFailure": 604800}
    assert spec(recording)["podGC"] == {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"}


def test_the_schedule_starts_the_template_and_says_why(recording: Recording) -> None:
    assert recording.inputs("CronWorkflow")["spec"] == {
        "schedules": ["0 3 * * *"],
        "timezone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "workflowMetadata": {"labels": {"ml-loop.dev/model": "recommender"}},
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
        "submit": (
            f"argo submit --from workflowtemplate/{named(recording)} -n mlflow -l ml-loop.dev/model=recommender --wait"
        ),
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
    entries = {each.name: each.inputs["spec"]["entrypoint"] for each in found}
    assert (entries.pop("training-template-0a1b2c3d"), entries.pop("training-template")) == ("old", "oldest")
    assert list(entries.values()) == ["main"]


def test_the_current_template_is_made_once_where_something_runs_by_it(recording: Recording) -> None:
    earlier = {named(recording): {"entrypoint": "as the cluster has it"}}
    assert spec(build(replace(training_args(), earlier=earlier)))["entrypoint"] == "main"


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
