"""What the settings of a model make, in the whole program."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from policy.rules import RULES
from policy.verdict import judge
from tests.components import walk
from tests.program import program
from tests.program.program import GATE, Run


def test_what_a_model_is_made_of_comes_after_the_operators_of_its_kinds(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}, "retraining": {"cooldown": "6h"}}
    recording = run("dev", {"models": {"recommender": model}})
    operators = {"ModelStorage": "kserve", "Serving": "kserve", "Training": "argo-workflows", "EventBus": "argo-events"}
    made = {each.type.rpartition(":")[2]: each for each in recording.resources if each.type.startswith("ml-loop:")}
    early = [kind for kind, operator in operators.items() if f"{operator}-chart" not in made[kind].depends_on]
    assert early == []


def test_the_gateway_s_proxies_reach_a_model_and_its_outputs_name_the_address(run: Run) -> None:
    recording = run("local", {"models": {"recommender": GATE}})
    assert recording.exports["models"]["recommender"]["predict"] == "http://192.0.2.1/v1/models/recommender:predict"
    ingress = recording.inputs("NetworkPolicy", "recommender-serving-servers")["spec"]["ingress"]
    assert ingress[1]["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]


def test_a_number_in_the_settings_brings_production_into_the_split(run: Run) -> None:
    def weights(model: dict[str, Any]) -> list[int]:
        (rule,) = run("local", {"models": {"recommender": model}}).inputs("HTTPRoute")["spec"]["rules"]
        return [backend["weight"] for backend in rule["backendRefs"]]

    assert weights(GATE) == [100]
    assert weights(GATE | {"production": 1, "serving": {"canaryPercent": 25}}) == [75, 25]


def test_a_version_is_promoted_before_production_has_its_share_and_after_there_are_services(run: Run) -> None:
    recording = run("local", {"models": {"recommender": GATE | {"production": 2}}})
    assert recording.inputs("Job", "recommender-promotion-job")["metadata"]["name"] == "recommender-promote-v2"
    assert "recommender-promotion-job" in recording.only("Front").depends_on
    assert "recommender-serving-production" in recording.only("Promotion").depends_on


def test_another_number_in_the_settings_restarts_nobody_who_watches(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}}

    def deployments(number: int) -> dict[str, Any]:
        # By name: components register what they make in no fixed order.
        recording = run("local", {"models": {"recommender": model | {"production": number}}})
        return {each.name: each.inputs for each in recording.of("Deployment")}

    first = deployments(1)
    assert first.keys() > {"recommender-aliases-deployment", "recommender-drift-detector"}
    assert deployments(2) == first


def test_only_where_the_settings_say_so_may_anybody_put_production_back(run: Run) -> None:
    def healers(promotion: dict[str, Any]) -> tuple[set[str], bool]:
        recording = run("local", {"models": {"recommender": GATE | {"promotion": promotion}}})
        policy = json.loads(recording.inputs("ConfigMap", "mlflow-identity")["data"]["policy.json"])
        guarded = policy["models"]["recommender"].get("healing", [])
        roles = {each.inputs["metadata"]["name"] for each in recording.of("Role")}
        return {each.rpartition(":")[2] for each in guarded}, "recommender-aliases" in roles

    assert healers({}) == (set(), False)
    assert healers({"healing": True}) == ({"recommender-aliases"}, True)


def test_without_a_number_in_the_settings_nothing_is_promoted(run: Run) -> None:
    assert run("local", {"models": {"recommender": GATE}}).of("Promotion") == []


def test_a_stack_without_a_gateway_serves_its_models_inside_the_cluster_only(run: Run) -> None:
    own = {"training": {"image": f"registry.example.com/fraud@sha256:{64 * '2'}", **GATE["training"]}}
    recording = run("dev", {"gateway": {}, "models": {"fraud": own}})
    assert recording.exports["models"]["fraud"]["predict"] is None
    assert recording.of("HTTPRoute") == []
    assert len(recording.of("InferenceService")) == 2


@pytest.mark.parametrize(
    ("changes", "replicas"),
    [({}, {"min": 2, "max": 4}), ({"platform": program.KNATIVE}, {"min": 0, "max": 4})],
    ids=["standard", "knative"],
)
def test_models_in_either_mode_pass_the_policy_pack_and_have_the_gateway_s_address(
    run: Run, changes: Mapping[str, Any], replicas: Mapping[str, int]
) -> None:
    images = program.IMAGES
    model = GATE | {"production": 1, "serving": {"replicas": replicas}}
    recording = run("prod", {"images": images, "models": {"recommender": model}, **changes})
    assert recording.exports["models"]["recommender"]["predict"] == "https://192.0.2.1/v1/models/recommender:predict"
    judged = walk.as_stack(recording, "prod")
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []


def test_only_where_outcomes_are_taken_is_anything_made_for_them(run: Run) -> None:
    def made(model: dict[str, Any]) -> set[str]:
        recording = run("local", {"models": {"recommender": GATE | model}})
        routes = {each.inputs["metadata"]["name"] for each in recording.of("HTTPRoute")}
        pods = {each.inputs["metadata"]["name"] for each in recording.of("Deployment")}
        return {name for name in routes | pods if "outcomes" in name or name.endswith(("-recorder", "-performance"))}

    assert made({}) == set()
    assert made({"outcomes": {}}) == {
        *("outcomes", "recommender-outcomes", "recommender-recorder", "recommender-performance")
    }


def test_a_fall_of_the_gate_s_metrics_starts_a_training_where_the_settings_say_so(run: Run) -> None:
    def passes(retraining: dict[str, Any]) -> tuple[list[str], str]:
        model = {"drift": {"features": ["pages"]}, "outcomes": {}, "retraining": {"cooldown": "6h"} | retraining}
        recording = run("local", {"models": {"recommender": GATE | model}})
        first = recording.inputs("Sensor", "recommender-retraining-sensor")["spec"]["dependencies"][0]["filters"]
        (feature,) = (each["value"] for each in first["data"] if each["path"] == "body.feature")
        return feature, first["script"]

    only, both, falls = passes({}), passes({"on": ["drift", "performance"]}), passes({"on": ["performance"]})
    rows = passes({"on": ["drift", "data"], "newRows": 5000})
    assert rows[0] == ["^(pages|data:rows)$"]
    assert rows[1].endswith('or kind == "data"')
    assert falls[0] == ["^(performance:auc)$"]
    assert falls[1].endswith('return kind == "performance"')
    assert only[0] == ["^(pages)$"]
    assert both[0] == ["^(pages|performance:auc)$"]
    assert '"performance"' not in only[1]
    assert 'kind == "drift" or kind == "performance"' in both[1]
