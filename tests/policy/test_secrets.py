"""No secret stands in plain sight: in pods, and in the configuration of a stack."""

from typing import Any

import pytest

from policy.manifest import Unknown
from policy.rules.secrets import NO_PLAIN_SECRETS
from tests.policy.manifests import (
    AT,
    SPEC,
    changed,
    deployment,
    messages,
    thing,
)

HIDDEN = 'is "(a value that is not repeated here)"'


REMEDY = "must be a reference to a Secret; keep it in a Secret and refer to it with valueFrom.secretKeyRef"


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "token", "API_KEY", "MLFLOW_FLASK_SERVER_SECRET"]
)
def test_a_variable_named_like_a_credential_is_named_and_not_repeated(name: str) -> None:
    env = [{"name": name, "value": "hunter2"}]
    assert messages(NO_PLAIN_SECRETS, changed(deployment(), f"{SPEC}.containers.0.env", env)) == [
        f"{AT}env[0] ({name}) {HIDDEN}; {REMEDY}"
    ]


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://mlflow:hunter2@db:5432/mlflow",
        "AKIA" + "A" * 16,
        "-----BEGIN EC PRIVATE KEY-----",
        "ghp_" + "a" * 36,
    ],
)
def test_a_value_shaped_like_a_credential_is_found_wherever_it_stands(value: str) -> None:
    env = [{"name": "URI", "value": value}]
    variable = changed(deployment(), f"{SPEC}.containers.0.env", env)
    argument = changed(deployment(), f"{SPEC}.containers.0.args", ["--uri", value])
    config = thing("v1", "ConfigMap", "settings", data={"uri": value})
    assert messages(NO_PLAIN_SECRETS, variable) == [f"{AT}env[0] (URI) {HIDDEN}; {REMEDY}"]
    assert messages(NO_PLAIN_SECRETS, argument) == [f"{AT}args[1] {HIDDEN}; {REMEDY}"]
    assert messages(NO_PLAIN_SECRETS, config) == [
        f"ConfigMap ml/settings: data[uri] {HIDDEN}; must be free of credentials; move it to a Secret"
    ]


@pytest.mark.parametrize(
    ("document", "plain"),
    [
        ('{"s3": {"secretName": "storage", "keyName": "AWS_SECRET_ACCESS_KEY"}}', False),
        ('{"s3": {"secretAccessKey": "hunter2"}}', True),
        ("{hunter2", True),
    ],
    ids=["names of Secrets", "a Secret's value", "no JSON"],
)
def test_a_json_text_under_a_credential_s_name_is_judged_by_what_it_holds(document: str, plain: bool) -> None:
    config = thing("v1", "ConfigMap", "settings", data={"credentials": document})
    assert bool(messages(NO_PLAIN_SECRETS, config)) is plain


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"name": "DB_PASSWORD_FILE", "value": "/run/secrets/db"},
        {"name": "AWS_ACCESS_KEY_ID_FILE", "value": "/run/secrets/id"},
        {"name": "URI", "value": "postgresql://mlflow:$(DB_PASSWORD)@db:5432/mlflow"},
        {"name": "TRACKING", "value": "http://mlflow.mlflow.svc:5000"},
    ],
)
def test_references_paths_and_addresses_are_no_secrets(variable: dict[str, Any]) -> None:
    assert messages(NO_PLAIN_SECRETS, changed(deployment(), f"{SPEC}.containers.0.env", [variable])) == []


def test_a_plain_secret_in_a_stacks_config_is_named() -> None:
    stack = {"apiVersion": "v1", "kind": "PulumiStack", "metadata": {"name": "Pulumi.prod.yaml"}}
    secure = {**stack, "config": {"ml-loop:storeSecretKey": {"secure": "v1:abc"}}}
    plain = {**stack, "config": {"ml-loop:storeSecretKey": "hunter2"}}
    assert messages(NO_PLAIN_SECRETS, secure) == []
    assert messages(NO_PLAIN_SECRETS, plain) == [
        (
            f"PulumiStack Pulumi.prod.yaml: config[ml-loop:storeSecretKey] {HIDDEN}; must be encrypted; "
            "set it with pulumi config set --secret"
        )
    ]


def test_a_credential_that_is_not_known_yet_is_not_passed() -> None:
    env = [{"name": "DB_PASSWORD", "value": Unknown(f"{SPEC}.containers[0].env[0].value")}]
    assert messages(NO_PLAIN_SECRETS, changed(deployment(), f"{SPEC}.containers.0.env", env)) == [
        (
            f"{AT}env[0] (DB_PASSWORD) is not known yet ({SPEC}.containers[0].env[0].value); "
            "must be a reference to a Secret"
        )
    ]
