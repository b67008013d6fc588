"""A promotion against a real registry; the service is one that remembers what it was told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kubernetes.client.exceptions import ApiException
from mlflow.exceptions import MlflowException
from mlflow_server import MlflowServer
from promotable import Died, FakeService, Loop, dying_at
from signing_keys import new_key

from contract.names import EXIT_TRY_AGAIN, EXIT_VERDICT, PRODUCTION_TAG, Env, Tag
from loop.promotion.ending import ended
from loop.promotion.promote import PromotionError, PromotionRun
from loop.promotion.traffic import Traffic
from loop.promotion.watch import Baseline
from loop.runtime.inference import RolloutError
from loop.runtime.registry import Registry, RegistryError


def test_versions_go_forward_and_back_and_the_one_before_is_remembered(loop: Loop) -> None:
    states = []
    for version in (2, 3, 2):
        loop.promote(version)
        states.append(loop.state)
        assert loop.left == str(version)
    assert states == [("2", None, "2"), ("3", "2", "3"), ("2", "3", "2")]
    assert not loop.under_way


def test_a_version_is_compared_with_the_one_before_unless_it_is_the_way_back(loop: Loop) -> None:
    for version in (2, 3, 2):
        loop.promote(version)
    lately = Traffic(answered=60, seconds=0.9)
    before = Baseline("2", Traffic(answered=100, seconds=1.0), lately=lately)
    assert loop.service.baselines == [None, before, None]


def test_the_version_in_production_is_left_alone(loop: Loop) -> None:
    loop.promote(2)
    loop.promote(2)
    assert loop.said[-1] == f"version 2 of {loop.model} is in production already"
    assert len(loop.service.baselines) == 1


def test_what_was_left_in_production_is_remembered_of_a_version_that_was_there_before_it_was(loop: Loop) -> None:
    loop.promote(2)
    loop.client.delete_registered_model_tag(loop.model, PRODUCTION_TAG)
    loop.promote(2)
    assert loop.left == "2"


def test_a_version_that_fails_while_watched_is_taken_back_and_rejected(loop: Loop) -> None:
    loop.promote(1)
    loop.promote(2)
    loop.service.failing["3"] = "20 of 400 requests failed"
    assert loop.refused(3) == (
        f"version 3 of {loop.model} was taken back: 20 of 400 requests failed; version 2 is in production again"
    )
    assert loop.state == ("2", "1", "2")
    assert loop.left == "2"
    assert loop.tags(3)[Tag.REJECTED] == "20 of 400 requests failed"
    assert not loop.under_way


def test_what_somebody_moved_by_hand_is_not_what_a_promotion_has_left_even_if_one_goes_back_to_it(loop: Loop) -> None:
    loop.promote(2)
    loop.client.set_registered_model_alias(loop.model, "production", "4")
    loop.service.failing["3"] = "too slow"
    assert loop.refused(3).endswith("too slow; version 4 is in production again")
    assert (loop.aliases["production"], loop.left) == ("4", "2")


def test_a_first_version_that_fails_leaves_nothing_in_production(loop: Loop) -> None:
    loop.service.failing["1"] = "it is constant"
    assert loop.refused(1).endswith("it is constant; nothing is in production")
    assert loop.state == (None, None, None)
    assert loop.left is None


def test_a_version_that_no_server_can_load_is_taken_back_but_not_condemned(loop: Loop) -> None:
    loop.promote(2)
    loop.service.broken.add("3")
    assert "version 3 does not serve: it is broken" in loop.refused(3)
    assert loop.state == ("2", None, "2")
    assert Tag.REJECTED not in loop.tags(3)


def test_a_version_that_could_not_be_seen_is_taken_back_and_not_condemned(loop: Loop) -> None:
    loop.promote(2)
    loop.service.unseen["3"] = "it could not be judged within 60 s: Kafka is down"
    assert loop.refused(3) == (
        f"version 3 of {loop.model} was taken back: it could not be judged within 60 s: Kafka is down; "
        "version 2 is in production again"
    )
    assert loop.state == ("2", None, "2")
    assert Tag.REJECTED not in loop.tags(3)
    del loop.service.unseen["3"]
    loop.promote(3)
    assert loop.state == ("3", "2", "3")


def test_a_version_that_every_attempt_leaves_unjudged_is_taken_back_at_the_deadline(loop: Loop) -> None:
    loop.promote(2)
    dying_at(loop, 5, after=False)  # the watch
    with pytest.raises(Died):
        loop.promote(3)
    loop.registry, loop.service = Registry(), FakeService(loop.service.served)
    late = PromotionRun(loop.registry, loop.service, loop.model, "3", patience=0)
    with pytest.raises(PromotionError, match="could not be judged within 0 s; version 2 is in production again"):
        late.run()
    assert loop.state == ("2", None, "2")
    assert Tag.REJECTED not in loop.tags(3)
    assert not loop.under_way


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromotionError("version 3 was taken back"), EXIT_VERDICT),
        (RolloutError("version 3 does not serve"), EXIT_VERDICT),
        (RegistryError("gave up after 180 s"), EXIT_TRY_AGAIN),
        (MlflowException("forbidden"), EXIT_TRY_AGAIN),
        (ApiException(500), EXIT_TRY_AGAIN),
        (RecursionError("anything else"), EXIT_TRY_AGAIN),
    ],
)
def test_only_an_answer_is_a_verdict(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        raise error

    assert ended(act) == code
    assert str(error).split("\n")[0] in capsys.readouterr().err


def test_no_crash_of_a_process_looks_like_a_verdict() -> None:
    for program in ("1/0", "import nothing_such", "import argparse; argparse.ArgumentParser().parse_args(['--no'])"):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode != EXIT_VERDICT


UNGATED = "it must have passed the gate of its training, and its tag ml-loop.gate is"


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (Tag.GATE, "rejected", f"{UNGATED} rejected"),
        (Tag.GATE, None, f"{UNGATED} none"),
        (Tag.REJECTED, "too slow", "it was rejected: too slow"),
    ],
)
def test_a_version_that_may_not_is_refused_before_anything_moves(
    loop: Loop, tag: Tag, value: str | None, reason: str
) -> None:
    loop.promote(2)
    if value:
        loop.client.set_model_version_tag(loop.model, "3", tag, value)
    else:
        loop.client.delete_model_version_tag(loop.model, "3", tag)
    said = f"version 3 of {loop.model} cannot go into production: {reason}; nothing was changed"
    assert loop.refused(3) == said
    assert loop.state == ("2", None, "2")
    assert loop.service.history == ["2"]


def test_a_version_that_does_not_exist_is_refused_whatever_other_models_have(loop: Loop) -> None:
    other = Loop()
    other.register(*other.train(), {})
    loop.promote(2)
    assert loop.refused(6) == f"model '{loop.model}' has no version 6: nothing was changed"
    assert loop.state == ("2", None, "2")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("model/MLmodel", "model"),
        ("model/added.py", "model"),
        ("reference/window.csv", "reference"),
        ("reference/month-01.csv", "reference"),
    ],
)
def test_a_version_whose_files_are_not_those_it_was_registered_with_is_refused(
    loop: Loop, path: str, what: str
) -> None:
    loop.promote(2)
    loop.write(3, path)
    said = loop.refused(3)
    assert said.startswith(
        f"version 3 of {loop.model} cannot go into production: the files of its {what} in the store are not those it "
        "was registered with: their SHA-256 is "
    )
    assert said.endswith(f"says {loop.tags(3)[f'ml-loop.{what}-digest']}; nothing was changed")
    assert (loop.state, loop.service.history) == (("2", None, "2"), ["2"])
    assert Tag.REJECTED not in loop.tags(3)


@pytest.mark.parametrize("folder", ["model", "reference"])
def test_a_version_whose_files_are_gone_is_refused(loop: Loop, tracking: MlflowServer, folder: str) -> None:
    (path,) = (tracking.folder / "artifacts").glob(f"**/{loop.run_of(3)}/artifacts/{folder}")
    shutil.rmtree(path)
    assert f"the files of its {folder} in the store are not those it was registered with" in loop.refused(3)
    assert loop.state == (None, None, None)


def test_a_version_whose_files_change_while_it_is_promoted_is_taken_back(loop: Loop) -> None:
    loop.promote(2)
    dying_at(loop, 5, after=False)  # the watch
    with pytest.raises(Died):
        loop.promote(3)
    loop.write(3, "model/MLmodel")
    loop.registry, loop.service = Registry(), FakeService(loop.service.served)
    assert loop.refused(3).endswith("; version 2 is in production again")
    assert loop.state == ("2", None, "2")
    assert not loop.under_way


def test_a_version_that_was_registered_without_digests_is_bound_to_what_is_judged(loop: Loop) -> None:
    version = loop.register(*loop.train(), {})
    dying_at(loop, 3, after=False)  # the promotion's first change that is not a digest
    with pytest.raises(Died):
        loop.promote(version)
    assert loop.state == (None, None, None)
    bound = {tag: loop.tags(int(version))[tag] for tag in (Tag.MODEL_DIGEST, Tag.REFERENCE_DIGEST)}
    assert bound == loop.registry.digests(f"models:/{loop.model}/{version}", loop.run_of(version))
    loop.write(version, "model/MLmodel")
    loop.registry = Registry()
    assert "are not those it was registered with" in loop.refused(version)


def test_a_version_without_a_signature_is_not_promoted_where_one_is_asked_for(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Env.SIGNATURE_KEY, new_key(tmp_path)[1])
    monkeypatch.setenv(Env.SIGNATURE_REQUIRED, "true")
    before = loop.state
    assert "it has no signature, and this stack asks for one" in loop.refused(2)
    assert loop.state == before
    assert not loop.under_way
