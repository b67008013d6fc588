"""The Go tools: their pins, and what builds leave behind."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from local.toolchain import gotools, kubernetes
from local.toolchain.cuts import Cut
from local.toolchain.gotools import MODULES, repair
from local.toolchain.tools import TOOLS, GoTool

REQUIRED = re.compile(r"^(?:require |\t)(\S+) (v\S+)(?: // indirect)?$", re.MULTILINE)


def test_the_metrics_server_asks_for_the_modules_of_the_cluster_s_kubernetes() -> None:
    wanted = dict(each.split() for each in TOOLS["metrics-server"].requires)
    assert wanted
    assert set(wanted.values()) == {kubernetes.VERSION.replace("v1.", "v0.")}


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
