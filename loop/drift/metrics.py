"""The detector's metrics."""

from prometheus_client import Counter, Gauge

SCORE = Gauge(
    "alibi_drift_score", "Distance of the last window to the reference (KS; MMD for feature *)", ["model", "feature"]
)
P_VALUE = Gauge("ml_loop_drift_p_value", "Adjusted p-value of the last window", ["model", "feature"])
EVENTS = Counter("ml_loop_drift_events_total", "Tests published to ml.drift", ["model", "feature", "drift"])
WINDOWS = Counter("ml_loop_drift_windows_total", "Windows compared and published", ["model"])
OUTCOMES = ("used", "malformed", "unknown_version", "other_model")
MESSAGES = Counter(
    "ml_loop_drift_messages_total", "Messages read: used, malformed, unknown_version, other_model", ["model", "outcome"]
)
BROKEN = Gauge(
    "ml_loop_drift_broken_feature", "1: in the last window it had one value only, or none", ["model", "feature"]
)
EFFECTIVE_ROWS = Gauge(
    "ml_loop_drift_effective_rows", "Independent rows that those of the last window were worth", ["model", "feature"]
)
SMALLEST = Gauge(
    "ml_loop_drift_smallest_distance",
    "Least distance that would have been drift; 1 or more: none",
    ["model", "feature"],
)
OPEN_ROWS = Gauge("ml_loop_drift_open_window_rows", "Rows in the open window", ["model"])
EXPIRED = Counter(
    "ml_loop_drift_expired_messages_total", "Messages of an open window that Kafka had already deleted", ["model"]
)
REFERENCE = Gauge("ml_loop_drift_reference_version", "Version whose reference is used; 0: none", ["model"])
REFERENCE_OK = Gauge(
    "ml_loop_drift_reference_up_to_date", "1: MLflow answers and its reference is the one used", ["model"]
)
KAFKA_ERRORS = Counter("ml_loop_drift_kafka_errors_total", "Errors the Kafka client reported and works on", ["model"])
