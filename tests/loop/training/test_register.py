"""Registration and staging: one version per workflow, whatever dies when, and staging only after a passed gate."""

import json
from pathlib import Path

import pytest
from bench import DATA, Bench
from signing_keys import new_key

from contract.gate import Criterion, to_json
from contract.names import Measured, RunTag, Tag
from loop.runtime.registry import Registry
from loop.runtime.signatures import verify
from loop.training.gate import Evaluation


def test_what_passed_is_signed_and_what_did_not_is_not(bench: Bench, tmp_path: Path) -> None:
    key, public = new_key(tmp_path / "key")
    bench.register(bench.run(), workflow="first", SIGNING_KEY_FILE=str(key))
    bench.register(bench.run(), 0.1, workflow="second", SIGNING_KEY_FILE=str(key))
    first, second = (bench.client.get_model_version(bench.model, number).tags for number in ("1", "2"))
    (tmp_path / "model").mkdir()
    files = Registry().download(f"models:/{bench.model}/1", tmp_path / "model")
    verify(files, bench.model, first[Tag.SIGNATURE], public)
    assert (second[Tag.GATE], Tag.SIGNATURE in second) == ("rejected", False)


def test_a_passed_candidate_is_registered_with_its_lineage_and_its_gate(bench: Bench) -> None:
    run_id = bench.run()
    drift = {"TRIGGER": "drift", "FEATURE": "price", "P_VALUE": "0.003", "EVENT_ID": "e-17"}
    assert bench.register(run_id, **drift) == (
        0,
        (
            f"version: 1 of {bench.model}\ngate: passed\nreason: auc 0.9000 meets the minimum 0.7\n"
            f"staging: version 1 of {bench.model}"
        ),
    )
    version = bench.client.get_model_version(bench.model, "1")
    tags = dict(version.tags)
    report = json.loads(tags.pop(Tag.GATE_REPORT))
    bound = {tag: tags.pop(tag) for tag in (Tag.MODEL_DIGEST, Tag.REFERENCE_DIGEST)}
    assert bound == Registry().digests(f"models:/{bench.model}/1", run_id), "of the same files, asked by the version"
    assert len(set(bound.values())) == 2
    assert (version.run_id, tags) == (
        run_id,
        {
            "ml-loop.image": "registry.example.com/books@sha256:0",
            "ml-loop.data-fingerprint": DATA,
            "ml-loop.trigger": "drift:price",
            "ml-loop.event-id": "e-17",
            "ml-loop.p-value": "0.003",
            "ml-loop.gate": "passed",
            "ml-loop.workflow": f"{bench.model}-train-1",
        },
    )
    numbers = {"metric": "auc", "direction": "higher", "candidate": 0.9, "minimum": 0.7}
    assert report == numbers | {
        "metrics": [numbers],
        "data": DATA,
        "reason": "auc 0.9000 meets the minimum 0.7",
    }
    written = [bench.written(name) for name in ("version", "gate", "message")]
    assert written == ["1", "passed", "version 1 passed, auc 0.900"]


def test_a_version_names_the_commit_that_its_image_was_built_from(bench: Bench) -> None:
    bench.patch.setenv("SOURCE_COMMIT", "0123abc")
    run_id = bench.run()
    assert bench.train(run_id)[0] == 0
    assert bench.client.get_run(run_id).data.tags["mlflow.source.git.commit"] == "0123abc"
    bench.register(run_id)
    assert bench.client.get_model_version(bench.model, "1").tags["ml-loop.source-commit"] == "0123abc"


def test_a_commit_that_mlflow_has_found_itself_stays(bench: Bench) -> None:
    bench.patch.setenv("SOURCE_COMMIT", "0123abc")
    run_id = bench.run()
    bench.client.set_tag(run_id, "mlflow.source.git.commit", "fedcba")
    bench.train(run_id)
    assert bench.client.get_run(run_id).data.tags["mlflow.source.git.commit"] == "fedcba"


def test_a_candidate_under_the_gate_is_registered_as_rejected_and_staging_stays(bench: Bench) -> None:
    bench.register(bench.run(), workflow="first")
    run_id = bench.run()
    bench.measured(run_id, Evaluation("1", {"auc": 0.9}, DATA), Measured.PRODUCTION, uid="second-uid")
    code, said = bench.register(run_id, 0.85, workflow="second", BASELINE="production")
    reason = "auc 0.8500 is worse than version 1 in production (0.9000, tolerance 0)"
    assert (code, said) == (0, f"version: 2 of {bench.model}\ngate: rejected\nreason: {reason}")
    assert bench.step("stage", MODEL_VERSION="2") == (
        1,
        f"version 2 of {bench.model} must have passed its gate to be staged: its tag ml-loop.gate is rejected",
    )
    assert bench.staging() == "1"


def test_a_version_that_was_taken_back_when_it_was_live_is_not_staged_again(bench: Bench) -> None:
    bench.register(bench.run())
    bench.client.set_model_version_tag(bench.model, "1", "ml-loop.rejected", "too slow")
    bench.client.delete_registered_model_alias(bench.model, "staging")
    assert bench.step("stage", MODEL_VERSION="1") == (
        1,
        f"version 1 of {bench.model} cannot be staged: it was rejected when it was live: too slow",
    )
    assert bench.staging() is None


def test_staging_never_moves_back_to_an_older_version(bench: Bench) -> None:
    for workflow in ("first", "second"):
        bench.register(bench.run(), workflow=workflow)
    assert bench.staging() == "2"
    assert bench.step("stage", MODEL_VERSION="1") == (0, f"staging: stays at version 2 of {bench.model}, newer than 1")
    assert bench.staging() == "2"


