"""What right values become."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pulumi
import pytest

from contract.gate import Criterion, Direction
from settings import AwsS3, BundledKafka, DriftTest, ExternalKafka, KServeMode, S3Compatible, Settings, parse
from settings.gate import lower_is_better

Change = Callable[[Mapping[str, object]], dict[str, Any]]


def test_a_minimal_stack_is_four_keys_with_the_defaults_a_platform_engineer_expects() -> None:
    stack = Settings.model_validate(
        {
            "cluster": {"context": "my-eks"},
            "namespace": "ml",
            "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
            "trackingSecretKey": pulumi.Output.secret("a key"),
        }
    )
    assert isinstance(stack.artifacts, AwsS3)
    assert stack.tracking.namespace == "mlflow"
    assert stack.tracking.replicas == 2
    assert stack.tracking.postgres.instances == 3
    assert stack.platform.argo_workflows.install
    assert stack.platform.kserve.mode is KServeMode.STANDARD
    assert stack.kafka is None
    assert dict(stack.models) == {}


def test_zero_false_and_null_are_never_replaced_by_defaults(change: Change) -> None:
    stack = parse(
        change(
            {
                "models.recommender.serving.canaryPercent": 0,
                "models.recommender.drift.minEffect": 0,
                "models.recommender.training.gate": {"metric": "auc", "minimum": 0, "notWorseThan": None},
                "platform": {"argoEvents": {"install": False}},
            }
        )
    )
    model = stack.models["recommender"]
    assert model.serving.canary_percent == 0
    assert model.drift is not None
    assert model.drift.min_effect == 0
    assert model.training.gate.minimum == 0
    assert model.training.gate.not_worse_than is None
    assert stack.platform.argo_events.install is False


def test_one_metric_and_a_list_of_them_ask_the_same_in_the_same_words(change: Change) -> None:
    one = {"metric": "rmse", "direction": "lower", "maximum": 3.5, "tolerance": 0.1}
    for gate in (one, {"metrics": [one]}):
        model = parse(change({"models.recommender.training.gate": gate})).models["recommender"]
        (criterion,) = model.training.gate.criteria
        assert criterion == Criterion(metric="rmse", bound=3.5, direction=Direction.LOWER, tolerance=0.1)


@pytest.mark.parametrize(
    "metric",
    [
        "rmse",
        "RMSE_10",
        "meanSquaredError",
        "val/loss",
        "log_loss",
        "mlogloss",
        "sMAPE",
        "brier_score_loss",
        "wer",
        "root_mean_squared_error",
        "max_error",
        "error_rate",
        "mean_poisson_deviance",
        "false_positive_rate",
    ],
)
def test_a_name_that_says_that_lower_is_better_is_understood(metric: str) -> None:
    assert lower_is_better(metric)


@pytest.mark.parametrize(
    "metric",
    [
        "auc",
        "f1",
        "r2_score",
        "ndcg at 10",
        "neg_log_loss",
        "-rmse",
        "d2_absolute_error_score",
        "brier_skill_score",
        "precision",
        "lossless",
        "mean_reciprocal_rank",
        "answer",
        "accuracy",
        "roc_auc",
    ],
)
def test_a_name_that_says_nothing_or_the_contrary_is_left_alone(metric: str) -> None:
    assert not lower_is_better(metric)


def test_a_direction_that_is_written_down_counts_whatever_the_name_says(change: Change) -> None:
    gate = {"metric": "rmse", "direction": "higher", "minimum": 3.5}
    model = parse(change({"models.recommender.training.gate": gate})).models["recommender"]
    assert model.training.gate.criteria == (Criterion(metric="rmse", bound=3.5),)


def test_a_secret_stays_a_pulumi_secret(change: Change) -> None:
    key = pulumi.Output.secret("a key")
    assert parse(change({"trackingSecretKey": key})).tracking_secret_key is key


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1h30m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_duration_is_read_by_its_unit(written: str, read: timedelta, change: Change) -> None:
    retraining = parse(change({"models.recommender.retraining.cooldown": written})).models["recommender"].retraining
    assert retraining is not None
    assert retraining.cooldown == read


@pytest.mark.parametrize("wrong", ["", "h", "0h", "6 h", "30m1h", "PT6H", "-6h"])
def test_what_is_no_duration_is_refused(wrong: str, change: Change) -> None:
    with pytest.raises(pulumi.RunError, match="expected a duration with a unit"):
        parse(change({"models.recommender.retraining.cooldown": wrong}))


@pytest.mark.parametrize(("written", "read"), [(2, "2"), (0.5, "0.5"), ("500m", "500m")])
def test_cpus_may_be_written_as_a_number(written: object, read: str, change: Change) -> None:
    resources = parse(change({"tracking.resources": {"requests": {"cpu": written}}})).tracking.resources
    assert resources.requests.cpu == read


@pytest.mark.parametrize(
    "reference",
    [
        "mlflow:3.17.2",
        "localhost:5000/team/train:v1",
        "registry.example.com/team/train@sha256:" + "a" * 64,
        "registry.example.com/team/train:v1@sha256:" + "a" * 64,
        "ml-loop.local/loop@sha256:" + "0" * 64,
    ],
)
def test_an_image_has_a_tag_or_a_digest(reference: str, change: Change) -> None:
    image = parse(change({"models.recommender.training.image": reference})).models["recommender"].training.image
    assert image == reference


@pytest.mark.parametrize(
    "expires",
    [
        "2027-01-31",
        "2027-01-31T00:00:00Z",
        "2027-01-31 00:00:00 +0000 UTC",
        date(2027, 1, 31),
        datetime(2027, 1, 31, tzinfo=UTC),
    ],
)
def test_a_date_is_read_as_each_yaml_parser_hands_it_over(expires: object, change: Change) -> None:
    exception = {"rule": "images-by-digest", "reason": "mirror", "expires": expires}
    assert parse(change({"policyExceptions": [exception]})).policy_exceptions[0].expires == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("arrived", "written"),
    [
        ("2026-01-31 00:00:00 +0000 UTC", "2026-01-31"),
        ("2026-01-31 12:00:00 +0000 UTC", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00.25 +0200 +0200", "2026-01-31T12:00:00.25+02:00"),
        ("2026-01-31 12:00:00 -0330 -0330", "2026-01-31T12:00:00-03:30"),
        ("2026-01-31 00:00:00 +0100 CET", "2026-01-31T00:00:00+01:00"),
        ("0001-01-01 00:00:00 +0000 UTC", "0001-01-01"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31 12:00:00", "2026-01-31 12:00:00"),
        ("since 2026-01-31 00:00:00 +0000 UTC", "since 2026-01-31 00:00:00 +0000 UTC"),
        (9223372036854775807, 9223372036854775807),
        (-9223372036854775808, -9223372036854775808),
        (9007199254740993, 9007199254740993),
        ("12345678901234567890", "12345678901234567890"),
        (1e30, 1e30),
        (0.1, 0.1),
        (True, True),
    ],
)
def test_a_parameter_is_handed_on_as_it_was_written(arrived: object, written: object, change: Change) -> None:
    training = (
        parse(change({"models.recommender.training.parameters": {"since": arrived}})).models["recommender"].training
    )
    assert training.parameters["since"] == written
    assert type(training.parameters["since"]) is type(written)


@pytest.mark.parametrize("arrived", [12345678901234567000, -9223372036854776000, 2**63, 1.2345678901234568e29])
def test_a_number_that_pulumi_has_rounded_is_refused(arrived: float, change: Change) -> None:
    with pytest.raises(pulumi.RunError) as error:
        parse(change({"models.recommender.training.parameters": {"seed": arrived}}))
    assert str(error.value) == (
        f"ml-loop:models.recommender.training.parameters.seed: {arrived} is not allowed; expected a whole number of at "
        "most 64 bits: this is what Pulumi made of a longer one. Write it in quotes, as a text."
    )


def test_a_union_is_chosen_by_its_kind(change: Change) -> None:
    endpoint = {"endpoint": "https://s3.example.com", "bucket": "models", "credentialsSecret": "mlflow-s3"}
    stack = parse(change({"artifacts": {"kind": "s3-compatible", **endpoint}, "kafka": {"kind": "bundled"}}))
    assert isinstance(stack.artifacts, S3Compatible)
    assert isinstance(stack.kafka, BundledKafka)
    assert isinstance(parse(change({})).kafka, ExternalKafka)


def test_an_unknown_test_is_not_taken_for_the_default(change: Change) -> None:
    drift = parse(change({"models.recommender.drift.test": "mmd"})).models["recommender"].drift
    assert drift is not None
    assert drift.test is DriftTest.MMD
