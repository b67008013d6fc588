"""What GitHub runs: least privilege, pinned actions, no text of a stranger in a shell."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^ *-? *uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$")
WRITES = {
    ("preview", "comment"): {"pull-requests"},
    ("promote", "propose"): {"contents", "pull-requests"},
    ("deploy", "up"): {"id-token"},
    ("release", "publish"): {"packages", "id-token"},
    ("release", "propose"): {"contents", "pull-requests"},
}
"""The jobs that may write, and what."""


def load(file: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return yaml.safe_load(file.read_text().replace("\non:\n", '\n"on":\n'))


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(file.stem, name, job) for file in FILES for name, job in load(file)["jobs"].items()]


def test_no_job_has_a_permission_that_it_is_not_known_to_need() -> None:
    assert [load(file)["permissions"] for file in FILES] == [{}] * len(FILES)
    granted = {(file, name): job["permissions"] for file, name, job in jobs()}
    writes = {job: {what for what, how in given.items() if how == "write"} for job, given in granted.items()}
    assert {job: what for job, what in writes.items() if what} == WRITES


def test_every_job_ends_in_time_and_every_runner_is_a_named_release() -> None:
    unbound = [f"{file}/{name}" for file, name, job in jobs() if not 0 < job.get("timeout-minutes", 0) <= 90]
    assert unbound == []
    assert {job["runs-on"] for _, _, job in jobs()} == {"ubuntu-24.04"}


def test_every_action_is_pinned_to_one_commit_with_its_version_beside_it() -> None:
    lines = [line for file in FILES for line in file.read_text().splitlines() if "uses:" in line]
    found = [PINNED.match(line) for line in lines]
    assert [line for line, pin in zip(lines, found, strict=True) if pin is None] == []
    pins = {(pin["action"], pin["commit"]) for pin in found if pin}
    assert len(pins) == len({action for action, _ in pins})


def test_no_script_has_an_expression_in_its_text() -> None:
    """GitHub pastes expressions into the script before a shell reads it: a branch's name could be a command."""
    scripts = [(f"{file}/{name}", step["run"]) for file, name, job in jobs() for step in job["steps"] if "run" in step]
    assert [where for where, script in scripts if "${{" in script] == []


