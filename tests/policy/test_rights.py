"""Roles say what they mean, and the identities that move production do nothing else."""

from typing import Any

import pytest

from policy.rule import Resource
from policy.rules.alias import PRODUCTION_ALIAS
from policy.rules.rbac import CHART_RBAC, NO_WILDCARD_RBAC
from tests.policy.manifests import (
    changed,
    container,
    messages,
    pod,
    thing,
)

ROLE = thing(
    "rbac.authorization.k8s.io/v1",
    "Role",
    "reader",
    rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
)


@pytest.mark.parametrize(("key", "value"), [("apiGroups", "*"), ("resources", "pods/*"), ("verbs", "*")])
def test_a_wildcard_in_a_role_is_named(key: str, value: str) -> None:
    wild = changed(ROLE, f"rules.0.{key}", ["list", value])
    message = f'Role ml/reader: rules[0].{key}[1] is "{value}"; must be named, not a wildcard; list what is used'
    assert messages(NO_WILDCARD_RBAC, ROLE) == []
    assert messages(NO_WILDCARD_RBAC, wild) == [message]
    assert messages(NO_WILDCARD_RBAC, Resource(wild, from_chart=True)) == []
    assert messages(CHART_RBAC, Resource(wild, from_chart=True)) == [message]
    assert messages(CHART_RBAC, wild) == []


def test_a_binding_to_cluster_admin_is_named() -> None:
    binding = thing("rbac.authorization.k8s.io/v1", "RoleBinding", "all", roleRef={"name": "cluster-admin"})
    assert messages(NO_WILDCARD_RBAC, binding) == [
        (
            'RoleBinding ml/all: roleRef.name is "cluster-admin"; must be a role of the least privilege; '
            "bind a role with the verbs that are used"
        )
    ]


def promotion(account: str, command: str) -> dict[str, Any]:
    spec = {**pod(container(command=["python3", "-m", "loop", command])), "serviceAccountName": account}
    return thing("batch/v1", "Job", "job", spec={"template": {"spec": spec}})


def test_promotion_runs_as_its_own_identity_and_nothing_else_does() -> None:
    assert messages(PRODUCTION_ALIAS, promotion("recommender-promote", "promote")) == []
    assert messages(PRODUCTION_ALIAS, promotion("recommender-train", "train")) == []
    where = 'Job ml/job, container "server": spec.template.spec.serviceAccountName'
    assert messages(PRODUCTION_ALIAS, promotion("recommender-train", "promote")) == [
        (
            f'{where} is "recommender-train"; must be the promotion\'s own account (<model>-promote); '
            "run the promotion as it"
        )
    ]
    assert messages(PRODUCTION_ALIAS, promotion("recommender-promote", "train")) == [
        (
            'Job ml/job: spec.template.spec.serviceAccountName is "recommender-promote"; '
            "must be another account: this one may move the alias production; give the pod an account of its own"
        )
    ]


def test_who_puts_production_back_runs_as_an_identity_of_its_own_and_nothing_else_does() -> None:
    assert messages(PRODUCTION_ALIAS, promotion("recommender-aliases", "watch-aliases")) == []
    where = 'Job ml/job, container "server": spec.template.spec.serviceAccountName'
    assert messages(PRODUCTION_ALIAS, promotion("recommender-promote", "watch-aliases")) == [
        (
            'Job ml/job: spec.template.spec.serviceAccountName is "recommender-promote"; '
            "must be another account: this one may move the alias production; give the pod an account of its own"
        ),
        (
            f'{where} is "recommender-promote"; must be the watch of the aliases\'s own account (<model>-aliases); '
            "run the watch of the aliases as it"
        ),
    ]
    assert messages(PRODUCTION_ALIAS, promotion("recommender-aliases", "train")) == [
        (
            'Job ml/job: spec.template.spec.serviceAccountName is "recommender-aliases"; '
            "must be another account: this one may move the alias production; give the pod an account of its own"
        )
    ]
