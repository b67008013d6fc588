"""A metric of the contract, as prometheus_client keeps it."""

from prometheus_client import Counter, Gauge, Histogram, Info

from contract.metrics import CounterMetric, GaugeMetric, HistogramMetric, InfoMetric


def counter(metric: CounterMetric) -> Counter:
    return Counter(metric.name, metric.help, metric.labels)


def gauge(metric: GaugeMetric) -> Gauge:
    return Gauge(metric.name, metric.help, metric.labels)


def histogram(metric: HistogramMetric) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels)


def info(metric: InfoMetric) -> Info:
    """Its labels are given with its value. The library adds the suffix to the name."""
    return Info(metric.name.removesuffix("_info"), metric.help)
