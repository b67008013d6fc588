"""As whom pods run, and what they may do: a happy object, then one broken property a test, with the exact message."""

from typing import Any

import pytest

from policy.manifest import Unknown
from policy.rule import Resource
from policy.rules.isolation import DENIED_BY_DEFAULT
from policy.rules.rbac import NO_WILDCARD_RBAC
from policy.rules.tokens import EARNED_TOKENS
from policy.rules.users import NAMED_USERS
from tests.policy.manifests import changed, container, denial, deployment, messages, namespace, pod, thing

SPEC = "spec.template.spec"
SERVER = "Deployment ml/server"
RIGHTS = "false, or true for an account with rights in this stack; set it to false"
HANDED = "false, or true for an EventSource's or a Sensor's account with rights in this stack; set it to false"
RBAC = "rbac.authorization.k8s.io/v1"
ACCOUNT = thing("v1", "ServiceAccount", "worker", automountServiceAccountToken=False)
BINDING = thing(RBAC, "RoleBinding", "worker", subjects=[{"kind": "ServiceAccount", "name": "worker"}])
EVENTS = {"template": {"serviceAccountName": "worker"}}
SOURCE = thing("argoproj.io/v1alpha1", "EventSource", "drift", spec=EVENTS)


def token(**settings: Any) -> dict[str, Any]:
    return {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token", **settings}}]}}


def worker(*volumes: dict[str, Any], mounts: bool = False) -> dict[str, Any]:
    spec = pod() | {"serviceAccountName": "worker", "automountServiceAccountToken": mounts, "volumes": list(volumes)}
    return deployment(spec)


@pytest.mark.parametrize("key", ["runAsUser", "runAsGroup"])
@pytest.mark.parametrize(("value", "found"), [(None, "not set"), (0, "0")])
def test_a_pod_names_a_user_and_a_group_above_zero(key: str, value: int | None, found: str) -> None:
    assert messages(NAMED_USERS, changed(deployment(), f"{SPEC}.securityContext.{key}", value)) == [
        f"{SERVER}: {SPEC}.securityContext.{key} is {found}; must be a number above 0; name one, such as 65532"
    ]


def test_containers_may_name_their_users_themselves() -> None:
    own = container()
    own["securityContext"] |= {"runAsUser": 26, "runAsGroup": 26}
    assert messages(NAMED_USERS, deployment({"containers": [own]})) == []
    own["securityContext"]["runAsGroup"] = 0
    assert messages(NAMED_USERS, deployment({"containers": [own]})) == [
        (
            f"{SERVER}: {SPEC}.containers[0].securityContext.runAsGroup is 0; "
            "must be a number above 0; name one, such as 65532"
        )
    ]


@pytest.mark.parametrize(
    ("key", "value", "field"), [("fsGroup", 0, "fsGroup"), ("supplementalGroups", [0], "supplementalGroups[0]")]
)
def test_no_group_beside_them_is_root_s(key: str, value: Any, field: str) -> None:
    assert messages(NAMED_USERS, changed(deployment(), f"{SPEC}.securityContext.{key}", value)) == [
        f"{SERVER}: {SPEC}.securityContext.{field} is 0; must be a number above 0; name one, such as 65532"
    ]


def test_a_user_that_is_not_known_yet_has_not_passed() -> None:
    unknown = changed(deployment(), f"{SPEC}.securityContext.runAsUser", Unknown("user"))
    assert messages(NAMED_USERS, unknown) == [
        f"{SERVER}: {SPEC}.securityContext.runAsUser is not known yet (user); must be a number above 0"
    ]


def test_the_users_of_charts_are_the_charts_business() -> None:
    bare = changed(deployment(), f"{SPEC}.securityContext.runAsUser", None)
    assert messages(NAMED_USERS, Resource(bare, from_chart=True)) == []


@pytest.mark.parametrize(("value", "found"), [(None, "not set"), (True, "true")])
def test_a_pod_without_rights_gets_no_token(value: bool | None, found: str) -> None:
    field = f"{SPEC}.automountServiceAccountToken"
    assert messages(EARNED_TOKENS, changed(deployment(), field, value)) == [
        f"{SERVER}: {field} is {found}; must be {RIGHTS}"
    ]


@pytest.mark.parametrize(("value", "found"), [(None, "not set"), (True, "true")])
def test_an_account_without_rights_hands_out_no_token(value: bool | None, found: str) -> None:
    assert messages(EARNED_TOKENS, ACCOUNT) == []
    assert messages(EARNED_TOKENS, changed(ACCOUNT, "automountServiceAccountToken", value)) == [
        f"ServiceAccount ml/worker: automountServiceAccountToken is {found}; must be {HANDED}"
    ]


def test_rights_earn_a_pod_a_token() -> None:
    assert messages(EARNED_TOKENS, worker(mounts=True), BINDING) == []


def test_only_pods_that_cannot_mount_a_token_themselves_get_it_from_their_account() -> None:
    generous = changed(ACCOUNT, "automountServiceAccountToken", True)
    assert messages(EARNED_TOKENS, generous, BINDING, SOURCE) == []
    for others in ([BINDING, worker()], [SOURCE]):
        assert messages(EARNED_TOKENS, generous, *others) == [
            f"ServiceAccount ml/worker: automountServiceAccountToken is true; must be {HANDED}"
        ]


def test_rights_that_are_not_known_yet_earn_nothing_yet() -> None:
    unknown = changed(BINDING, "subjects.0.name", Unknown("subjects[0].name"))
    assert messages(EARNED_TOKENS, worker(mounts=True), unknown) == [
        (
            f"{SERVER}: {SPEC}.automountServiceAccountToken is not known yet (subjects[0].name); "
            "must be false, or true for an account with rights in this stack"
        )
    ]


def test_a_pod_that_follows_its_account_names_one_of_the_stack() -> None:
    assert messages(EARNED_TOKENS, SOURCE, ACCOUNT) == []
    assert messages(EARNED_TOKENS, changed(SOURCE, "spec.template.serviceAccountName", None), ACCOUNT) == [
        (
            "EventSource ml/drift: spec.template.serviceAccountName is not set; must be an account of this stack, "
            "which hands out no token; name one: the account default hands out a token"
        )
    ]


def test_a_projected_token_is_for_another_server_or_earned() -> None:
    field = f"{SPEC}.volumes[0].projected.sources[0].serviceAccountToken.audience"
    assert messages(EARNED_TOKENS, worker(token(audience="mlflow"))) == []
    assert messages(EARNED_TOKENS, worker(token()), BINDING) == []
    assert messages(EARNED_TOKENS, worker(token())) == [
        (
            f"{SERVER}: {field} is not set; must be set: the pod's account has no rights in this stack; "
            "name the one server that takes it"
        )
    ]


def test_a_pod_has_one_token_for_the_api_server() -> None:
    second = (
        "serviceAccountToken.audience is not set; must be set: the pod has a token for the API server already; "
        "name the one server that takes it"
    )
    assert messages(EARNED_TOKENS, worker(token(), mounts=True), BINDING) == [
        f"{SERVER}: {SPEC}.volumes[0].projected.sources[0].{second}"
    ]
    assert messages(EARNED_TOKENS, worker(token(), token()), BINDING) == [
        f"{SERVER}: {SPEC}.volumes[1].projected.sources[0].{second}"
    ]


def test_a_token_lives_for_an_hour_at_most() -> None:
    long = token(audience="mlflow", expirationSeconds=86400)
    assert messages(EARNED_TOKENS, worker(long)) == [
        (
            f"{SERVER}: {SPEC}.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds is 86400; "
            "must be 3600 at most; set it lower: the kubelet renews tokens"
        )
    ]


@pytest.mark.parametrize(
    ("resources", "verbs", "open_"),
    [
        (["pods"], ["get"], True),
        (["pods"], ["list"], False),
        (["leases"], ["get", "create", "update"], False),
        (["secrets"], ["list"], True),
    ],
)
def test_a_role_names_objects_where_its_verbs_take_a_name(resources: list[str], verbs: list[str], open_: bool) -> None:
    role = thing(RBAC, "Role", "reader", rules=[{"apiGroups": [""], "resources": resources, "verbs": verbs}])
    message = "Role ml/reader: rules[0].resourceNames is not set; must be the objects that are used; list the names"
    assert messages(NO_WILDCARD_RBAC, role) == ([message] if open_ else [])
    assert messages(NO_WILDCARD_RBAC, changed(role, "rules.0.resourceNames", ["one"])) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.policyTypes", ["Ingress"]),
        ("spec.podSelector", {"matchLabels": {"app": "a"}}),
        ("spec.ingress", [{}]),
        ("metadata.namespace", "other"),
    ],
)
def test_a_namespace_denies_all_traffic_by_default(path: str, value: Any) -> None:
    assert messages(DENIED_BY_DEFAULT, namespace(), denial()) == []
    assert messages(DENIED_BY_DEFAULT, namespace(), changed(denial(), path, value)) == [
        (
            "Namespace ml: NetworkPolicy is not set; must be one with an empty podSelector, policyTypes Ingress and "
            "Egress, and without rules; add it: other policies add to it"
        )
    ]
