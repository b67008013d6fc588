"""The rules besides Pod Security: a happy object of each, then one broken property a test, with the exact message."""

from types import SimpleNamespace
from typing import Any

import pytest

import versions
from policy.rule import Resource
from policy.rules import RULES
from policy.rules.charts import VISIBLE_CHARTS
from policy.rules.deletion import DELETION_PROTECTION
from policy.rules.filesystem import READ_ONLY_FILESYSTEM
from policy.rules.images import EXACT_IMAGES, TAGGED_IMAGES
from policy.rules.namespaces import RESTRICTED_NAMESPACES
from policy.rules.pins import pin_violations
from policy.rules.restricted import RESTRICTED_PODS
from tests.policy.manifests import (
    AT,
    IMAGE,
    PREFIX,
    SPEC,
    changed,
    denial,
    deployment,
    messages,
    namespace,
    pod,
    thing,
)


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
