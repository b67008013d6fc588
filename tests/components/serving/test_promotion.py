"""The Job that puts a version into production: when it counts as failed, what it may do, and what waits for it."""

from dataclasses import replace
from typing import Any

import pytest

from components.kit.access import NOTHING
from components.serving.promotion import Promotion, PromotionArgs
from contract.commands import Promote
from contract.names import EXIT_VERDICT
from contract.watching import Limits, Watching
from settings.model import Promotion as PromotionSettings
from tests.components.arguments import promotion_args
from tests.components.given import providers
from tests.program.mocks import Recording, record


def build(args: PromotionArgs) -> Recording:
    return record(lambda: Promotion("it", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(promotion_args())


def container(recording: Recording) -> dict[str, Any]:
    (found,) = recording.inputs("Job")["spec"]["template"]["spec"]["containers"]
    return found


def test_another_version_is_another_job_and_one_that_failed_is_tried_again(recording: Recording) -> None:
    names = [build(replace(promotion_args(), version=version)).inputs("Job")["metadata"] for version in (3, 4)]
    assert [each["name"] for each in names] == ["recommender-promote-v3", "recommender-promote-v4"]
    assert recording.inputs("Job")["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}


def test_a_verdict_fails_the_job_at_once_and_a_death_is_no_verdict(recording: Recording) -> None:
    spec = recording.inputs("Job")["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "Ignore"]
    by_node, by_code = spec["podFailurePolicy"]["rules"]
    assert by_node["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert by_code["onExitCodes"] == {"operator": "NotIn", "values": [EXIT_VERDICT]}


def test_a_job_whose_pods_never_end_ends_with_a_reason() -> None:
    args = replace(promotion_args(), promotion=PromotionSettings.model_validate({"watch": "10m"}))
    assert build(args).inputs("Job")["spec"]["activeDeadlineSeconds"] == 3 * 300 + 3 * 600 + 300


def test_the_command_says_which_version_and_what_is_allowed(recording: Recording) -> None:
    found = container(recording)
    assert found["command"] == ["python3", "-m", "loop", "promote"]
    assert found["args"] == [
        "--model=recommender",
        "--version=3",
        "--namespace=mlflow",
        "--service=recommender-production",
        "--timeout=300",
        "--watch=60",
        "--max-error-rate=0.01",
        "--max-latency-ratio=1.5",
        "--max-prediction-shift=0.5",
    ]


def test_the_options_have_the_settings_numbers() -> None:
    given = {"watch": "1h30m", "maxErrorRate": 0.002, "maxLatencyRatio": 2, "maxPredictionShift": 0.25}
    settings = PromotionSettings.model_validate(given)
    words = container(build(replace(promotion_args(), promotion=settings)))["args"]
    assert Promote.parse(words).watching == Watching(5400, Limits(0.002, 2, 0.25))


def test_the_identity_may_change_the_production_service_and_look_at_its_pods(recording: Recording) -> None:
    rules = [
        (rule["resources"], rule.get("resourceNames"), rule["verbs"]) for rule in recording.inputs("Role")["rules"]
    ]
    assert rules == [
        (["inferenceservices"], ["recommender-production"], ["get", "patch"]),
        (["deployments"], None, ["list"]),
        (["pods"], None, ["list"]),
    ]


def test_it_says_to_mlflow_who_it_is_by_a_token_for_mlflow_only(recording: Recording) -> None:
    spec = recording.inputs("Job")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "recommender-promote"
    (token,) = [volume for volume in spec["volumes"] if volume["name"] == "tracking-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "mlflow"
    environment = {each["name"]: each["value"] for each in container(recording)["env"]}
    (mount,) = [each for each in container(recording)["volumeMounts"] if each["name"] == "tracking-token"]
    assert environment["ML_LOOP_TRACKING_TOKEN_FILE"] == f"{mount['mountPath']}/token"


def test_it_reads_predictions_where_there_is_kafka_and_does_without_elsewhere(recording: Recording) -> None:
    names = {each["name"] for each in container(recording)["env"]}
    assert "KAFKA_BOOTSTRAP_SERVERS" in names
    without = build(replace(promotion_args(), kafka=NOTHING))
    assert "KAFKA_BOOTSTRAP_SERVERS" not in {each["name"] for each in container(without)["env"]}


def test_it_comes_after_the_policy_that_lets_it_reach_anything(recording: Recording) -> None:
    assert "it-pods" in recording.only("Job").depends_on
