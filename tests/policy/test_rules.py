"""The rules besides Pod Security: a happy object of each, then one broken property a test, with the exact message."""

from types import SimpleNamespace
from typing import Any

import pytest

import versions
from policy.manifest import Unknown
from policy.rule import Resource
from policy.rules import RULES
from policy.rules.alias import PRODUCTION_ALIAS
from policy.rules.charts import VISIBLE_CHARTS
from policy.rules.deletion import DELETION_PROTECTION
from policy.rules.filesystem import READ_ONLY_FILESYSTEM
from policy.rules.images import EXACT_IMAGES, TAGGED_IMAGES
from policy.rules.namespaces import RESTRICTED_NAMESPACES
from policy.rules.pins import pin_violations
from policy.rules.rbac import CHART_RBAC, NO_WILDCARD_RBAC
from policy.rules.restricted import RESTRICTED_PODS
from policy.rules.secrets import NO_PLAIN_SECRETS
from tests.policy.manifests import (
    IMAGE,
    PREFIX,
    changed,
    container,
    denial,
    deployment,
    messages,
    namespace,
    pod,
    thing,
)

AT = 'Deployment ml/server, container "server": spec.template.spec.containers[0].'
SPEC = "spec.template.spec"


def kind_of(value: Any) -> str | None:
    return value["kind"] if isinstance(value, dict) else None


def test_the_names_of_rules_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_hardened_deployment_in_a_restricted_namespace_breaks_no_rule(rule: Any) -> None:
    assert messages(rule, deployment(), namespace(), denial(), stack="prod") == []
    assert messages(rule, namespace(), denial(), deployment(), stack="prod") == []


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (thing("v1", "Pod", "server", spec=pod()), "spec"),
        (deployment(), SPEC),
        ({**deployment(), "kind": "StatefulSet"}, SPEC),
        ({**deployment(), "kind": "DaemonSet"}, SPEC),
        ({**deployment(), "kind": "ReplicaSet"}, SPEC),
        ({**deployment(), "apiVersion": "batch/v1", "kind": "Job"}, SPEC),
        ({**deployment(), "apiVersion": "v1", "kind": "ReplicationController"}, SPEC),
        (thing("v1", "PodTemplate", "server", template={"spec": pod()}), "template.spec"),
        (
            thing("batch/v1", "CronJob", "server", spec={"jobTemplate": {"spec": {"template": {"spec": pod()}}}}),
            f"spec.jobTemplate.{SPEC}",
        ),
    ],
    ids=kind_of,
)
def test_every_workload_kind_is_held_to_restricted(manifest: dict[str, Any], path: str) -> None:
    assert messages(RESTRICTED_PODS, manifest) == []
    assert messages(RESTRICTED_PODS, changed(manifest, f"{path}.hostNetwork", True)) == [
        f"{manifest['kind']} ml/server: {path}.hostNetwork is true; must be false or unset; remove it"
    ]


def test_an_own_container_with_a_writable_root_is_named() -> None:
    writable = changed(deployment(), f"{SPEC}.containers.0.securityContext.readOnlyRootFilesystem", None)
    assert messages(READ_ONLY_FILESYSTEM, writable) == [
        (
            f"{AT}securityContext.readOnlyRootFilesystem is not set; must be true; "
            "set it to true and mount an emptyDir where the container writes"
        )
    ]
    assert messages(READ_ONLY_FILESYSTEM, Resource(writable, from_chart=True)) == []


@pytest.mark.parametrize("mode", ["enforce", "audit", "warn"])
def test_a_namespace_without_a_restricted_mode_is_named(mode: str) -> None:
    weak = namespace()
    weak["metadata"]["labels"][PREFIX + mode] = "baseline"
    assert messages(RESTRICTED_NAMESPACES, weak) == [
        f'Namespace ml: metadata.labels[{PREFIX}{mode}] is "baseline"; must be restricted; set it to restricted'
    ]


@pytest.mark.parametrize("version", ["latest", "v1", "1.35"])
def test_a_namespace_whose_version_may_move_is_named(version: str) -> None:
    moving = namespace()
    moving["metadata"]["labels"][f"{PREFIX}enforce-version"] = version
    assert messages(RESTRICTED_NAMESPACES, moving) == [
        (
            f'Namespace ml: metadata.labels[{PREFIX}enforce-version] is "{version}"; '
            "must be a pinned version such as v1.35; set it to v1.35"
        )
    ]


def test_a_workload_in_a_namespace_that_is_nowhere_in_sight_is_not_known_yet() -> None:
    assert messages(RESTRICTED_NAMESPACES, deployment()) == [
        (
            "Deployment ml/server: metadata.namespace is not known yet (the labels of namespace ml); "
            "must be a namespace that enforces restricted"
        )
    ]


def test_the_namespace_of_an_application_s_pods_counts_and_not_its_own() -> None:
    destination = {"namespace": "shop"}
    application = thing("argoproj.io/v1alpha1", "Application", "shop", spec={"destination": destination})
    assert messages(RESTRICTED_NAMESPACES, application, namespace()) == [
        (
            "Application ml/shop: spec.destination.namespace is not known yet (the labels of namespace shop); "
            "must be a namespace that enforces restricted"
        )
    ]


@pytest.mark.parametrize("image", ["app", "app:latest", "registry.example:5000/app", "app:v1-latest", "app@sha256:0"])
def test_an_image_that_may_move_is_named(image: str) -> None:
    assert messages(EXACT_IMAGES, changed(deployment(), f"{SPEC}.containers.0.image", image)) == [
        (
            f'{AT}image is "{image}"; must be a reference by digest (name@sha256:…), or by a tag other than latest; '
            "write the version you tested"
        )
    ]


