"""What changed, what that replaces, and what a live object says about our fields."""

import pytest

from local.provider.diff import changed_paths, delete_first, owned, replacing
from local.provider.kinds import immutable_fields
from local.provider.values import UNKNOWN, Json, Secret


def deployment() -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "demo", "labels": {"app.kubernetes.io/name": "app"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "spec": {"containers": [{"name": "app", "image": "app:1", "resources": {"limits": {"cpu": "1000m"}}}]}
            },
        },
    }


def test_equal_inputs_have_no_changes() -> None:
    assert changed_paths(deployment(), deployment()) == {}


def test_a_changed_list_item_is_named_by_its_index() -> None:
    new = deployment()
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2"
    assert changed_paths(deployment(), new) == {"spec.template.spec.containers[0].image": "update"}


def test_a_key_with_dots_is_quoted() -> None:
    new = deployment()
    del new["metadata"]["labels"]["app.kubernetes.io/name"]
    assert changed_paths(deployment(), new) == {'metadata.labels["app.kubernetes.io/name"]': "delete"}


def test_a_secret_differs_by_its_content_not_by_being_wrapped() -> None:
    assert changed_paths({"value": "same"}, {"value": Secret("same")}) == {}
    assert changed_paths({"value": Secret("old")}, {"value": Secret("new")}) == {"value": "update"}


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "spec.selector.matchLabels.app"),
        ({"apiVersion": "batch/v1", "kind": "Job"}, "spec.template.spec.containers[0].image"),
        ({"apiVersion": "v1", "kind": "PersistentVolumeClaim"}, "spec.storageClassName"),
        ({"apiVersion": "v1", "kind": "Secret"}, "stringData.password"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "data.key"),
        ({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}, "roleRef.name"),
        ({"apiVersion": "v1", "kind": "Namespace"}, "metadata.name"),
        ({"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor"}, "apiVersion"),
    ],
)
def test_an_immutable_field_replaces_the_object(manifest: Json, path: str) -> None:
    assert replacing({path: "update"}, immutable_fields(manifest, frozenset())) == (path,)


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "spec.replicas"),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "spec.selectorless"),
        ({"apiVersion": "v1", "kind": "PersistentVolumeClaim"}, "spec.resources.requests.storage"),
        ({"apiVersion": "v1", "kind": "Namespace"}, "metadata.labels.team"),
    ],
)
def test_other_fields_change_in_place(manifest: Json, path: str) -> None:
    assert replacing({path: "update"}, immutable_fields(manifest, frozenset())) == ()


def test_a_config_map_changes_in_place_where_the_provider_says_so_unless_it_is_marked_immutable() -> None:
    config_map: Json = {"apiVersion": "v1", "kind": "ConfigMap"}
    mutable = frozenset({"ConfigMap"})
    assert replacing({"data.key": "update"}, immutable_fields(config_map, mutable)) == ()
    assert replacing({"data.key": "update"}, immutable_fields(config_map | {"immutable": True}, mutable)) == (
        "data.key",
    )


def test_an_object_with_a_fixed_name_goes_before_its_replacement() -> None:
    assert delete_first(deployment(), deployment())


def test_an_object_with_a_generated_name_goes_after_its_replacement() -> None:
    new = deployment()
    new["metadata"]["annotations"] = {"pulumi.com/autonamed": "true"}
    assert not delete_first(deployment(), new)


def test_an_object_that_moves_to_another_namespace_goes_after_its_replacement() -> None:
    new = deployment()
    new["metadata"]["namespace"] = "other"
    assert not delete_first(deployment(), new)


def test_a_name_that_a_preview_does_not_know_is_no_reason_to_delete_first() -> None:
    new = deployment()
    new["metadata"]["name"] = UNKNOWN
    assert not delete_first(deployment(), new)


def live_deployment() -> Json:
    """As the API server returns it: defaults, a status, a quantity in its canonical form."""
    live = deployment()
    container = live["spec"]["template"]["spec"]["containers"][0]
    container |= {"imagePullPolicy": "IfNotPresent", "resources": {"limits": {"cpu": "1"}}}
    live["metadata"] |= {"uid": "1", "annotations": {"deployment.kubernetes.io/revision": "1"}}
    return live | {"status": {"replicas": 2}}


def test_an_untouched_live_object_shows_no_drift() -> None:
    assert changed_paths(deployment(), owned(deployment(), live_deployment())) == {}


def test_a_field_that_someone_changed_shows_as_drift() -> None:
    live = live_deployment()
    live["spec"]["replicas"] = 7
    assert owned(deployment(), live)["spec"]["replicas"] == 7


def test_a_label_that_someone_removed_shows_as_drift() -> None:
    live = live_deployment()
    live["metadata"]["labels"] = {}
    drift = changed_paths(owned(deployment(), live), deployment())
    assert drift == {'metadata.labels["app.kubernetes.io/name"]': "add"}


def test_an_injected_container_is_not_ours_and_hides_no_drift_of_our_own() -> None:
    live = live_deployment()
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "injected", "image": "proxy:1"})
    live["spec"]["template"]["spec"]["containers"][1]["image"] = "app:changed"
    containers = owned(deployment(), live)["spec"]["template"]["spec"]["containers"]
    assert [(item["name"], item["image"]) for item in containers] == [("app", "app:changed")]


def test_two_mounts_of_one_volume_are_told_apart() -> None:
    mounts = [{"name": "data", "mountPath": "/buckets"}, {"name": "data", "mountPath": "/meta"}]
    assert owned({"volumeMounts": mounts}, {"volumeMounts": mounts}) == {"volumeMounts": mounts}


def test_drift_of_a_secret_value_stays_secret() -> None:
    assert owned({"token": Secret("ours")}, {"token": "theirs"}) == {"token": Secret("theirs")}