BROKEN = {
    "TRIGGER": ("cron", "ML_LOOP_TRIGGER is 'cron': it must be one of manual, schedule, drift"),
    "IMAGE": ("", "ML_LOOP_IMAGE is not set: this step needs it in its environment"),
    "WORKFLOW": ("", "ML_LOOP_WORKFLOW is not set: this step needs it in its environment"),
    "GATE": (
        "high",
        (
            "ML_LOOP_GATE cannot be followed: it must be a JSON list with metric, bound, direction and tolerance, "
            "and is 'high'"
        ),
    ),
    "WORKFLOW_UID": ("", "ML_LOOP_WORKFLOW_UID is not set: this step needs it in its environment"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_setting_registers_nothing_and_names_itself(bench: Bench, name: str) -> None:
    value, sentence = BROKEN[name]
    bench.judged()
    assert bench.step("register", **{name: value}) == (1, sentence)
    assert bench.versions() == []


WRONG_GATES = {
    "no number": ({"bound": "x"}, "could not convert string to float: 'x'"),
    "not finite": (
        {"bound": float("nan")},
        "the bound nan and the tolerance 0 of auc must be finite, the tolerance not negative",
    ),
    "negative tolerance": (
        {"tolerance": -1},
        "the bound 0.7 and the tolerance -1 of auc must be finite, the tolerance not negative",
    ),
    "no direction": ({"direction": "sideways"}, "'sideways' is not a valid Direction"),
}


@pytest.mark.parametrize("name", WRONG_GATES)
def test_a_gate_that_cannot_be_followed_registers_nothing(bench: Bench, name: str) -> None:
    wrong, sentence = WRONG_GATES[name]
    gate = json.dumps([{"metric": "auc", "bound": 0.7, "direction": "higher", "tolerance": 0} | wrong])
    assert bench.register(bench.run(), GATE=gate) == (1, f"ML_LOOP_GATE cannot be followed: {sentence}")
    assert bench.versions() == []


def test_a_metric_that_was_not_measured_registers_nothing(bench: Bench) -> None:
    gate = to_json([Criterion(metric="f1", bound=0.7)])
    assert bench.register(bench.run(), GATE=gate) == (
        1,
        "the gate asks for metric 'f1', and the candidate was measured with: auc",
    )
    assert bench.versions() == []


def test_drift_without_its_event_is_no_lineage(bench: Bench) -> None:
    assert bench.register(bench.run(), TRIGGER="drift", FEATURE="price") == (
        1,
        "ML_LOOP_EVENT_ID is not set: this step needs it in its environment",
    )


FORGED: dict[str, dict[str, object]] = {
    "of another workflow": {"workflow": "another"},
    "of no workflow": {"workflow": None},
    "a metric that is a text": {"metrics": {"auc": "1"}},
    "a metric that is a word": {"metrics": {"auc": True}},
    "a metric that is infinite": {"metrics": {"auc": float("inf")}},
    "a metric too large to compare": {"metrics": {"auc": 10**400}},
    "metrics that are a list": {"metrics": [1]},
    "no rows": {"data": "all"},
    "a version that is a list": {"version": []},
}


def forged(bench: Bench, name: str) -> str:
    changed = dict(FORGED[name])
    workflow = changed.pop("workflow", f"{bench.model}-uid")
    found = {"version": None, "metrics": {"auc": 0.9}, "data": DATA} | changed
    return json.dumps({"workflow": workflow, "evaluation": found})


@pytest.mark.parametrize("name", FORGED)
def test_a_result_that_is_none_of_this_workflow_registers_nothing(bench: Bench, name: str) -> None:
    refused(bench, forged(bench, name))


@pytest.mark.parametrize("text", ["", "{{=1+1}}", "[]", '{"workflow": "1"}', "[" * 4000])
def test_a_result_that_is_no_evaluation_registers_nothing(bench: Bench, text: str) -> None:
    refused(bench, text)


def refused(bench: Bench, text: str) -> None:
    run_id = bench.bind(bench.run())
    bench.client.set_tag(run_id, RunTag.CANDIDATE, text)
    code, said = bench.step("register")
    assert (code, said.partition(": its tag ")[0]) == (
        1,
        f"the step evaluate must have left its result for the candidate at run {run_id}",
    )
    assert bench.versions() == []


def test_a_candidate_is_not_passed_as_the_first_where_a_version_is_in_production(bench: Bench) -> None:
    """Its code may say that there is nothing to compare with: the registry is asked itself."""
    bench.register(bench.run(), workflow="first")
    bench.client.set_registered_model_alias(bench.model, "production", "1")
    run_id = bench.run()
    bench.measured(run_id, None, Measured.PRODUCTION, uid="second-uid")
    assert bench.register(run_id, workflow="second", BASELINE="production") == (
        1,
        f"version 1 of {bench.model} is in production, and was not measured: run the training again",
    )
    assert bench.versions() == ["1"]


def test_a_comparison_that_was_asked_for_and_not_made_registers_nothing(bench: Bench) -> None:
    code, said = bench.register(bench.run(), BASELINE="production")
    assert code == 1
    assert "must have left its result for the production" in said
    assert bench.versions() == []


def test_a_run_of_another_experiment_is_not_registered_whatever_it_says(bench: Bench) -> None:
    code, said = bench.register(bench.run(experiment=f"{bench.model}-of-somebody"))
    assert (code, said.partition(": no run")[0]) == (1, "the step train must have bound a run to this workflow")
    assert bench.versions() == []
