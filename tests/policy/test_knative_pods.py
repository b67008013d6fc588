"""A model in Knative mode, judged by KServe's and Knative's own code: what one makes of it, the other lets pass.

`local/go/knative` is that code around a cluster in memory; `make knative-pods` builds it. What stays unseen is a
cluster: whether pods start, requests arrive and are split.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

import versions
from components.platform.knative import Knative
from components.platform.operator import OperatorArgs
from components.serving.model_storage import ModelStorage
from components.serving.serving import Serving
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from local.paths import Paths
from local.toolchain import knative
from local.toolchain.gotools import module_folder
from local.toolchain.tools import TOOLS
from policy.pod_security import PINNED_VERSION, violations
from settings import KServeMode
from settings.model import Serving as ServingSettings
from tests.components.arguments import model_storage_args, serving_args
from tests.components.given import providers
from tests.program.mocks import Recording, record

Object = dict[str, Any]
Judge = Callable[..., dict[str, Object]]
KINDS = ("ServingRuntime", "InferenceService", "InferenceGraph", "ClusterStorageContainer")
ROUTER, STAGING, PRODUCTION = "recommender", "recommender-staging-predictor", "recommender-production-predictor"


def served(**changes: Any) -> Recording:
    def build() -> None:
        opts = providers()
        storage = ModelStorage("storage", model_storage_args(), opts).name
        args = replace(serving_args(), mode=KServeMode.KNATIVE, storage=storage, min_replicas=0, **changes)
        TrafficSplit(
            "it", TrafficSplitArgs(gateway=None, serving=Serving("serving", args, opts), canary_percent=10), opts
        )

    return record(build)


def objects(**changes: Any) -> list[Object]:
    recording = served(**changes)
    return [each.inputs for kind in KINDS for each in recording.of(kind)]


def features() -> dict[str, str]:
    serving = record(lambda: Knative("it", OperatorArgs(install=True), providers())).inputs("KnativeServing")
    return serving["spec"]["config"]["features"]


def kserve_settings(paths: Paths) -> dict[str, str]:
    """The data of KServe's ConfigMap as upstream ships it."""
    source = module_folder(TOOLS["kserve"], paths.cache / "go") / "config" / "configmap" / "inferenceservice.yaml"
    shipped: dict[str, Any] = yaml.safe_load(source.read_text())
    return shipped["data"]


@pytest.fixture(scope="module")
def judge() -> Judge:
    paths = Paths.default()
    binary = paths.bin / knative.COMMAND
    if not binary.exists():
        pytest.skip(f"{binary} is not there: nothing of Knative mode is judged by Knative; run make {knative.COMMAND}")
    settings = kserve_settings(paths)

    def judge(made: list[Object], allowed: Mapping[str, str]) -> dict[str, Object]:
        given = json.dumps({"kserve": settings, "features": allowed, "objects": made})
        done = subprocess.run([binary], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["service"]: line for line in lines}

    return judge


def refused(verdicts: Mapping[str, Object]) -> dict[str, str]:
    return {name: verdict["refused"] for name, verdict in verdicts.items() if verdict["refused"]}


def controls(verdict: Object) -> set[str]:
    """What Pod Security restricted has against the pod."""
    found = violations(verdict["metadata"], verdict["spec"], version=PINNED_VERSION)
    return {violation.control for violation in found}


def test_knative_admits_the_services_that_kserve_makes_and_pod_security_their_pods(judge: Judge) -> None:
    verdicts = judge(objects(), features())
    assert verdicts.keys() == {ROUTER, STAGING, PRODUCTION}
    assert refused(verdicts) == {}
    assert {name: controls(verdict) for name, verdict in verdicts.items()} == {name: set() for name in verdicts}
    containers = [
        c["name"] for c in verdicts[STAGING]["spec"]["initContainers"] + verdicts[STAGING]["spec"]["containers"]
    ]
    assert containers == ["storage-initializer", "kserve-container", "queue-proxy"]


@pytest.mark.parametrize(
    ("feature", "field"),
    [("kubernetes.podspec-affinity", "affinity"), ("kubernetes.podspec-securitycontext", "securityContext.runAsUser")],
)
def test_without_a_feature_that_the_stack_sets_knative_refuses_the_servers(
    judge: Judge, feature: str, field: str
) -> None:
    told = refused(judge(objects(), {key: value for key, value in features().items() if key != feature}))
    assert told.keys() == {STAGING, PRODUCTION}
    assert all(field in why for why in told.values())


