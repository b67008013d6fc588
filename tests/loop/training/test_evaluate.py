"""What an evaluate command must leave behind, and which model it measures."""

from typing import Any

import pytest
from bench import DATA, Bench

from contract.gate import Criterion, to_json
from contract.names import Measured, RunTag


def test_metrics_of_the_gate_and_the_fingerprint_of_the_rows_become_the_evaluation(bench: Bench) -> None:
    run_id = bench.bind(bench.run())
    code, said = bench.evaluate('{"auc": 0.91, "loss": 1}')
    told = [line for line in said.splitlines() if not line.startswith("the evaluate command took ")]
    assert (code, told) == (0, [f"model: models:/{bench.good_model}", "auc: 0.91", "loss: 1"])
    found = {"version": None, "metrics": {"auc": 0.91}, "data": DATA, "rows": None}
    assert bench.evaluation(run_id) == {"workflow": f"{bench.model}-uid", "evaluation": found}


def test_without_a_version_in_production_nothing_is_run_and_that_is_what_the_run_says(bench: Bench) -> None:
    run_id = bench.bind(bench.run())
    code, said = bench.evaluate(metrics="broken", MEASURED="production")
    assert (code, said) == (0, f"model {bench.model} has no version under production: nothing to measure")
    found = bench.evaluation(run_id, Measured.PRODUCTION)
    assert found == {"workflow": f"{bench.model}-uid", "evaluation": None}


def test_an_alias_that_a_known_model_lacks_is_no_version_either(bench: Bench) -> None:
    bench.register(bench.run())
    code, said = bench.evaluate(MEASURED="production")
    assert (code, said) == (0, f"model {bench.model} has no version under production: nothing to measure")


def test_the_alias_production_is_resolved_once_to_its_version(bench: Bench) -> None:
    run_id = bench.run()
    bench.register(run_id)
    bench.client.set_registered_model_alias(bench.model, "production", "1")
    script = f"""echo $ML_LOOP_MODEL_URI > $ML_LOOP_OUTPUT/uri; printf {DATA} > $ML_LOOP_OUTPUT/data_fingerprint
        echo '{{"auc": 0.8}}' > $ML_LOOP_OUTPUT/metrics.json"""
    assert bench.step("evaluate", "--", "sh", "-c", script, MEASURED="production")[0] == 0
    assert bench.written("uri") == f"models:/{bench.model}/1\n"
    found = {"version": "1", "metrics": {"auc": 0.8}, "data": DATA, "rows": None}
    assert bench.evaluation(run_id, Measured.PRODUCTION)["evaluation"] == found


def test_the_run_of_another_workflow_is_not_measured(bench: Bench) -> None:
    bench.bind(bench.run(), "another")
    assert bench.evaluate() == (
        1,
        f"the step train must have bound a run to this workflow: no run of '{bench.model}' names {bench.model}-uid",
    )


def test_what_is_measured_must_be_one_of_two(bench: Bench) -> None:
    bench.bind(bench.run())
    assert bench.evaluate(MEASURED="mine") == (
        1,
        "ML_LOOP_MEASURED is 'mine': it must be one of candidate, production",
    )


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no metrics": (
        {"metrics": None},
        "the evaluate command must write a JSON object of metrics to $ML_LOOP_OUTPUT/metrics.json: there is none",
    ),
    "no object": (
        {"metrics": "[0.9]"},
        "the evaluate command must write a JSON object of metrics to $ML_LOOP_OUTPUT/metrics.json: it is not one",
    ),
    "NaN": ({"metrics": '{"auc": NaN}'}, "each metric in metrics.json must be a finite number: auc is nan"),
    "text": ({"metrics": '{"auc": "0.9"}'}, "each metric in metrics.json must be a finite number: auc is '0.9'"),
    "boolean": ({"metrics": '{"auc": true}'}, "each metric in metrics.json must be a finite number: auc is True"),
    "another metric": (
        {"metrics": '{"loss": 0.1}'},
        "metrics.json must hold the gate's metric 'auc': it holds loss",
    ),
    "no fingerprint": (
        {"data": None},
        (
            "the evaluate command must write the SHA-256 of the rows it measured on, in hex, to "
            "$ML_LOOP_OUTPUT/data_fingerprint: it wrote 'none'"
        ),
    ),
}


def test_each_metric_that_the_gate_asks_for_must_be_measured(bench: Bench) -> None:
    bench.bind(bench.run())
    gate = to_json([Criterion(metric="auc", bound=0.7), Criterion(metric="recall", bound=0.5)])
    assert bench.evaluate(GATE=gate) == (1, "metrics.json must hold the gate's metric 'recall': it holds auc")


@pytest.mark.parametrize("name", BROKEN)
def test_an_evaluation_that_breaks_one_rule_fails_with_the_sentence_that_names_it(bench: Bench, name: str) -> None:
    broken, sentence = BROKEN[name]
    run_id = bench.bind(bench.run())
    assert bench.evaluate(**broken) == (1, sentence)
    assert RunTag.CANDIDATE not in bench.client.get_run(run_id).data.tags
