"""What the metrics server is built from is what the cluster is built from, so that it is compiled once."""

import re

from local.toolchain import kubernetes
from local.toolchain.gotools import MODULES, TOOLS

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
