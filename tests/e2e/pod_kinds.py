"""The kinds of pods of the loop, and which test makes one where no `up` leaves it behind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from components.events import nats, retraining
from components.monitoring import alias_watch, detector, training_watch
from components.observability import page
from components.serving import promotion, serving
from components.storage import versitygw
from components.streaming import kafka
from components.tracking import mlflow
from components.training import training
from contract.names import Alias
from tests.e2e import test_closed_loop, test_logs, test_promotion, test_training


@dataclass(frozen=True)
class Kind:
    """Pods that have these labels."""

    name: str
    labels: Mapping[str, str]
    made_by: str | None
    """Name of the test; None: the stack has such a pod as long as it is there."""


def kind(app: str, role: str | None = None, made_by: Callable[..., None] | None = None) -> Kind:
    labels = {"app.kubernetes.io/name": app} | ({"app.kubernetes.io/component": role} if role else {})
    return Kind(" ".join(labels.values()), labels, made_by and made_by.__name__)


TRAINED: Final = test_training.test_a_training_by_hand_ends_in_a_staging_version_that_says_where_it_comes_from
FAILED: Final = test_training.test_a_failure_is_one_sentence_at_the_model_and_is_not_tried_again
COOLED: Final = test_training.test_drift_trains_once_in_a_cooldown_and_what_is_refused_ends_as_skipped
STAGED: Final = test_closed_loop.test_a_shifted_feature_becomes_a_staging_version_that_names_the_event
EXPIRED: Final = test_logs.test_what_is_past_its_days_goes_and_what_is_not_stays
PROMOTED: Final = test_promotion.test_the_first_version_gets_its_share_once_it_is_served

KINDS: Final = (
    kind("postgresql"),
    kind(versitygw.APP, "server"),
    kind(versitygw.APP, "bucket"),
    kind(mlflow.APP, "server"),
    kind(mlflow.APP, "migration"),
    kind(kafka.APP, "broker"),
    kind(kafka.APP, "topics"),
    kind(nats.APP, "server"),
    kind(nats.APP, "credentials"),
    kind(retraining.APP, "source"),
    kind(retraining.APP, "sensor"),
    kind(detector.APP),
    kind(alias_watch.APP),
    kind(training_watch.APP),
    kind(page.APP),
    kind(serving.APP, Alias.STAGING),
    kind(training.APP, "train", TRAINED),
    kind(training.APP, "evaluate", TRAINED),
    kind(training.APP, "register", TRAINED),
    kind(training.APP, "report-failure", FAILED),
    kind(training.APP, "cooldown", COOLED),
    kind(training.APP, "canary", STAGED),
    kind(promotion.APP, made_by=PROMOTED),
    kind(versitygw.APP, "expiry", EXPIRED),
)
