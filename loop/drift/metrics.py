"""The detector's metrics."""

from contract import metrics
from loop.runtime.metrics import counter, gauge

SCORE = gauge(metrics.DRIFT_SCORE)
P_VALUE = gauge(metrics.DRIFT_P_VALUE)
EVENTS = counter(metrics.DRIFT_EVENTS)
WINDOWS = counter(metrics.DRIFT_WINDOWS)
OUTCOMES = ("used", "malformed", "unknown_version", "other_model")
MESSAGES = counter(metrics.DRIFT_MESSAGES)
BROKEN = gauge(metrics.BROKEN_FEATURE)
KNOWN_BY = gauge(metrics.KNOWN_BY)
EFFECTIVE_ROWS = gauge(metrics.EFFECTIVE_ROWS)
SMALLEST = gauge(metrics.SMALLEST_DISTANCE)
OPEN_ROWS = gauge(metrics.OPEN_ROWS)
EXPIRED = counter(metrics.EXPIRED)
REFERENCE = gauge(metrics.REFERENCE_VERSION)
REFERENCE_OK = gauge(metrics.REFERENCE_UP_TO_DATE)
KAFKA_ERRORS = counter(metrics.KAFKA_ERRORS)
