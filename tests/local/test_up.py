"""What `make up` tells its user, and the clusters it refuses to touch."""

import sys
from pathlib import Path

import pytest

from local import cli, stack
from local.up import summary, under_way, warnings

PRINTED = """\
Updating (local):
 +  kubernetes:apps/v1:Deployment mlflow-server created (4s)
Diagnostics:
  pulumi:pulumi:Stack (ml-loop-local):
    warning: every pod can reach MLflow
    warning: using pulumi-resource-kubernetes from $PATH at /cache/plugins/pulumi-resource-kubernetes
    warning: every pod can reach MLflow

Resources:
    + 2 created
    ~ 1 updated
    31 unchanged

Duration: 12s
"""
LINES = [line.strip() for line in PRINTED.splitlines()]


def test_what_changed_is_told_in_the_engine_s_own_numbers() -> None:
    assert summary(LINES) == "2 created, 1 updated, 31 unchanged"


def test_an_update_that_printed_no_numbers_has_no_summary() -> None:
    assert summary(LINES[:3]) == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (" +  kubernetes:apps/v1:Deployment drift creating (7s) 0 of 1 replicas ready",
         "drift creating 7s: 0 of 1 replicas ready"),
        (" ~  kubernetes:apps/v1:Deployment mlflow-server updating (46s) [diff: ~spec]; 1 old replicas still running",
         "mlflow-server updating 46s: 1 old replicas still running"),
        (" ++ kubernetes:batch/v1:Job promotion-job creating replacement (0s) [diff: ]",
         "promotion-job creating replacement 0s"),
        (" +  kubernetes:apps/v1:Deployment mlflow-server created (4s)", None),
        ("Updating (local):", None),
    ],
)  # fmt: skip
def test_what_the_engine_waits_for_is_told_while_it_waits(line: str, told: str | None) -> None:
    assert under_way(line) == told


def test_the_program_s_warnings_are_told_once_and_the_engine_s_remarks_on_plugins_are_not() -> None:
    assert warnings(LINES) == ["every pod can reach MLflow"]


def refusal(
    arguments: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What a refused command line prints; nothing may be in the cache then."""
    monkeypatch.setenv("ML_LOOP_CACHE", str(cache))
    monkeypatch.setattr(sys, "argv", ["local", *arguments])
    assert cli.main() == 1
    assert list(cache.iterdir()) == []
    return capsys.readouterr().err


def test_the_built_in_cluster_s_stack_is_not_applied_to_another_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "error: --context: the stack `local` is for the built-in cluster; name another, such as STACK=dev\n"
    assert refusal(["up", "--context", "mine"], tmp_path, monkeypatch, capsys) == told


def test_a_context_other_than_the_stack_file_s_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def declared(_: str) -> str:
        return "example-dev"

    monkeypatch.setattr(stack, "context_of", declared)
    told = (
        "error: Pulumi.dev.yaml is for the context 'example-dev', not 'mine'; change ml-loop:cluster there, "
        "so that every later command means the same cluster\n"
    )
    assert refusal(["up", "--stack", "dev", "--context", "mine"], tmp_path, monkeypatch, capsys) == told
