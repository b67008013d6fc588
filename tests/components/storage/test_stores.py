"""A store by its kind: on AWS, at a service that exists, or the bundled one."""

from dataclasses import replace

import pytest

from components.storage.artifact_store import Store
from tests.components.arguments import external_s3_args, s3_bucket_args, versitygw_args
from tests.components.storage.recorded import archive, build, trained


@pytest.mark.parametrize(
    ("store", "made"),
    [(s3_bucket_args(), ["S3Bucket"]), (versitygw_args(), ["VersityGw"]), (external_s3_args(), [])],
    ids=["aws", "bundled", "external"],
)
def test_the_kind_of_the_arguments_decides_what_is_made(store: Store, made: list[str]) -> None:
    recording, _ = build(store)
    components = [resource.type.rpartition(":")[2] for resource in recording.resources if resource.component]
    assert components == ["ArtifactStore", *made]


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://s3.example.com", 443), ("http://s3.example.com", 80), ("https://s3.example.com:9000/base", 9000)],
)
def test_clients_of_a_service_elsewhere_may_reach_its_port_only(endpoint: str, port: int) -> None:
    _, store = build(replace(external_s3_args(), endpoint=endpoint))
    assert [(rule.ports, rule.peers) for rule in store.bucket("mlflow").egress] == [((port,), None)]


def test_logs_go_to_a_bucket_of_their_own_at_the_service_by_another_secret() -> None:
    _, store = build(external_s3_args())
    assert store.logs
    assert store.logs.egress == store.bucket("mlflow").egress
    place = archive(trained(external_s3_args()))
    assert (place["endpoint"], place["insecure"], place["bucket"]) == ("s3.example.com", False, "training-logs")
    assert place["secretKeySecret"] == {"name": "training-logs-s3", "key": "secret-access-key"}


def test_at_a_service_without_a_bucket_for_logs_they_stay_with_their_pods() -> None:
    _, store = build(replace(external_s3_args(), logs=None))
    assert store.logs is None


def test_a_service_elsewhere_is_used_as_it_is() -> None:
    recording, _ = build(external_s3_args())
    outputs = {"bucket": "artifacts", "endpoint": "https://s3.example.com"}
    assert recording.only("ArtifactStore").outputs == outputs