def test_without_secure_pod_defaults_pod_security_refuses_the_router(judge: Judge) -> None:
    verdicts = judge(objects(), {key: value for key, value in features().items() if key != "secure-pod-defaults"})
    assert controls(verdicts[ROUTER]) == {"seccompProfile"}


def test_knative_refuses_what_standard_mode_says_of_volumes(judge: Judge) -> None:
    made = objects()
    for each in made:
        if each["kind"] == "InferenceService":
            each["spec"]["predictor"]["securityContext"]["fsGroupChangePolicy"] = "OnRootMismatch"
    told = refused(judge(made, features()))
    assert told == dict.fromkeys(
        (STAGING, PRODUCTION), "must not set the field(s): spec.template.spec.securityContext.fsGroupChangePolicy"
    )


def test_knative_admits_what_servers_may_find_around_them(judge: Judge) -> None:
    around = {
        "env": {"THREADS": 2},
        "secrets": {"DB_PASSWORD": {"name": "db", "key": "password"}},
        "accelerator": {},
        "sharedMemory": "256Mi",
        "ephemeralStorage": "20Gi",
        "startTimeout": "10m",
    }
    made = objects(settings=ServingSettings.model_validate(around), image_pull_secrets=("registry",))
    verdicts = judge(made, features())
    assert refused(verdicts) == {}
    for service in (STAGING, PRODUCTION):
        assert {"name": "registry"} in verdicts[service]["spec"]["imagePullSecrets"]
        assert controls(verdicts[service]) == set()


@pytest.mark.parametrize(
    ("field", "chosen"),
    [("nodeSelector", {"pool": "gpu"}), ("tolerations", [{"key": "gpu", "operator": "Exists"}])],
)
def test_knative_refuses_servers_that_choose_their_nodes(judge: Judge, field: str, chosen: object) -> None:
    told = refused(judge(objects(settings=ServingSettings.model_validate({field: chosen})), features()))
    assert told.keys() == {STAGING, PRODUCTION}
    assert all(field in why for why in told.values())


def test_the_version_of_a_rollout_reaches_its_pods(judge: Judge) -> None:
    made = objects()
    for each in made:
        if each["kind"] == "InferenceService":
            each["spec"]["predictor"]["annotations"] = {"ml-loop.dev/model-version": "7"}
    verdicts = judge(made, features())
    annotated = {
        name for name, each in verdicts.items() if each["metadata"]["annotations"].get("ml-loop.dev/model-version")
    }
    assert annotated == {STAGING, PRODUCTION}


def test_each_network_policy_finds_the_pods_it_is_meant_for(judge: Judge) -> None:
    verdicts = judge(objects(), features())
    recording = served()

    def found(policy: str) -> set[str]:
        labels = recording.inputs("NetworkPolicy", policy)["spec"]["podSelector"]["matchLabels"]
        return {name for name, each in verdicts.items() if labels.items() <= each["metadata"]["labels"].items()}

    assert found("serving-servers") == {STAGING, PRODUCTION}
    assert found("it-router") == {ROUTER}


@pytest.mark.parametrize(("slot", "service"), [("staging", STAGING), ("production", PRODUCTION)])
def test_each_disruption_budget_finds_the_pods_of_its_service(judge: Judge, slot: str, service: str) -> None:
    labels = served().inputs("PodDisruptionBudget", f"serving-{slot}-disruption")["spec"]["selector"]["matchLabels"]
    verdicts = judge(objects(), features())
    assert [name for name, v in verdicts.items() if labels.items() <= v["metadata"]["labels"].items()] == [service]


def test_it_is_the_code_of_the_pinned_versions() -> None:
    required = dict(re.findall(r"^\s+(\S+) (v\S+)", (knative.MODULE / "go.mod").read_text(), re.MULTILINE))
    assert required["github.com/kserve/kserve"] == TOOLS["kserve"].version == versions.KSERVE_RESOURCES.version
    # Knative's modules count on from 0.27, which was Knative 1.0.
    minor = int(versions.KNATIVE_SERVING.split(".")[1])
    assert required["knative.dev/serving"].startswith(f"v0.{minor + 27}.")
