"""No security setting of any component can go, or be weakened, without a mandatory violation that names it."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

import pytest

from components.kit.restricted import container_security_context, pod_security_context
from policy.pods.kserve import knative_mode
from policy.rule import Level, Resource, Stack
from policy.rules import RULES
from policy.verdict import judge
from tests.components import walk
from tests.components.table import station
from tests.program import program, sweep
from tests.program.mocks import record

TODAY: Final = date(2026, 1, 1)
MODEL: Final = {
    "training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}},
    "drift": {"features": ["pages"]},
    "retraining": {"cooldown": "6h"},
}
OBSERVED: Final = {"namespace": "monitoring", "labels": {"release": "example"}}
STACKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "local": {},
    "dev": {"models": {"recommender": MODEL}, "observability": OBSERVED},
    "prod": {"platform": program.KNATIVE},
}
EXCEPTED: Final[Mapping[str, str]] = {
    r"securityContext\.fsGroup removed": "then a pod can write to fewer volumes, not to more",
    r"securityContext\.fsGroupChangePolicy removed": "it decides how long a pod takes to start",
    r"predictor\.securityContext\.runAsNonRoot removed \(Knative\)": "`secure-pod-defaults` sets it in each container",
    r"env.* replaced by \{'name': '\w*(USER|USERNAME|ACCESS_KEY_ID)'": "who logs in is no secret",
}
"""Changes that the pack need not notice, or cannot → why."""
CHARTS: Final = ("kubernetes:helm.sh/v4:Chart",)
"""A chart's values are settings only once Helm has rendered them: the engine shows the pack the rendered objects."""


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    changes = {"images": program.IMAGES, **STACKS[request.param]}
    kubeconfig = tmp_path_factory.mktemp("stack") / "kubeconfig"
    # Judged as production: elsewhere a tag will do for an image.
    return walk.as_stack(program.run(request.param, kubeconfig, changes))


def violations(stack: Stack, first: Resource | None = None) -> Iterator[str]:
    """The mandatory violations of the whole stack, those of `first` first."""
    resources = ([first] if first else []) + [other for other in stack.resources if other is not first]
    for resource in resources:
        for rule in RULES:
            if rule.level is Level.MANDATORY:
                yield from judge(rule, resource, stack, (), TODAY).violations


def excepted(change: str) -> bool:
    return any(re.search(pattern, change) for pattern in EXCEPTED)


def test_a_security_setting_that_goes_is_named_by_a_mandatory_violation(stack: Stack) -> None:
    unnoticed: list[str] = []
    swept = 0
    for index, resource in enumerate(stack.resources):
        found = sweep.changes(resource.manifest, resource.type) if resource.type not in CHARTS else ()
        for change in found:
            described = f"{resource.name}: {change}{' (Knative)' if knative_mode(resource.manifest) else ''}"
            if excepted(described):
                continue
            swept += 1
            changed = replace(resource, manifest=change.manifest)
            others = (*stack.resources[:index], changed, *stack.resources[index + 1 :])
            after = replace(stack, resources=others)
            if not any(change.name in message for message in violations(after, changed)):
                unnoticed.append(described)
    assert swept > 100
    assert not unnoticed, "\n".join(unnoticed)


def answering(context: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def answer(*_: object, **__: object) -> dict[str, Any]:
        return context

    return answer


@pytest.mark.parametrize("function", [pod_security_context, container_security_context])
def test_what_the_one_place_for_security_contexts_no_longer_says_is_named(
    function: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    missed: list[str] = []
    for change in sweep.changes({"securityContext": function()}):
        weaker = change.manifest["securityContext"]
        for name, module in sys.modules.items():
            if name.startswith("components.") and hasattr(module, function.__name__):
                monkeypatch.setattr(module, function.__name__, answering(weaker))
        found = violations(walk.as_stack(record(lambda: station("tracking.mlflow"))))
        if not any(change.name in message for message in found) and not excepted(str(change)):
            missed.append(str(change))
    assert missed == []
