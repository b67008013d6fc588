"""The lint command: what it reads, what it prints, how it exits."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policy import lint
from policy.rule import Resource
from tests.policy.manifests import changed, denial, deployment, namespace

TODAY = date(2026, 1, 1)
BROKEN = changed(deployment(), "spec.template.spec.hostNetwork", True)
MESSAGE = "Deployment ml/server: spec.template.spec.hostNetwork is true; must be false or unset; remove it"


def judged(config: dict[str, Any], *manifests: dict[str, Any]) -> tuple[list[str], bool]:
    return lint.lint([Resource(manifest) for manifest in (*manifests, namespace(), denial())], config, TODAY)


def excepting(**entry: str) -> dict[str, Any]:
    return {"restricted-pods": {"exceptions": [{"reason": "until the node agent is gone", **entry}]}}


def test_clean_manifests_exit_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(json.dumps(manifest) + "\n" for manifest in (namespace(), denial(), deployment())))
    assert lint.main([str(file)]) == 0
    assert capsys.readouterr().out == f"3 objects judged by {len(lint.RULES)} rules\n"


def test_a_violation_is_one_line_and_exits_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [namespace(), denial(), BROKEN]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(items)))
    assert lint.main(["-"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"mandatory: [restricted-pods] {MESSAGE}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not YAML or JSON"),
        ("name: x", "an object without apiVersion and kind; give Kubernetes manifests"),
        ("- a", "an object without apiVersion and kind; give Kubernetes manifests"),
    ],
)
def test_a_file_that_is_no_manifest_exits_with_two(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    assert lint.main([str(file)]) == 2
    assert f"policy.lint: {file}: {message}" in capsys.readouterr().err


def test_a_missing_file_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.main(["absent.yaml"]) == 2
    assert "absent.yaml" in capsys.readouterr().err


def test_a_stack_file_is_searched_for_plain_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config: {ml-loop:trackingSecretKey: hunter2}")
    assert lint.main([str(file)]) == 1
    out = capsys.readouterr().out
    assert "[no-plain-secrets]" in out
    assert "hunter2" not in out


def test_a_rules_level_is_the_configs() -> None:
    assert judged({}, BROKEN) == ([f"mandatory: [restricted-pods] {MESSAGE}"], True)
    assert judged({"restricted-pods": "advisory"}, BROKEN) == ([f"advisory: [restricted-pods] {MESSAGE}"], False)
    assert judged({"restricted-pods": {"enforcementLevel": "disabled"}}, BROKEN) == ([], False)
    assert judged({"all": "advisory"}, BROKEN) == ([f"advisory: [restricted-pods] {MESSAGE}"], False)


def test_an_exception_is_listed_with_its_reason_and_end() -> None:
    lines, failed = judged(excepting(object="Deployment/ml/*", expires="2026-01-02"), BROKEN)
    end = "[exception: restricted-pods for Deployment/ml/* until 2026-01-02: until the node agent is gone]"
    assert lines == [f"exception: [restricted-pods] {MESSAGE} {end}"]
    assert not failed
    unquoted = excepting(object="Deployment/ml/*", expires="2026-01-02 00:00:00 +0000 UTC")
    assert judged(unquoted, BROKEN) == (lines, failed)


def test_an_exception_that_has_expired_is_a_violation() -> None:
    lines, failed = judged(excepting(object="Deployment/ml/*", expires="2026-01-01"), BROKEN)
    end = "[exception expired: restricted-pods for Deployment/ml/* until 2026-01-01: until the node agent is gone]"
    assert lines == [f"mandatory: [restricted-pods] {MESSAGE} {end}"]
    assert failed


@pytest.mark.parametrize("name", ["Deployment/other/*", "StatefulSet/*", "Deployment/ml/serve"])
def test_an_exception_for_another_object_covers_nothing(name: str) -> None:
    assert judged(excepting(object=name, expires="2030-01-01"), BROKEN) == judged({}, BROKEN)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"expires": "soon"}, 'expires: "soon" is not allowed; expected a date such as 2027-01-31. Write year'),
        ({"expires": "2027-01-31", "reason": ""}, 'reason: "" is not allowed; expected a text that is not empty.'),
    ],
)
def test_an_exception_without_an_end_or_a_reason_is_refused(entry: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judged(excepting(**entry), BROKEN)


def test_what_is_not_known_yet_is_a_line_of_its_own_and_never_a_pass() -> None:
    assert lint.lint([Resource(deployment())], {}, TODAY) == (
        [
            (
                "not known yet: [restricted-namespaces] Deployment ml/server: metadata.namespace is not known yet "
                "(the labels of namespace ml); must be a namespace that enforces restricted"
            )
        ],
        False,
    )
