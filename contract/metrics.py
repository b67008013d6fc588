"""The metrics of the loop's own programs: the name, the help and the labels of each.

A program makes them for prometheus_client (`loop.runtime.metrics`), the alerts and the dashboard read them by name, and
docs/metrics.md lists them. The labels that Prometheus adds where it reads a pod (`namespace`, `model`, `slot`) are not
among them.
"""

from dataclasses import dataclass
from typing import ClassVar, Final


@dataclass(frozen=True)
class Metric:
    """A metric as Prometheus knows it."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    kind: ClassVar[str]

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series."""
        return (self.name,)


@dataclass(frozen=True)
class CounterMetric(Metric):
    """Only grows; its name ends in `_total`."""

    kind = "counter"


@dataclass(frozen=True)
class GaugeMetric(Metric):
    """Goes up and down."""

    kind = "gauge"


@dataclass(frozen=True)
class HistogramMetric(Metric):
    """Counts what falls into each bucket."""

    kind = "histogram"

    @property
    def buckets(self) -> str:
        """The name of the series from which quantiles are computed."""
        return f"{self.name}_bucket"

    @property
    def series(self) -> tuple[str, ...]:
        return (self.buckets, f"{self.name}_sum", f"{self.name}_count")


@dataclass(frozen=True)
class InfoMetric(Metric):
    """Is always 1, with information in its labels; its name ends in `_info`."""

    kind = "info"


# The model servers.
SERVED: Final = InfoMetric(
    "ml_loop_served_model_info", "The model version this pod serves", ("model", "version", "run_id")
)
REQUESTS: Final = CounterMetric(
    "ml_loop_requests_total", "Inference requests by protocol and status code", ("protocol", "code")
)
ANSWERS: Final = HistogramMetric(
    "ml_loop_answer_seconds", "From request to answer, of predictions that were made", ("version",)
)
ANSWERS_SQUARED: Final = CounterMetric(
    "ml_loop_answer_seconds_squared_total",
    "Sum of the squares of these times, by which a promotion tells a slower version from chance",
    ("version",),
)
PREDICTIONS: Final = CounterMetric("ml_loop_predictions_total", "Rows answered", ("model", "version"))
CAPTURED: Final = CounterMetric(
    "ml_loop_capture_messages_total",
    "Predictions (rows) by what became of them: delivered, queue_full, undelivered (the broker did not take it), "
    "unpublishable (no message could be made of it)",
    ("outcome",),
)
QUEUED: Final = GaugeMetric("ml_loop_capture_queued", "Predictions (rows) waiting to be encoded and produced")
SERVING: Final[tuple[Metric, ...]] = (SERVED, REQUESTS, ANSWERS, ANSWERS_SQUARED, PREDICTIONS, CAPTURED, QUEUED)

# The drift detector.
DRIFT_SCORE: Final = GaugeMetric(
    "alibi_drift_score", "Distance of the last window to the reference (KS; MMD for feature *)", ("model", "feature")
)
DRIFT_P_VALUE: Final = GaugeMetric("ml_loop_drift_p_value", "Adjusted p-value of the last window", ("model", "feature"))
DRIFT_EVENTS: Final = CounterMetric(
    "ml_loop_drift_events_total", "Tests published to ml.drift", ("model", "feature", "drift")
)
DRIFT_WINDOWS: Final = CounterMetric("ml_loop_drift_windows_total", "Windows compared and published", ("model",))
DRIFT_MESSAGES: Final = CounterMetric(
    "ml_loop_drift_messages_total", "Messages read: used, malformed, unknown_version, other_model", ("model", "outcome")
)
BROKEN_FEATURE: Final = GaugeMetric(
    "ml_loop_drift_broken_feature", "1: in the last window it had one value only, or none", ("model", "feature")
)
KNOWN_BY: Final = GaugeMetric(
    "ml_loop_drift_known_by_version",
    "Version in staging that was trained on rows like those of the last window, which have drifted; 0: none",
    ("model", "feature"),
)
EFFECTIVE_ROWS: Final = GaugeMetric(
    "ml_loop_drift_effective_rows", "Independent rows that those of the last window were worth", ("model", "feature")
)
SMALLEST_DISTANCE: Final = GaugeMetric(
    "ml_loop_drift_smallest_distance",
    "Least distance that would have been drift; 1 or more: none",
    ("model", "feature"),
)
OPEN_ROWS: Final = GaugeMetric("ml_loop_drift_open_window_rows", "Rows in the open window", ("model",))
EXPIRED: Final = CounterMetric(
    "ml_loop_drift_expired_messages_total", "Messages of an open window that Kafka had already deleted", ("model",)
)
REFERENCE_VERSION: Final = GaugeMetric(
    "ml_loop_drift_reference_version", "Version whose reference is used; 0: none", ("model",)
)
REFERENCE_UP_TO_DATE: Final = GaugeMetric(
    "ml_loop_drift_reference_up_to_date", "1: MLflow answers and its reference is the one used", ("model",)
)
KAFKA_ERRORS: Final = CounterMetric(
    "ml_loop_drift_kafka_errors_total", "Errors the Kafka client reported and works on", ("model",)
)
DRIFT: Final[tuple[Metric, ...]] = (
    DRIFT_SCORE,
    DRIFT_P_VALUE,
    DRIFT_EVENTS,
    DRIFT_WINDOWS,
    OPEN_ROWS,
    EFFECTIVE_ROWS,
    SMALLEST_DISTANCE,
    BROKEN_FEATURE,
    KNOWN_BY,
    DRIFT_MESSAGES,
    EXPIRED,
    REFERENCE_VERSION,
    REFERENCE_UP_TO_DATE,
    KAFKA_ERRORS,
)