def test_only_the_jobs_that_push_keep_their_checkout_s_credentials() -> None:
    checkouts = [
        (file, name, step["with"]["persist-credentials"])
        for file, name, job in jobs()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert {(file, name) for file, name, kept in checkouts if kept} == {("promote", "propose"), ("release", "propose")}


def test_a_deployment_is_protected_by_its_stack_s_environment_and_never_runs_twice_at_once() -> None:
    deploy = load(ROOT / ".github" / "workflows" / "deploy.yml")
    job = deploy["jobs"]["up"]
    assert deploy["on"] == {"push": {"branches": ["main"]}}
    assert job["environment"] == "${{ matrix.stack }}"
    assert job["concurrency"] == {"group": "deploy-${{ matrix.stack }}", "cancel-in-progress": False}


def test_every_file_that_decides_what_reaches_a_cluster_has_an_owner() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    owned = [line.split()[0].strip("/") for line in lines if line and not line.startswith("#")]
    decisive = ["Pulumi.yaml", *(file.name for file in ROOT.glob("Pulumi.*.yaml")), ".github", "policy"]
    assert [file for file in decisive if not any(fnmatch(file, pattern) for pattern in owned)] == []
    assert [pattern for pattern in owned if not any(fnmatch(file, pattern) for file in decisive)] == []


UV = """\
#!/bin/sh
# Stands for the two commands that the script runs with uv: the registry's evidence, and the edit of the stack's file.
case "$*" in
  *"python -m loop evidence --model recommender --output "*)
    [ -n "$STAGING" ] || exit 0
    for folder; do :; done
    printf %s "$STAGING" >"$folder/version"
    printf %s "Promote recommender to version $STAGING" >"$folder/title"
    printf 'Evidence %s\\n' "$EVIDENCE" >"$folder/body.md" ;;
  *"python -m settings.production "*)
    while [ "$1" != python ]; do shift; done
    shift
    exec "$PYTHON" "$@" ;;
  *) exit 64 ;;
esac
"""
GH = """\
#!/bin/sh
# Keeps one pull request in a file, as GitHub would.
case "$1 $2" in
  "pr list") [ ! -f "$PULLS" ] || echo 7 ;;
  "pr create") shift 2; printf 'created: %s\\n' "$*" | sed 's# --body-file.*##' >>"$PULLS"; cat "${6}" >>"$PULLS" ;;
  "pr edit") shift 2; printf 'edited: %s\\n' "$*" | sed 's# --body-file.*##' >>"$PULLS"; cat "${5}" >>"$PULLS" ;;
  *) exit 64 ;;
esac
"""


class Repository:
    """A checkout with a stack `prod` whose model is the example's, its origin, and the two programs stood in for."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.pulls = folder / "checkout", folder / "pulls"
        (folder / "bin").mkdir()
        for name, text in (("uv", UV), ("gh", GH)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PULLS": str(self.pulls),
            "PYTHON": sys.executable,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for room in ("contract", "settings"):
            shutil.copytree(ROOT / room, self.checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Pulumi.local.yaml", self.checkout / "Pulumi.prod.yaml")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "test")
        self.git("config", "user.email", "test@example.com")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "start")
        self.git("clone", "--quiet", "--bare", ".", str(folder / "origin"))
        self.git("remote", "add", "origin", str(folder / "origin"))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.checkout, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def promote(self, staging: str, evidence: str = "one") -> str:
        """Runs the script on main, as the workflow does each hour; returns what it printed."""
        self.git("switch", "--quiet", "--force", "main")
        done = subprocess.run(
            [str(ROOT / ".github" / "promote.sh"), "prod", "recommender"],
            cwd=self.checkout,
            env=self.environment | {"STAGING": staging, "EVIDENCE": evidence},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def branch(self) -> str:
        self.git("fetch", "--quiet", "origin")
        return self.git("ls-remote", "origin", "refs/heads/promote/prod/recommender").partition("\t")[0]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_staging_version_becomes_a_pull_request_that_changes_one_number(repository: Repository) -> None:
    repository.promote("3")
    head = repository.branch()
    assert repository.git("log", "--format=%s", f"main..{head}") == "Promote recommender to version 3"
    changed = repository.git("diff", "--unified=0", "main", head).splitlines()
    assert [line for line in changed if line[0] in "+-" and line[:3] not in {"+++", "---"}] == ["+      production: 3"]
    title = "--title Promote recommender to version 3"
    assert repository.pulls.read_text() == f"created: --head promote/prod/recommender {title}\nEvidence one\n"


def test_the_same_version_an_hour_later_is_not_pushed_again_and_its_evidence_is_brought_up_to_date(
    repository: Repository,
) -> None:
    repository.promote("3")
    before = repository.branch()
    repository.promote("3", evidence="two")
    assert repository.branch() == before
    edited = "edited: 7 --title Promote recommender to version 3\nEvidence two\n"
    assert repository.pulls.read_text().endswith(edited)


def test_a_newer_version_takes_the_place_of_the_proposed_one(repository: Repository) -> None:
    repository.promote("3")
    repository.promote("4")
    head = repository.branch()
    assert repository.git("log", "--format=%s", f"main..{head}") == "Promote recommender to version 4"
    assert repository.pulls.read_text().count("created: ") == 1


def test_nothing_is_proposed_where_nothing_is_staged_or_it_is_merged_already(repository: Repository) -> None:
    repository.promote("")
    repository.promote("3")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "promote/prod/recommender")
    repository.pulls.unlink()
    assert repository.promote("3") == "recommender: version 3 is merged and not deployed yet\n"
    assert not repository.pulls.exists()
