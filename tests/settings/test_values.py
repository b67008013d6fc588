"""What right values become."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pulumi
import pytest

from settings import AwsS3, BundledKafka, DriftTest, ExternalKafka, KServeMode, S3Compatible, Settings, parse
from settings.values.quantity import amount

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


@pytest.mark.parametrize("wrong", ["", "h", "0h", "6 h", "30m1h", "1.5h", "PT6H", "-6h"])
def test_what_is_no_duration_is_refused(wrong: str, change: Change) -> None:
    with pytest.raises(pulumi.RunError, match="expected a duration with a unit"):
        parse(change({"models.recommender.retraining.cooldown": wrong}))


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("500m", "0.5"), ("2", "2"), ("0.25", "0.25"), ("1Ki", "1024"), ("1.5Gi", "1610612736"), ("2G", "2000000000")],
)
def test_a_quantity_is_a_number_of_cpus_or_bytes(quantity: str, number: str) -> None:
    assert amount(quantity) == Decimal(number)


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
    "expires", ["2027-01-31", "2027-01-31T00:00:00Z", "2027-01-31 00:00:00 +0000 UTC", date(2027, 1, 31)]
)
def test_a_date_is_read_as_each_yaml_parser_hands_it_over(expires: object, change: Change) -> None:
    exception = {"rule": "images-by-digest", "reason": "mirror", "expires": expires}
    assert parse(change({"policyExceptions": [exception]})).policy_exceptions[0].expires == date(2027, 1, 31)


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
