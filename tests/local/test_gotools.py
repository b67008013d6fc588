"""The Go tools: their pins, and what builds leave behind."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from local.lock import building
from local.paths import Paths
from local.toolchain import gotools, kubernetes
from local.toolchain.cuts import Cut
from local.toolchain.gotools import MODULES, repair
from local.toolchain.tools import TOOLS, GoTool

REQUIRED = re.compile(r"^(?:require |\t)(\S+) (v\S+)(?: // indirect)?$", re.MULTILINE)


def test_the_metrics_server_asks_for_the_modules_of_the_cluster_s_kubernetes() -> None:
    wanted = dict(each.split() for each in TOOLS["metrics-server"].requires)
    cluster = dict(REQUIRED.findall((kubernetes.MODULE / "go.mod").read_text()))
    assert wanted
    assert wanted == {module: cluster[module] for module in wanted}


def test_what_it_would_have_newer_than_the_cluster_does_not_count() -> None:
    cluster = dict(REQUIRED.findall((kubernetes.MODULE / "go.mod").read_text()))
    excluded = dict(each.split() for each in TOOLS["metrics-server"].excludes)
    assert excluded.keys() <= cluster.keys()
    assert [module for module, version in excluded.items() if version == cluster[module]] == []


def test_go_mod_holds_what_the_table_says() -> None:
    for tool in TOOLS.values():
        text = (MODULES / tool.name / "go.mod").read_text()
        assert {(tool.module, tool.version), *(tuple(each.split()) for each in tool.requires)} <= set(
            REQUIRED.findall(text)
        )
        lines = text.splitlines()
        assert [each for each in tool.excludes if f"exclude {each}" not in lines] == []
        assert [old for old, new in tool.replaces.items() if f"replace {old} => {new}" not in lines] == []


def test_a_copy_is_of_the_version_that_is_pinned_with_its_links_and_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "signal_darwin.go").write_text("package signals\n")
    (module / "signals.go").write_text("package signals\nimport azure\n")

    def downloaded(_tool: GoTool, _folder: Path) -> Path:
        return module

    def go(_arguments: list[str], _folder: Path) -> str:
        return ""

    monkeypatch.setattr(gotools, "downloaded", downloaded)
    monkeypatch.setattr(gotools, "go", go)
    monkeypatch.setattr(gotools, "CUTS", {"argo-workflows": (Cut(file="signals.go", gone=("import",)),)})
    tool = replace(TOOLS["argo-workflows"], links={"signal_linux.go": "signal_darwin.go"}, blanks=())
    for version in ("v1.0.0", "v1.0.1"):
        repair(replace(tool, version=version), tmp_path)
    (copy,) = tmp_path.glob("source*")
    assert copy.name.startswith("source-v1.0.1-")
    assert (copy / "signals.go").read_text() == "package signals\n"
    assert (copy / "signal_linux.go").readlink() == Path("signal_darwin.go")


def test_builds_have_caches_of_their_own_that_can_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_LOOP_CACHE", str(tmp_path))
    for variable in ("GOCACHE", "GOMODCACHE"):
        monkeypatch.delenv(variable, raising=False)
    paths = Paths.default()
    assert {variable: gotools.environment()[variable] for variable in paths.go_caches} == {
        variable: str(folder) for variable, folder in paths.go_caches.items()
    }
    assert gotools.forget_caches(paths) is None
    for folder in paths.go_caches.values():
        (folder / "module@v1.0.0").mkdir(parents=True)
    with building(paths), building(paths):
        assert gotools.forget_caches(paths) == "kept: another build uses them"
    assert all(folder.exists() for folder in paths.go_caches.values())
    assert gotools.forget_caches(paths) == "removed"
    assert [folder for folder in paths.go_caches.values() if folder.exists()] == []


def test_caches_that_the_user_names_are_used_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "users"))
    assert gotools.environment()["GOMODCACHE"] == str(tmp_path / "users")
