"""Every `# renovate:` marker is found by the custom manager, with the pin that stands below it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import versions
from local.paths import REPOSITORY
from local.toolchain import kubernetes
from local.toolchain.tools import TOOLS

MANAGER: dict[str, Any] = json.loads((REPOSITORY / "renovate.json").read_text())["customManagers"][0]
PATTERN = re.compile(MANAGER["matchStrings"][0].replace("(?<", "(?P<"))
WATCHED = [re.compile(pattern.strip("/")) for pattern in MANAGER["managerFilePatterns"]]


def marked_files() -> list[str]:
    tracked = [
        *REPOSITORY.glob("*.py"),
        *(p for room in ("local", "components", "versions") for p in (REPOSITORY / room).rglob("*.py")),
    ]
    return sorted(str(p.relative_to(REPOSITORY)) for p in tracked if "# renovate:" in p.read_text())


@pytest.mark.parametrize("name", marked_files())
def test_every_file_with_a_marker_is_watched_and_every_marker_has_a_pin(name: str) -> None:
    assert any(pattern.search(name) for pattern in WATCHED), f"{name} has markers, renovate.json does not watch it"
    text = Path(REPOSITORY / name).read_text()
    assert len(PATTERN.findall(text)) == text.count("# renovate:")


def test_what_is_found_are_the_pins_in_force() -> None:
    text = "".join((REPOSITORY / name).read_text() for name in marked_files())
    found = {match["depName"]: match["currentValue"] for match in PATTERN.finditer(text)}
    assert found["cloudnative-pg"] == versions.CLOUDNATIVE_PG.version
    assert found["ghcr.io/cloudnative-pg/postgresql"] == versions.POSTGRES.tag
    assert found["knative/serving"] == versions.KNATIVE_SERVING
    assert found["k8s.io/kubernetes"] == kubernetes.VERSION
    assert {tool.module: found.get(tool.module) for tool in TOOLS.values()} == {
        t.module: t.version for t in TOOLS.values()
    }


def test_a_tag_of_knative_serving_is_read_as_the_version_that_is_pinned() -> None:
    rules: list[dict[str, Any]] = json.loads((REPOSITORY / "renovate.json").read_text())["packageRules"]
    (rule,) = [rule for rule in rules if rule["matchPackageNames"] == ["knative/serving"]]
    tag = re.fullmatch(rule["extractVersion"].replace("(?<", "(?P<"), f"knative-v{versions.KNATIVE_SERVING}")
    assert tag is not None
    assert tag["version"] == versions.KNATIVE_SERVING
