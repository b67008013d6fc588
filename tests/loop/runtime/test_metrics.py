"""The library exports a metric of the contract under the name, the help and the labels that the contract says."""

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

from contract.metrics import CounterMetric, GaugeMetric, HistogramMetric, InfoMetric, Metric
from loop.runtime.metrics import counter, gauge, histogram, info

THINGS = CounterMetric("test_things_total", "Things", ("model",))
ROWS = GaugeMetric("test_rows", "Rows", ("model", "feature"))
SECONDS = HistogramMetric("test_seconds", "Seconds", ("version",))
MADE: list[tuple[Metric, Counter | Gauge | Histogram]] = [
    (THINGS, counter(THINGS)),
    (ROWS, gauge(ROWS)),
    (SECONDS, histogram(SECONDS)),
]


@pytest.mark.parametrize(("metric", "made"), MADE, ids=[metric.name for metric, _ in MADE])
def test_a_metric_is_exported_with_the_contract_s_name_help_kind_and_labels(
    metric: Metric, made: Counter | Gauge | Histogram
) -> None:
    made.labels(*metric.labels)
    text = generate_latest(REGISTRY).decode()
    assert f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n" in text
    (exported,) = [each for each in REGISTRY.collect() if each.name == metric.name.removesuffix("_total")]
    samples = [each for each in exported.samples if not each.name.endswith("_created")]
    assert {each.name for each in samples} == set(metric.series)
    assert {name: name for name in metric.labels}.items() <= samples[0].labels.items()


def test_an_info_is_1_and_has_its_suffix_once() -> None:
    info(InfoMetric("test_served_info", "What is served", ("model",))).info({"model": "m"})
    text = generate_latest(REGISTRY).decode()
    assert "# HELP test_served_info What is served\n" in text
    assert 'test_served_info{model="m"} 1.0\n' in text
