"""The Pod Security rule against Kubernetes' own evaluator: the same verdict, for the same reasons, on every pod.

The evaluator is `local/go/cmd/podsecurity`; `ML_LOOP_PODSECURITY` names its binary, `make up` builds it.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from policy import pod_security
from tests.policy.mutations import corpus, mutated

pytestmark = pytest.mark.e2e

SEED = 20_260_101
MUTATIONS = 20_000
OLD_VERSIONS = [f"v1.{minor}" for minor in range(25, 35)]
MUTATIONS_PER_OLD_VERSION = 2_000


def oracle(pods: Sequence[dict[str, Any]], version: str) -> list[set[str]]:
    """The reasons for which Kubernetes refuses each pod; none for an admitted one."""
    binary = os.environ.get("ML_LOOP_PODSECURITY")
    assert binary, "ML_LOOP_PODSECURITY names no evaluator: run `make up`, then eval $(make env)"
    lines = "\n".join(json.dumps(pod) for pod in pods)
    done = subprocess.run([binary, "-version", version], input=lines, capture_output=True, text=True, check=True)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == len(pods)
    return [_reasons(verdict) for verdict in verdicts]


def _reasons(verdict: dict[str, Any]) -> set[str]:
    reasons = set(verdict["reason"].split(", ")) - {""}
    assert verdict["allowed"] == (not reasons)
    # The evaluator writes this one in the plural for several profiles.
    return {"forbidden AppArmor profile" if reason.startswith("forbidden AppArmor") else reason for reason in reasons}


def disagreements(pods: Sequence[dict[str, Any]], version: str) -> list[tuple[dict[str, Any], set[str], set[str]]]:
    """(pod, Kubernetes' reasons, ours) where they differ."""
    ours = [
        {found.control for found in pod_security.violations(pod["metadata"], pod["spec"], version=version)}
        for pod in pods
    ]
    return [entry for entry in zip(pods, oracle(pods, version), ours, strict=True) if entry[1] != entry[2]]


def mutations(count: int, seed: int) -> list[dict[str, Any]]:
    random, pods = Random(seed), corpus()
    return [mutated(random.choice(pods), random) for _ in range(count)]


def test_the_evaluator_and_the_rule_agree_on_every_committed_pod() -> None:
    assert disagreements(corpus(), pod_security.PINNED_VERSION) == []


def test_twenty_thousand_mutations_get_the_same_verdict_for_the_same_reasons() -> None:
    pods = mutations(MUTATIONS, SEED)
    assert disagreements(pods, pod_security.PINNED_VERSION)[:1] == []


def test_the_mutations_reach_every_control_and_both_verdicts() -> None:
    reasons = oracle(mutations(MUTATIONS, SEED), pod_security.PINNED_VERSION)
    assert set().union(*reasons) == set(pod_security.CONTROLS)
    admitted = sum(not found for found in reasons)
    assert MUTATIONS / 20 < admitted < MUTATIONS / 2


@pytest.mark.parametrize("version", [*OLD_VERSIONS, "latest"])
def test_older_and_newer_versions_of_the_standard_agree_too(version: str) -> None:
    pods = mutations(MUTATIONS_PER_OLD_VERSION, SEED + len(OLD_VERSIONS))
    assert disagreements(pods, version)[:1] == []
