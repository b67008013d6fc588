"""Promotion by a real `pulumi up`, under load: forward, back, refused, taken back, and killed on the way.

One model lives through it in order: the versions 1 to 3 are good, each of the others is bad in one way. At the end its
alias is moved by hand, and a version is bad while it is staged.
"""

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from contract.names import CANARY, SERVER_PORT, VERSION_ANNOTATION
from contract.notices import NoticeKind
from tests.e2e.promotion_stack import PromotionStack
from tests.e2e.scratch_model import eventually
from tests.e2e.station import NAMESPACE, Station, Timed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
FAILING, SLOW, CONSTANT, UNGATED, STAGED, UNSIGNED, FOREIGN = 4, 5, 6, 7, 8, 9, 10
SERVERS = "app.kubernetes.io/name=model-server,app.kubernetes.io/component=production"
CANARIES = "app.kubernetes.io/name=model-server,app.kubernetes.io/component=staging"
MLFLOW = "app.kubernetes.io/name=mlflow,app.kubernetes.io/component=server"
TAKEN = NoticeKind.TAKEN_BACK
PROMOTER = "batch.kubernetes.io/job-name"
JUNK = ("not json", "[]", "[" * 100_000, '{"model": 1}', "9" * 400)
"""Messages of `ml.predictions` that are no predictions. Each once ended the watch, and left the version unjudged."""


@pytest.fixture(scope="module")
def model(station: Station, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromotionStack]:
    assert station.url  # MLflow is up, and this process' client knows where
    model = PromotionStack(f"promotion-{time.time_ns() % 10**6}", tmp_path_factory.mktemp("promotion"))
    try:
        bad = ("failing", "slow", "constant", "rejected", "failing", "unsigned", "foreign")
        model.register("good", "good", "good", *bad)
        model.up(None)
        yield model
    finally:
        model.delete()


def test_the_first_version_gets_its_share_once_it_is_served(model: PromotionStack, timed: Timed) -> None:
    with timed("first promotion, up included"):
        model.up(1)
    assert model.aliases == {"production": "1"}
    with model.load() as load:  # the route goes to the first version once it is served, and the gateway reads it later
        eventually(lambda: len(load.failed) < len(load.seen), "the gateway's first answer")
    with model.load() as load:
        eventually(lambda: len(load.seen) > 50, "answers")
    assert {(status, version) for _, status, version in load.seen} == {(200, "1")}


@pytest.mark.parametrize(("version", "previous", "what"), [(2, 1, "promoted"), (3, 2, "promoted"), (2, 3, "back")])
def test_no_request_fails_while_versions_go_forward_and_back(
    model: PromotionStack, timed: Timed, version: int, previous: int, what: str
) -> None:
    with model.load() as load:
        eventually(lambda: len(load.seen) > 100, "answers of the version before")
        model.publish(SERVERS, *JUNK)
        began = time.monotonic()
        with timed(f"version {version} {what}, watched, up included"):
            model.up(version)
        eventually(lambda: load.only(version, began) is not None, "answers of the new version alone")
    assert load.failed == []
    assert model.aliases == {"production": str(version), "previous": str(previous)}
    visible = load.only(version, began)
    assert visible is not None
    told = model.kubectl("logs", "-l", f"{PROMOTER}={model.name}-promote-v{version}", "--tail=-1")
    assert "messages were skipped: they are not predictions" in told
    print(f"version {version} was the only one to answer after {visible:.1f} s")


def test_the_same_number_again_changes_nothing(model: PromotionStack) -> None:
    before = model.items("jobs")
    model.up(2)
    assert [each["metadata"]["uid"] for each in model.items("jobs")] == [each["metadata"]["uid"] for each in before]


@pytest.mark.parametrize(
    ("version", "reason"),
    [(FAILING, "requests failed ("), (SLOW, "times as long, allowed 1.5"), (CONSTANT, "the prediction is 0.5 for all")],
    ids=["failing", "slow", "constant"],
)
def test_a_version_that_is_worse_is_taken_back_by_itself(
    model: PromotionStack, timed: Timed, version: int, reason: str
) -> None:
    if model.aliases.get("production") != "2":
        model.up(2)
    before = model.aliases
    with model.load() as load:
        eventually(lambda: len(load.seen) > 200, "answers of the version before")
        began = time.monotonic()
        with timed(f"version {version} put in place and taken back, up included"):
            said = model.refused(version)
        assert reason in said
        assert "version 2 is in production again" in said
        eventually(lambda: load.only(2, began) is not None, "answers of the version before alone")
    assert model.aliases == before
    assert reason in (model.rejected(version) or "")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (99, "has no version 99: nothing was changed"),
        (UNGATED, "it must have passed the gate of its training, and its tag ml-loop.gate is rejected"),
        (FAILING, "it was rejected: "),
        (UNSIGNED, "it has no signature, and this stack asks for one"),
        (FOREIGN, "its signature does not hold"),
    ],
)
def test_a_version_that_may_not_is_refused_before_anything_moves(
    model: PromotionStack, version: int, reason: str
) -> None:
    before = model.aliases, set(model.pods(SERVERS))
    assert reason in model.refused(version)
    assert (model.aliases, set(model.pods(SERVERS))) == before


