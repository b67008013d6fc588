"""The stack's configuration on this machine, and what is told of Pulumi's results."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from pulumi.automation import OutputValue

from local import stack
from local.paths import Paths
from local.steps import StepError

COMMITTED: dict[str, Any] = {"config": {"ml-loop:cluster": {"context": "mine"}, "ml-loop:tracking": {"replicas": 2}}}
IMAGES = {"mlflow": "ml-loop.local/mlflow@sha256:built", "postgres": "ml-loop.local/postgres:15@sha256:built"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the committed file of the stack `local`."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.setattr(stack, "REPOSITORY", folder)
    commit(folder, COMMITTED)
    return folder


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "cache")


def commit(checkout: Path, content: dict[str, Any]) -> None:
    (checkout / "Pulumi.local.yaml").write_text(yaml.safe_dump(content))


def render(paths: Paths, images: dict[str, str] | None = None) -> dict[str, Any]:
    return yaml.safe_load(stack.render("local", paths, images or {}).read_text())


def test_the_committed_settings_are_rendered_and_stay_as_they_are(checkout: Path, paths: Paths) -> None:
    committed = (checkout / "Pulumi.local.yaml").read_text()
    assert render(paths) == COMMITTED
    assert (checkout / "Pulumi.local.yaml").read_text() == committed


def test_images_built_here_are_named_in_the_settings(checkout: Path, paths: Paths) -> None:
    assert render(paths, IMAGES)["config"]["ml-loop:images"] == IMAGES


def test_an_image_that_the_committed_file_names_wins_over_the_one_built_here(checkout: Path, paths: Paths) -> None:
    own = {"mlflow": "registry.example.com/mlflow@sha256:own"}
    commit(checkout, {"config": {**COMMITTED["config"], "ml-loop:images": own}})
    assert render(paths, IMAGES)["config"]["ml-loop:images"] == IMAGES | own


def test_secrets_and_the_salt_they_are_encrypted_with_are_kept(checkout: Path, paths: Paths) -> None:
    keys = {"storeSecretKey": "store", "logsSecretKey": "logs", "trackingSecretKey": "tracking"}
    kept = {f"ml-loop:{key}": {"secure": f"v1:{text}"} for key, text in keys.items()}
    target = stack.render("local", paths, {})
    target.write_text(yaml.safe_dump({"config": kept, "encryptionsalt": "v1:salt"}))
    assert render(paths) == {"config": COMMITTED["config"] | kept, "encryptionsalt": "v1:salt"}


def test_keys_are_words_as_pulumi_reads_them(checkout: Path, paths: Paths) -> None:
    retraining = {"on": ["performance"], "note": "no"}
    (checkout / "Pulumi.local.yaml").write_text(
        "config: {ml-loop:cluster: {}, ml-loop:models: {a: {retraining: {on: [performance], note: no}, b: true}}}"
    )
    for _ in range(2):  # what was written is read again
        assert render(paths)["config"]["ml-loop:models"] == {"a": {"retraining": retraining, "b": True}}


def test_a_guest_is_a_model_beside_those_of_the_file_for_one_up(checkout: Path, paths: Paths) -> None:
    commit(checkout, {"config": {**COMMITTED["config"], "ml-loop:models": {"own": {}}}})
    with_guest = stack.render("local", paths, {}, {"guest": {"production": 2}})
    assert yaml.safe_load(with_guest.read_text())["config"]["ml-loop:models"] == {"own": {}, "guest": {"production": 2}}
    assert render(paths)["config"]["ml-loop:models"] == {"own": {}}


def test_a_setting_taken_out_of_the_committed_file_is_gone(checkout: Path, paths: Paths) -> None:
    render(paths, IMAGES)
    commit(checkout, {"config": {"ml-loop:cluster": {"context": "mine"}}})
    assert render(paths) == {"config": {"ml-loop:cluster": {"context": "mine"}}}


def test_the_passphrase_is_made_once_and_readable_by_its_owner_only(checkout: Path, paths: Paths) -> None:
    render(paths)
    passphrase = paths.stack / "passphrase"
    first = passphrase.read_text()
    render(paths)
    assert len(first) >= 32
    assert passphrase.read_text() == first
    assert (passphrase.stat().st_mode & 0o777, paths.stack.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_stack_without_a_file_is_refused_with_the_remedy(checkout: Path) -> None:
    with pytest.raises(StepError) as refused:
        stack.context_of("staging")
    told = "there is no Pulumi.staging.yaml; `pulumi stack init staging` and a copy of Pulumi.dev.yaml make one"
    assert str(refused.value) == told


def test_the_context_is_the_one_that_the_committed_file_names(checkout: Path) -> None:
    assert stack.context_of("local") == "mine"


def test_secret_outputs_are_left_out() -> None:
    assert stack.plain({"url": OutputValue("http://x", secret=False), "key": OutputValue("s3cret", secret=True)}) == {
        "url": "http://x"
    }


def locked(paths: Paths, pid: int) -> Path:
    lock = paths.stack / ".pulumi" / "locks" / "organization" / "ml-loop" / "local" / f"{pid}.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": pid, "username": "root", "hostname": "vm"}))
    return lock


def test_a_lock_is_dropped_when_its_pulumi_is_gone_or_its_number_is_another_program_s(
    paths: Paths, tmp_path: Path
) -> None:
    (tmp_path / "pulumi").symlink_to("/bin/sleep")
    with subprocess.Popen([tmp_path / "pulumi", "60"]) as at_work:
        # The kernel lets us go on a moment before it gives the process its new name.
        while Path(f"/proc/{at_work.pid}/comm").read_text() != "pulumi\n":
            time.sleep(0.001)
        kept, gone, reused = (locked(paths, pid) for pid in (at_work.pid, 2**22 + 1, os.getpid()))
        stack.drop_stale_locks(paths)
        at_work.kill()
    assert [lock.exists() for lock in (kept, gone, reused)] == [True, False, False]


@pytest.mark.parametrize("was_killed", [True, False])
def test_only_after_an_up_that_was_killed_are_objects_that_exist_taken_over(paths: Paths, was_killed: bool) -> None:
    if was_killed:
        locked(paths, 2**22 + 1)
    for _ in range(2):  # as long as no `up` has ended well
        selected = Mock(workspace=Mock(env_vars={}))
        stack.heal(selected, paths)
        assert selected.workspace.env_vars == ({stack.UPSERT: "true"} if was_killed else {})
        assert selected.refresh.called == was_killed


@pytest.mark.parametrize(
    ("tracking", "wanted"),
    [
        ({"postgres": {"backup": {}}}, True),
        ({"postgres": {"backup": {"archive": "mine"}}}, True),
        ({"postgres": {"backup": None}}, False),
        ({"postgres": {}}, False),
        ({}, False),
        ("wrong", False),
    ],
)
def test_backups_are_wanted_where_the_settings_ask_for_them(checkout: Path, tracking: object, wanted: bool) -> None:
    commit(checkout, {"config": {"ml-loop:tracking": tracking}})
    assert stack.wants_backups("local") is wanted


@pytest.mark.parametrize(
    ("cluster", "enforced"),
    [
        ({"enforcesNetworkPolicies": True}, True),
        ({"enforcesNetworkPolicies": False}, False),
        ({}, False),
        ("wrong", False),
    ],
)
def test_policies_are_kept_where_the_settings_say_so(checkout: Path, cluster: object, enforced: bool) -> None:
    commit(checkout, {"config": {"ml-loop:cluster": cluster}})
    assert stack.enforces_policies("local") is enforced
