"""What the workflow `release` does by its script: an image that nobody signed gets into no pull request."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from versions.release import OWN

ROOT = Path(__file__).parents[2]
SCRIPT = ".github/release.sh"
STAND_IN = """\
#!/bin/sh
# Stands for a program of the runner: writes down how it was called, and answers as a registry would.
echo "$(basename "$0") $*" >>"$CALLS"
case "$(basename "$0") $*" in
  "docker buildx imagetools inspect "*) echo '"sha256:%064d"' | sed "s/%064d/$(printf %064d 7)/" ;;
  "docker buildx build "*)
    while [ "$1" != --metadata-file ]; do shift; done
    printf '{"containerimage.digest": "sha256:%064d"}' 7 >"$2" ;;
  "cosign verify "*"/$UNSIGNED@"*) echo "no signatures found" >&2; exit 10 ;;
esac
"""
DIGEST = f"sha256:{7:064d}"


class Runner:
    """A checkout with an origin, and the runner's programs stood in for."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.calls = folder / "checkout", folder / "calls"
        (folder / "bin").mkdir()
        for name in ("docker", "cosign", "gh"):
            (folder / "bin" / name).write_text(STAND_IN)
            (folder / "bin" / name).chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "CALLS": str(self.calls),
            "UNSIGNED": "none",
            "GITHUB_REPOSITORY": "example/ml-loop",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        shutil.copytree(ROOT / "versions", self.checkout / "versions", ignore=shutil.ignore_patterns("__pycache__"))
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.run("git", "config", "user.name", "test")
        self.run("git", "config", "user.email", "test@example.com")
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", "start")
        self.run("git", "clone", "--quiet", "--bare", ".", str(folder / "origin"))
        self.run("git", "remote", "add", "origin", str(folder / "origin"))

    def run(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.checkout, env=self.environment | environment, check=True, capture_output=True, text=True
        )

    def called(self, program: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(f"{program} ")]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_an_image_is_built_for_both_architectures_with_its_records_and_signed_by_digest(runner: Runner) -> None:
    runner.run(str(ROOT / SCRIPT), "publish", "0.2.0", "loop")
    (build,) = runner.called("docker")
    asked = ("--platform linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max", "--push", "--target loop")
    assert [option for option in asked if option not in build] == []
    assert "--tag ghcr.io/ml-loop/loop:0.2.0" in build
    assert runner.called("cosign") == [f"cosign sign --yes ghcr.io/ml-loop/loop@{DIGEST}"]


def test_the_digests_of_a_release_become_a_pull_request_once_every_signature_is_this_workflow_s(runner: Runner) -> None:
    runner.run(str(ROOT / SCRIPT), "propose", "0.2.0")
    identity = "https://github.com/example/ml-loop/.github/workflows/release.yml@refs/tags/v0.2.0"
    assert len(runner.called("cosign")) == len(OWN)
    assert all(
        f"@{DIGEST} " in line and f"--certificate-identity {identity}" in line for line in runner.called("cosign")
    )
    assert runner.run("git", "diff", "--stat", "main", "release/0.2.0").stdout.count("|") == 1
    assert runner.run("git", "show", "release/0.2.0:versions/__init__.py").stdout.count(f'digest="{DIGEST}"') == len(
        OWN
    )
    assert "--head release/0.2.0" in runner.called("gh")[0]


def test_an_image_that_this_workflow_did_not_sign_ends_the_release(runner: Runner) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        runner.run(str(ROOT / SCRIPT), "propose", "0.2.0", UNSIGNED="detector")
    assert "no signatures found" in failed.value.stderr
    assert runner.called("gh") == []
    assert runner.run("git", "ls-remote", "origin", "refs/heads/release/0.2.0").stdout == ""


def test_every_image_of_the_project_is_published() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert set(jobs["publish"]["strategy"]["matrix"]["target"]) == set(OWN)
    assert jobs["propose"]["needs"] == "publish"