def test_production_takes_own_images_by_digest_only_and_chart_images_by_tag() -> None:
    tagged = changed(deployment(), f"{SPEC}.containers.0.image", "app:1.2.3")
    assert messages(EXACT_IMAGES, tagged, stack="dev") == []
    assert messages(EXACT_IMAGES, Resource(tagged, from_chart=True), stack="prod") == []
    assert messages(EXACT_IMAGES, tagged, stack="prod") == [
        f'{AT}image is "app:1.2.3"; must be a reference by digest (name@sha256:…); write the version you tested'
    ]


def test_tags_are_reported_where_they_are_allowed() -> None:
    tagged = changed(deployment(), f"{SPEC}.containers.0.image", "app:1.2.3")
    message = (
        f'{AT}image is "app:1.2.3"; must be a reference by digest (name@sha256:…); '
        "append the digest of the version you tested"
    )
    assert messages(TAGGED_IMAGES, tagged, stack="dev") == [message]
    assert messages(TAGGED_IMAGES, Resource(tagged, from_chart=True), stack="prod") == [message]
    assert messages(TAGGED_IMAGES, tagged, stack="prod") == []


def test_the_image_of_a_postgres_cluster_counts() -> None:
    cluster = thing("postgresql.cnpg.io/v1", "Cluster", "db", spec={"imageName": "postgres:latest"})
    assert messages(EXACT_IMAGES, cluster) == [
        (
            'Cluster ml/db: spec.imageName is "postgres:latest"; '
            "must be a reference by digest (name@sha256:…), or by a tag other than latest; write the version you tested"
        )
    ]


def test_a_release_hides_its_objects_and_a_chart_does_not() -> None:
    release = Resource({"version": "1.2.3"}, type="kubernetes:helm.sh/v3:Release", label="Release kserve")
    assert messages(VISIBLE_CHARTS, release) == [
        (
            'Release kserve: type is "kubernetes:helm.sh/v3:Release"; must be kubernetes:helm.sh/v4:Chart: '
            "a Release hides its objects from every rule; "
            "install the chart with kubernetes.helm.v4.Chart, which renders it"
        )
    ]
    chart = {"chart": "kserve", "version": "v0.20.0"}
    assert messages(VISIBLE_CHARTS, Resource(chart, type="kubernetes:helm.sh/v4:Chart", label="Chart kserve")) == []


@pytest.mark.parametrize("version", ["1", "1.x", ">=1.2.3", "latest"])
def test_a_chart_whose_version_may_move_is_named(version: str) -> None:
    chart = Resource({"chart": "kserve", "version": version}, type="kubernetes:helm.sh/v4:Chart", label="Chart kserve")
    application = thing(
        "argoproj.io/v1alpha1", "Application", "mlflow", spec={"source": {"chart": "mlflow", "targetRevision": version}}
    )
    required = "must be an exact version such as 1.2.3; write the tested version"
    assert messages(VISIBLE_CHARTS, chart) == [f'Chart kserve: version is "{version}"; {required}']
    assert messages(VISIBLE_CHARTS, application) == [
        f'Application ml/mlflow: spec.source.targetRevision is "{version}"; {required}'
    ]


def test_the_stacks_own_pins_are_exact_licensed_and_explained() -> None:
    assert [violation.message for violation in pin_violations(versions)] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "1.x"}, 'version is "1.x"; must be an exact version such as 1.2.3; write the tested version'),
        ({"tag": "latest"}, 'tag is "latest"; must be an exact tag; write the tested version'),
        ({"why": ""}, 'why is ""; must be a reason; say why it is this version'),
        (
            {"license": "BUSL-1.1"},
            (
                'license is "BUSL-1.1"; must be one of Apache-2.0, BSD-2-Clause, BSD-3-Clause, ISC, MIT, MPL-2.0, '
                "PSF-2.0, PostgreSQL, Python-2.0, Zlib; "
                "hold the last version under an allowed license, or replace the part"
            ),
        ),
    ],
)
def test_a_pin_that_breaks_one_property_is_named(change: dict[str, str], message: str) -> None:
    happy = {"version": "0.11.4", "tag": "0.11.4", "license": "Apache-2.0", "why": "later ones are not free"}
    assert list(pin_violations(SimpleNamespace(ALIBI=SimpleNamespace(**happy), other=1))) == []
    found = pin_violations(SimpleNamespace(ALIBI=SimpleNamespace(**(happy | change))))
    assert [violation.message for violation in found] == [f"versions.ALIBI: {message}"]


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


BUCKET = Resource({"bucket": "models"}, type="aws:s3/bucket:Bucket", label="Bucket models", protected=True)


def test_production_protects_what_holds_data() -> None:
    cluster = thing("postgresql.cnpg.io/v1", "Cluster", "db")
    bare = Resource(cluster, type="kubernetes:postgresql.cnpg.io/v1:Cluster")
    assert messages(DELETION_PROTECTION, BUCKET, stack="prod") == []
    assert messages(DELETION_PROTECTION, bare, stack="dev") == []
    assert messages(DELETION_PROTECTION, bare, stack="organization/ml-loop/prod") == [
        "Cluster ml/db: opts.protect is false; must be true; set protect=True in its options"
    ]
    forced = Resource({"forceDestroy": True}, type=BUCKET.type, label="Bucket models", protected=True)
    assert messages(DELETION_PROTECTION, forced, stack="prod") == [
        "Bucket models: forceDestroy is true; must be false or unset; remove it"
    ]


def test_a_digest_is_what_the_happy_image_has() -> None:
    assert messages(EXACT_IMAGES, changed(deployment(), f"{SPEC}.containers.0.image", IMAGE), stack="prod") == []
