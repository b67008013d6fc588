"""The metrics of the contract: their names are Prometheus', and their page says what they are."""

import re

import pytest

from contract import metrics, reference
from contract.metrics import CounterMetric, HistogramMetric, InfoMetric, Metric
from contract.names import Env

ENDINGS: dict[type[Metric], str] = {CounterMetric: "_total", InfoMetric: "_info"}


def test_no_two_metrics_have_a_series_of_one_name() -> None:
    series = [name for metric in metrics.ALL for name in metric.series]
    assert sorted(series) == sorted(set(series))


def test_every_metric_of_the_module_is_listed() -> None:
    assert {value for value in vars(metrics).values() if isinstance(value, Metric)} == set(metrics.ALL)


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_a_metric_s_name_ends_as_its_kind_asks(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
    asked = ENDINGS.get(type(metric), "")
    assert metric.name.endswith(asked)
    assert asked or not metric.name.endswith(tuple(ENDINGS.values()))


def test_a_histogram_is_read_by_its_buckets_and_not_by_its_bare_name() -> None:
    assert HistogramMetric("seconds", "…").series == ("seconds_bucket", "seconds_sum", "seconds_count")


def test_the_page_of_metrics_is_current() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run: make schema"


def test_the_training_contract_s_table_is_current() -> None:
    current = reference.CONTRACT.read_text(encoding="utf-8")
    assert reference.contract(current) == current, "run: make schema"


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"training-contract\.md must hold the lines .* put them back"):
        reference.contract("# The training contract")


def test_every_variable_says_what_it_holds() -> None:
    texts = reference.described(Env)
    assert texts.keys() == set(Env)
    assert texts[Env.PARAMETERS] == "The training parameters, a JSON object"
