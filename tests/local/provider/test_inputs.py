"""Inputs are completed and judged before anything is asked of a cluster."""

import re

import pytest

from local.provider.inputs import InputError, check, imported
from local.provider.values import UNKNOWN, Json, Secret


def config_map(**metadata: object) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"} | metadata}


def checked(news: Json, olds: Json | None = None) -> Json:
    token = f"kubernetes:core/v1:{news['kind']}"
    return check(news, olds or {}, token=token, resource="settings", seed=b"seed", namespace="home")


def test_an_object_without_a_namespace_gets_the_providers() -> None:
    assert checked(config_map())["metadata"] == {"name": "settings", "namespace": "home"}


def test_an_object_keeps_its_own_namespace() -> None:
    assert checked(config_map(namespace="away"))["metadata"]["namespace"] == "away"


def test_an_object_without_a_name_gets_one_that_says_it_was_generated() -> None:
    metadata = checked({"apiVersion": "v1", "kind": "ConfigMap"})["metadata"]
    assert re.fullmatch(r"settings-[0-9a-f]{8}", metadata["name"])
    assert metadata["annotations"] == {"pulumi.com/autonamed": "true"}


def test_a_generated_name_is_kept_for_the_objects_life() -> None:
    olds = config_map(name="settings-12345678", annotations={"pulumi.com/autonamed": "true"})
    assert checked({"apiVersion": "v1", "kind": "ConfigMap"}, olds)["metadata"]["name"] == "settings-12345678"


def test_a_name_that_the_program_gave_up_is_not_kept() -> None:
    metadata = checked({"apiVersion": "v1", "kind": "ConfigMap"}, config_map(name="fixed"))["metadata"]
    assert metadata["name"] != "fixed"


def test_the_body_of_a_secret_is_kept_secret_from_the_first() -> None:
    news = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"password": "hunter2"}}
    assert checked(news)["stringData"] == Secret({"password": "hunter2"})


def test_metadata_that_a_preview_does_not_know_passes() -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": UNKNOWN}
    assert checked(news) == news


@pytest.mark.parametrize(
    ("news", "message"),
    [
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo", "namespace": "demo"}},
            "a Namespace belongs to the whole cluster: remove metadata.namespace",
        ),
        (
            config_map(generateName="settings-"),
            "metadata.generateName cannot be applied: set metadata.name, or leave both out for a generated name",
        ),
        (
            config_map(annotations={"pulumi.com/timeoutSeconds": "10m"}),
            "pulumi.com/timeoutSeconds is '10m': give whole seconds above 0, for instance 600",
        ),
        (
            config_map(annotations={"pulumi.com/waitFor": "Ready"}),
            'pulumi.com/waitFor holds \'Ready\': write "condition=<Type>[=<Status>]" or "jsonpath={.path}[=<value>]"',
        ),
    ],
)
def test_a_bad_input_is_refused_in_one_sentence(news: Json, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        checked(news)


def test_an_imported_object_leaves_out_what_the_api_server_wrote() -> None:
    live = config_map(uid="1", resourceVersion="7", managedFields=[{}], labels={"a": "b"}) | {"status": {}}
    assert imported(live) == config_map(labels={"a": "b"})
