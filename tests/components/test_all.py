"""What holds for every component, and that the checks would notice where it doesn't."""

import importlib
import inspect
import pkgutil
from datetime import date

import pulumi_kubernetes as k8s
import pytest
from pulumi import ComponentResource, ResourceOptions

import components
from policy.rule import Rule
from policy.rules import RULES
from policy.verdict import judge
from tests.components import walk
from tests.components.given import IMAGES, SECRET_TEXT, providers
from tests.components.table import COMPONENTS, station
from tests.program.mocks import Recording, record

PROVIDERS = {"kubernetes": "cluster", "aws": "cloud"}


@pytest.fixture(scope="module", params=COMPONENTS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return record(lambda: station(request.param))


def classes() -> dict[str, type[ComponentResource]]:
    """The component classes of all areas, by `<area>.<module>`."""
    found: dict[str, type[ComponentResource]] = {}
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            own = value.__module__ == module.name and not inspect.isabstract(value)
            if own and issubclass(value, ComponentResource):
                found[module.name.removeprefix("components.")] = value
    return found


def test_the_table_holds_every_component_class() -> None:
    assert classes().keys() == set(COMPONENTS)


def test_a_component_s_token_names_its_package(recording: Recording, request: pytest.FixtureRequest) -> None:
    place = request.node.callspec.params["recording"]
    area, name = place.partition(".")[0], classes()[place].__name__
    # Their tokens are older than their names, and another token would replace every object below them.
    older = {"RestrictedNamespace": "ml-loop:namespace:RestrictedNamespace", "TrafficSplit": "ml-loop:serving:Front"}
    expected = older.get(name, f"ml-loop:{area}:{name}")
    assert expected in {resource.type for resource in recording.resources if resource.component}


def test_every_child_has_its_component_as_parent(recording: Recording) -> None:
    assert list(walk.orphans(recording)) == []


def test_every_child_s_name_starts_with_its_component_s(recording: Recording) -> None:
    assert list(walk.misnamed(recording)) == []


def test_every_child_has_the_program_s_provider(recording: Recording) -> None:
    assert list(walk.strayed(recording, PROVIDERS)) == []


def test_every_component_registers_outputs(recording: Recording) -> None:
    assert list(walk.silent(recording)) == []


def test_every_image_is_one_that_was_given(recording: Recording) -> None:
    assert list(walk.unpinned(recording, IMAGES)) == []


def test_no_pod_is_handed_a_token_for_the_api(recording: Recording) -> None:
    assert list(walk.tokens(recording)) == []


def test_no_secret_is_in_plain_sight(recording: Recording) -> None:
    assert list(walk.revealed(recording, SECRET_TEXT)) == []


def test_no_field_is_sent_as_null(recording: Recording) -> None:
    assert list(walk.nulls(recording)) == []


def test_every_network_policy_selects_a_pod(recording: Recording) -> None:
    assert list(walk.idle_policies(recording)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_of_the_policy_pack_passes_in_production(recording: Recording, rule: Rule) -> None:
    stack = walk.as_stack(recording)
    verdicts = [judge(rule, resource, stack, (), date(2026, 1, 1)) for resource in stack.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []


class Careless(ComponentResource):
    """Everything wrong that a component can do."""

    def __init__(self, name: str, opts: ResourceOptions) -> None:
        super().__init__("ml-loop:test:Careless", name, None, opts)
        child = ResourceOptions(parent=self)
        k8s.core.v1.ConfigMap("stray", data={"password": SECRET_TEXT})
        k8s.core.v1.Pod(
            "server", spec={"containers": [{"name": "main", "image": "example.com/server:1.0"}]}, opts=child
        )
        k8s.apps.v1.Deployment(
            f"{name}-web",
            spec={"selector": {}, "template": {"spec": {"containers": [{"name": "main"}]}}},
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-policy",
            spec={
                "pod_selector": {"match_labels": {"app": "nobody"}},
                "ingress": None,
                "egress": [{"to": [{"pod_selector": {"match_labels": {"app": "no-one"}}}]}],
            },
            opts=child,
        )


@pytest.fixture(scope="module")
def careless() -> Recording:
    return record(lambda: Careless("it", providers()))


def test_a_child_without_parent_is_noticed(careless: Recording) -> None:
    assert list(walk.orphans(careless)) == ["stray (kubernetes:core/v1:ConfigMap) has no component as its parent"]


def test_a_child_outside_the_program_s_provider_is_noticed(careless: Recording) -> None:
    complaint = "stray (kubernetes:core/v1:ConfigMap) has the provider of its own package"
    assert list(walk.strayed(careless, PROVIDERS)) == [complaint]


def test_a_name_without_its_component_s_is_noticed(careless: Recording) -> None:
    assert list(walk.misnamed(careless)) == ["server (kubernetes:core/v1:Pod) should start with it-"]


def test_a_component_that_registers_nothing_is_noticed(careless: Recording) -> None:
    assert list(walk.silent(careless)) == ["it (ml-loop:test:Careless) registered no outputs"]


def test_an_image_from_nowhere_is_noticed(careless: Recording) -> None:
    complaint = "Pod (unnamed) runs the image example.com/server:1.0, which is neither pinned nor given"
    assert list(walk.unpinned(careless, IMAGES)) == [complaint]


def test_a_secret_in_plain_sight_is_noticed(careless: Recording) -> None:
    assert list(walk.revealed(careless, SECRET_TEXT)) == ["stray (kubernetes:core/v1:ConfigMap) shows a secret"]


def test_a_null_is_noticed(careless: Recording) -> None:
    complaint = "it-policy (kubernetes:networking.k8s.io/v1:NetworkPolicy) sends null as spec.ingress"
    assert list(walk.nulls(careless)) == [complaint]


def test_a_network_policy_for_nobody_is_noticed(careless: Recording) -> None:
    assert list(walk.idle_policies(careless)) == ["it-policy selects no pod: {'app': 'nobody'}"]


def test_a_peer_that_is_nobody_is_noticed(careless: Recording) -> None:
    assert list(walk.strangers(careless)) == ["it-policy names a peer that is no pod: {'app': 'no-one'}"]


def test_a_pod_with_a_token_is_noticed(careless: Recording) -> None:
    assert list(walk.tokens(careless)) == ["it-web (kubernetes:apps/v1:Deployment) mounts a service account's token"]


def test_a_pod_without_security_context_is_noticed(careless: Recording) -> None:
    stack = walk.as_stack(careless)
    pod = next(resource for resource in stack.resources if resource.kind == "/Pod")
    (restricted,) = [rule for rule in RULES if rule.name == "restricted-pods"]
    messages = judge(restricted, pod, stack, (), date(2026, 1, 1)).violations
    assert any("runAsNonRoot is not set; must be true" in message for message in messages)