@pytest.mark.parametrize(
    ("step", "victim"),
    [("promoting", PROMOTER), ("watching", PROMOTER), ("promoting", MLFLOW), ("watching", SERVERS)],
    ids=["promoter at the start", "promoter in the watch", "MLflow at the start", "server in the watch"],
)
def test_what_is_killed_on_the_way_holds_no_promotion_up(
    model: PromotionStack, station: Station, step: str, victim: str
) -> None:
    old, new = ("2", "3") if model.aliases["production"] == "2" else ("3", "2")
    job = f"{PROMOTER}={model.name}-promote-v{new}"
    up = threading.Thread(target=model.up, args=(int(new),))
    up.start()
    try:
        eventually(lambda: f"{step} version {new}" in model.said(job), step)
        namespace, selector = NAMESPACE if victim == MLFLOW else model.name, job if victim == PROMOTER else victim
        killed = set(model.pods(job))
        station.kubectl("delete", "pod", "-n", namespace, "-l", selector, "--wait=false")
    finally:
        up.join()
    assert model.aliases == {"production": new, "previous": old}
    assert model.served(SERVERS) == {new}
    assert victim != PROMOTER or set(model.pods(job)) - killed, "another pod finished it"
    again = model.stack.preview(color="never").change_summary
    assert set(again) == {"same"}, again


def test_an_alias_that_was_moved_by_hand_is_put_back_and_no_promotion_ever_was(
    model: PromotionStack, timed: Timed
) -> None:
    live, servers = model.aliases["production"], set(model.pods(SERVERS))
    assert model.healed() == 0
    with timed("production moved by hand and put back"):
        MlflowClient().set_registered_model_alias(model.name, "production", "1")
        eventually(lambda: model.healed() == 1, "it is put back", seconds=60)
    assert model.aliases["production"] == live
    assert set(model.pods(SERVERS)) == servers


@pytest.mark.parametrize(
    ("version", "reason"),
    [(UNSIGNED, "it has no signature, and this stack asks for one"), (FOREIGN, "its signature does not hold")],
    ids=["unsigned", "another's signature"],
)
def test_no_server_starts_with_a_version_that_this_stack_did_not_sign(
    model: PromotionStack, version: int, reason: str
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        model.stage(version)
    assert f"version {version} of {model.name} is refused: {reason}" in failed.value.stderr


def test_a_staging_version_that_fails_live_loses_staging_to_the_one_in_production(
    model: PromotionStack, timed: Timed
) -> None:
    live = model.aliases["production"]
    with timed(f"version {STAGED} staged"):
        model.stage(STAGED)
    (server,) = [pod for pod in model.pods(CANARIES).values() if pod["annotations"][VERSION_ANNOTATION] == str(STAGED)]
    model.publish(CANARIES, *JUNK)
    with timed("canary, and the way back"), model.load(f"{server['status']['podIP']}:{SERVER_PORT}"):
        ended = model.canary(STAGED)
    assert ended["phase"] == "Failed"
    reason = model.rejected(STAGED) or ""
    assert "requests failed (" in reason
    told = [node.get("message", "") for node in ended["nodes"].values()]
    assert any(f"lost staging: {reason}; version {live} is staged" in text for text in told), told
    assert model.aliases["staging"] == live
    assert model.served(CANARIES) == {live}
    tags = MlflowClient().get_model_version(model.name, str(STAGED)).tags
    assert tags[f"{CANARY}compared-with"] == live
    assert int(tags[f"{CANARY}requests"]) > 0
    assert float(tags[f"{CANARY}error-rate"]) > 0.01


def test_a_webhook_is_told_once_of_each_version_that_was_taken_back(model: PromotionStack) -> None:
    def told() -> list[tuple[str, str]]:
        return sorted((each["data"]["about"], each["data"]["text"]) for each in model.told() if each["type"] == TAKEN)

    taken = {str(version): model.rejected(version) for version in (FAILING, SLOW, CONSTANT, STAGED)}
    expected = sorted((number, f"Version {number} was taken back: {why}") for number, why in taken.items())
    eventually(lambda: len(told()) >= len(expected), "the notices")
    assert told() == expected
