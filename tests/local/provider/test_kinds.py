"""Which kinds are served, and what the refusal of others says."""

import re

import pytest

from local.provider.kinds import UnsupportedError, check_type, is_namespaced, not_served, of_type

REMEDY = "install Pulumi's own kubernetes plugin (`pulumi plugin install resource kubernetes`) and run again"


@pytest.mark.parametrize(
    ("api_version", "kind", "namespaced"),
    [
        ("v1", "Namespace", False),
        ("v1", "Secret", True),
        ("apps/v1", "Deployment", True),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", False),
        ("argoproj.io/v1alpha1", "WorkflowTemplate", True),
        ("serving.kserve.io/v1alpha1", "ClusterStorageContainer", False),
        ("postgresql.cnpg.io/v1", "Cluster", True),
        ("barmancloud.cnpg.io/v1", "ObjectStore", True),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", True),
    ],
)
def test_a_known_kind_has_a_scope(api_version: str, kind: str, namespaced: bool) -> None:
    assert is_namespaced(api_version, kind) is namespaced


def test_an_unknown_kind_is_refused_with_the_remedy() -> None:
    message = f"v1 Pod is not known to ml-loop's stand-in kubernetes provider: {REMEDY}"
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        is_namespaced("v1", "Pod")


@pytest.mark.parametrize("token", ["kubernetes:helm.sh/v3:Release", "kubernetes:core/v1:NamespacePatch"])
def test_a_type_that_is_more_than_one_plain_object_is_refused(token: str) -> None:
    with pytest.raises(UnsupportedError, match=f"^{re.escape(str(not_served(token)))}$"):
        check_type(token, "Namespace")


def test_a_type_token_gives_the_kind_for_reads_without_inputs() -> None:
    assert of_type("kubernetes:core/v1:Namespace") == ("v1", "Namespace")
    assert of_type("kubernetes:apps/v1:Deployment") == ("apps/v1", "Deployment")