# The outcomes of predictions.
OUTCOMES_TAKEN: Final = CounterMetric(
    "ml_loop_outcomes_taken_total",
    "Outcomes that clients sent: taken, undelivered (Kafka did not take them); and requests refused",
    ("model", "result"),
)
RECORDED: Final = CounterMetric(
    "ml_loop_recorded_messages_total",
    "Messages of predictions and outcomes by what became of them: recorded, malformed, other_model",
    ("model", "kind", "result"),
)
RECORD_FAILURES: Final = CounterMetric(
    "ml_loop_record_failures_total", "Times the store refused files of the record, or did not answer", ("model",)
)
PERFORMANCE: Final = GaugeMetric(
    "ml_loop_performance",
    "Metric of a version's answers in the last span whose outcomes are known",
    ("model", "version", "metric"),
)
PERFORMANCE_ERROR: Final = GaugeMetric(
    "ml_loop_performance_error", "Its standard error, by blocks of rows", ("model", "version", "metric")
)
PERFORMANCE_P_VALUE: Final = GaugeMetric(
    "ml_loop_performance_p_value",
    "Adjusted p-value of its fall below what the gate measured",
    ("model", "version", "metric"),
)
OUTCOME_STATES: Final = GaugeMetric(
    "ml_loop_outcomes",
    "Predictions of the last span by what became of their outcomes: joined, late, missing; early (before the "
    "prediction), doubled and contradicting ones among them",
    ("model", "state"),
)
PERFORMANCE_FAILURES: Final = CounterMetric(
    "ml_loop_performance_failures_total", "Times the record or MLflow could not be read", ("model",)
)
OUTCOMES: Final[tuple[Metric, ...]] = (
    OUTCOMES_TAKEN,
    RECORDED,
    RECORD_FAILURES,
    PERFORMANCE,
    PERFORMANCE_ERROR,
    PERFORMANCE_P_VALUE,
    OUTCOME_STATES,
    PERFORMANCE_FAILURES,
)

# The watch over the aliases.
ALIAS_VERSION: Final = GaugeMetric(
    "ml_loop_alias_version", "Version that an alias names in the registry; 0: none", ("model", "alias")
)
UNEXPLAINED: Final = GaugeMetric(
    "ml_loop_production_unexplained", "1: the alias production names what no promotion has put there", ("model",)
)
HEALED: Final = CounterMetric("ml_loop_production_healed_total", "Times the alias production was put back", ("model",))
ALIASES: Final[tuple[Metric, ...]] = (ALIAS_VERSION, UNEXPLAINED, HEALED)

# MLflow's servers.
REFUSALS: Final = CounterMetric(
    "ml_loop_tracking_refusals_total",
    "Requests that the identity check of MLflow refused; account is anonymous where no token named one.",
    ("model", "operation", "account"),
)
TRACKING: Final[tuple[Metric, ...]] = (REFUSALS,)

# Argo Workflows' controller, which counts for the pods of a training: these are gone before anyone could read them.
ARGO_PREFIX: Final = "argo_workflows_"
"""The prefix that the controller puts before each name."""
TRAININGS: Final = CounterMetric(
    f"{ARGO_PREFIX}ml_loop_trainings_total",
    "Trainings by how they ended, those that the cooldown refused among the succeeded",
    ("namespace", "model", "trigger", "status"),
)
COOLDOWNS: Final = CounterMetric(
    f"{ARGO_PREFIX}ml_loop_cooldowns_total",
    "Trainings that drift asked for: granted, or refused while cooling down",
    ("namespace", "model", "feature", "granted"),
)
CANARIES: Final = CounterMetric(
    f"{ARGO_PREFIX}ml_loop_canaries_total",
    "Versions watched in staging, by whether they were left there",
    ("namespace", "model", "status"),
)
WORKFLOWS: Final[tuple[Metric, ...]] = (TRAININGS, COOLDOWNS, CANARIES)

ALL: Final[tuple[Metric, ...]] = (*SERVING, *DRIFT, *OUTCOMES, *ALIASES, *TRACKING, *WORKFLOWS)
