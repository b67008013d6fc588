"""The rollout step against a small API server that acts for KServe and the Deployment controller."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any, cast

import pytest
from fake_cluster import NEW, OLD, Fake, FakeCluster, handler
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from contract.names import Tag
from loop.promotion import observation
from loop.promotion.promote import LiveService
from loop.promotion.watch import Watch
from loop.runtime import inference
from loop.runtime.inference import InferenceService, RolloutError
from loop.runtime.pin import Pin
from loop.runtime.registry import Registry
from loop.serving import rollout
from loop.serving.rollout import roll


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    cluster = FakeCluster()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(cluster))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(inference, "SERVER_PORT", server.server_port)
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.05)
    api = ApiClient(Configuration(host=f"http://127.0.0.1:{server.server_port}"))
    yield cluster, InferenceService(api, namespace="ml", name="books-production", model="books")
    server.shutdown()
    server.server_close()


def refusal(cluster: InferenceService, version: str = "2", timeout: float = 5) -> str:
    with pytest.raises(RolloutError) as caught:
        roll(cluster, Pin(version, NEW), timeout)
    return str(caught.value)


def test_the_version_is_applied_under_a_field_manager_of_its_own(fake: Fake) -> None:
    state, cluster = fake
    said: list[str] = []
    roll(cluster, Pin("2", NEW), 5, said.append)
    assert state.applied == [("application/apply-patch+yaml", "ml-loop-rollout", "2")]
    assert said == ["rolling from version 1 to 2", "version 2 answers from all 1 pods"]
    assert state.expected == [None]


def test_a_version_can_be_applied_only_to_the_service_that_was_looked_at(
    fake: Fake,
) -> None:
    state, cluster = fake
    told, at = cluster.pinned()
    cluster.tell(Pin("2"), at)
    assert (told, at, state.annotation, state.expected) == (Pin("1", OLD), "17", "2", ["17"])


def test_a_version_is_served_in_the_image_it_was_trained_in(fake: Fake) -> None:
    state, cluster = fake
    roll(cluster, Pin("2", NEW), 5)
    assert (state.annotation, state.image) == ("2", NEW)


def test_a_version_that_names_no_image_is_left_to_the_runtime(fake: Fake) -> None:
    state, cluster = fake
    roll(cluster, Pin("2"), 5)
    assert (state.annotation, state.image) == ("2", None)


def test_the_way_back_restores_the_image_too(fake: Fake) -> None:
    state, cluster = fake
    state.containers["2"] = {"ready": False, "state": {"terminated": {"exitCode": 1, "message": "no"}}}
    refusal(cluster)
    assert (state.annotation, state.image) == ("1", OLD)


class Tags:
    """A registry whose version 2 was trained in the new image, and that has no version 3 any more."""

    def version(self, name: str, number: str) -> ModelVersion | None:
        tags = [ModelVersionTag(Tag.IMAGE, NEW)]
        return ModelVersion(name, number, 0, tags=tags) if number == "2" else None


@pytest.mark.parametrize(("number", "image"), [("2", NEW), ("3", None)])
def test_a_promotion_and_a_canary_read_the_image_off_the_version(fake: Fake, number: str, image: str | None) -> None:
    state, cluster = fake
    LiveService(cast("Registry", Tags()), cluster, 5, watching=cast("Watch", None)).serve(number)
    assert (state.annotation, state.image) == (number, image)


def test_the_step_is_not_done_while_a_pod_answers_with_another_version(
    fake: Fake,
) -> None:
    state, cluster = fake
    state.served = "1"
    assert refusal(cluster, timeout=0.3) == (
        "version 2 does not serve: not done after 0 s: pods that do not answer with version 2: books-new; "
        "version 1 stays in place"
    )
    assert state.annotation == "1"


def test_a_version_that_cannot_load_fails_with_the_initializers_own_words(
    fake: Fake,
) -> None:
    state, cluster = fake
    ended = {"exitCode": 1, "reason": "Error", "message": "model 'books' has no version 2\n"}
    state.containers["2"] = {"ready": False, "state": {"terminated": ended}}
    assert refusal(cluster) == (
        "version 2 does not serve: pod books-new, container storage-initializer: model 'books' has no version 2; "
        "version 1 stays in place"
    )
    assert [version for _, _, version in state.applied] == ["2", "1"], "the annotation must be put back"


def test_a_container_that_is_restarted_tells_why_it_ended_before(fake: Fake) -> None:
    state, cluster = fake
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    state.containers["2"] = {"ready": False, "state": waiting, "lastState": ended}
    assert "container storage-initializer: OOMKilled, exit code 137; version 1 stays" in refusal(cluster)


def test_a_crash_that_a_ready_container_had_long_ago_does_not_count(fake: Fake) -> None:
    state, cluster = fake
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    state.pod = lambda pod=state.pod: _with_last_state(pod(), ended)
    roll(cluster, Pin("1", OLD), 5)


def _with_last_state(pod: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    pod["status"]["initContainerStatuses"][0]["lastState"] = state
    return pod


def test_an_image_that_cannot_be_pulled_is_named_when_time_is_up(fake: Fake) -> None:
    state, cluster = fake
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    state.containers["2"] = {"ready": False, "state": {"waiting": waiting}}
    assert refusal(cluster, timeout=0.3) == (
        "version 2 does not serve: not done after 0 s: 0 of 1 pods are ready; 1 of the old version are still "
        "there; pod books-new, container "
        "storage-initializer: ImagePullBackOff no such image; version 1 stays in place"
    )


def test_pods_that_the_cluster_forbids_fail_the_step_at_once(fake: Fake) -> None:
    state, cluster = fake
    state.condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert refusal(cluster) == (
        "version 2 does not serve: no pod can be made: exceeded quota; version 1 stays in place"
    )


def test_a_first_rollout_that_fails_leaves_no_annotation(fake: Fake) -> None:
    state, cluster = fake
    state.annotation = None
    state.condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert refusal(cluster).endswith("; what was there before stays in place")
    assert [version for _, _, version in state.applied] == ["2", None]


def test_a_service_that_does_not_exist_is_named_and_nothing_is_changed(
    fake: Fake,
) -> None:
    state, cluster = fake
    api = cluster._api  # pyright: ignore[reportPrivateUsage]
    missing = InferenceService(api, namespace="ml", name="films-production", model="films")
    assert refusal(missing) == "InferenceService ml/films-production: the API server answers 404 Not Found"
    assert state.applied == []


def test_in_knative_mode_the_pods_of_an_earlier_rollout_of_the_version_do_not_count(
    fake: Fake,
) -> None:
    state, cluster = fake
    state.revisions = ["2", "1"]
    assert "KServe has not given the Deployment the version yet" in refusal(cluster, timeout=0.2)
    state.revisions = ["2", "1", "2"]
    said: list[str] = []
    roll(cluster, Pin("2", NEW), 5, said.append)
    assert said[-1] == "version 2 answers from all 1 pods"


@pytest.mark.parametrize(("newest", "seen"), [("2", ["revision-1"]), ("3", ["revision-0", "revision-1"])])
def test_a_watch_looks_at_the_pods_of_a_version_s_last_revision_while_it_is_the_newest(
    fake: Fake, newest: str, seen: list[str]
) -> None:
    cluster, service = fake
    cluster.revisions = ["2", "2"] if newest == "2" else ["2", "2", newest]
    assert [pod.name for pod in observation.pods(service, "2")] == seen
