"""Pins are judged by published advisories, offline."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from versions.advisories import files
from versions.advisories.extract import extract
from versions.advisories.judge import ANY, Excepted, findings, problems, read_exceptions
from versions.advisories.osv import Advisory, advisories, semantic
from versions.advisories.osv import intervals as of_events
from versions.advisories.pinned import Pinned, go_modules, pinned, python_packages

TODAY = date(2027, 1, 15)
MODULE = Pinned(place="local/go/go.sum", ecosystem="Go", name="example.org/module", version="1.2.0")
HOLE = Advisory(
    id="GO-1",
    aliases=("CVE-1",),
    ecosystem="Go",
    name=MODULE.name,
    affected=({"introduced": "0", "fixed": "1.2.1"},),
    imports=("example.org/module/ssh",),
)
EXCEPTION: dict[str, Any] = {
    "place": "local/go/*",
    "package": MODULE.name,
    "advisories": ["CVE-1"],
    "reason": "not reached",
    "ends": date(2027, 2, 1),
}


@pytest.mark.parametrize(
    ("module", "version", "hole"),
    [
        ("github.com/traefik/traefik/v3", "3.5.4", "CVE-2025-66490"),
        ("github.com/argoproj/argo-workflows/v3", "3.7.14", "CVE-2026-54526"),
    ],
)
def test_pins_that_this_repository_once_had_are_refused(module: str, version: str, hole: str) -> None:
    pin = Pinned(place="local/go/tools/go.sum", ecosystem="Go", name=module, version=version)
    _, known = files.extracted()
    told = problems(list(findings([pin], known, files.linked())), [], TODAY)
    assert [line for line in told if f"{module} {version} has " in line and hole in line]


def test_every_lock_every_go_sum_and_the_programs_of_charts_and_images_are_judged() -> None:
    pins = pinned()
    assert {"uv.lock", "images/loop/uv.lock", "local/go/go.sum", "versions/__init__.py"} <= {pin.place for pin in pins}
    names = {(pin.ecosystem, pin.name) for pin in pins}
    assert {("PyPI", "mlflow"), ("Go", "k8s.io/kubernetes"), ("Bitnami", "kafka")} <= names
    assert ("Go", "github.com/traefik/traefik/v3") in names  # a wheel of the index
    assert [pin.version for pin in pins if (pin.ecosystem, pin.name) == ("Bitnami", "postgresql")] == ["18.6"]


def test_a_lock_pins_what_comes_from_an_index_alone(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text(
        '[[package]]\nname = "a"\nversion = "1.0"\nsource = { registry = "https://index.example" }\n'
        '[[package]]\nname = "ours"\nversion = "0.1"\nsource = { virtual = "." }\n'
    )
    assert [(pin.place, pin.name, pin.version) for pin in python_packages(lock, tmp_path)] == [("uv.lock", "a", "1.0")]


def test_a_go_sum_pins_modules_whose_content_it_admits(tmp_path: Path) -> None:
    sums = tmp_path / "go.sum"
    sums.write_text(
        "example.org/a v1.0.0 h1:x=\nexample.org/a v1.0.0/go.mod h1:y=\nexample.org/b v2.0.0/go.mod h1:z=\n"
    )
    assert [(pin.name, pin.version) for pin in go_modules(sums, tmp_path)] == [("example.org/a", "1.0.0")]


@pytest.mark.parametrize(
    ("events", "affected", "unaffected"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2.1"}], ["0.0.0-2020", "1.2.0", "1.2.1-rc.1"], ["1.2.1", "2.0.0"]),
        ([{"fixed": "1.1.0"}, {"introduced": "1.2.0"}, {"introduced": "0"}], ["1.0.0", "1.2.0", "9.0.0"], ["1.1.5"]),
        ([{"introduced": "1.0.0"}, {"last_affected": "1.2.0"}], ["1.0.0", "1.2.0"], ["0.9.0", "1.2.1"]),
        ([{"introduced": "1.0.0"}, {"introduced": "1.1.0"}, {"fixed": "1.2.0"}], ["1.0.5", "1.1.0"], ["1.2.0"]),
    ],
)
def test_events_in_any_order_say_which_versions_are_affected(
    events: list[dict[str, str]], affected: list[str], unaffected: list[str]
) -> None:
    hole = Advisory(id="X", ecosystem="Go", name="m", affected=tuple(of_events(events, semantic)))
    assert [version for version in affected if not hole.affects(version)] == []
    assert [version for version in unaffected if hole.affects(version)] == []


def test_a_withdrawn_advisory_and_other_ecosystems_say_nothing() -> None:
    entry = {"package": {"ecosystem": "Go", "name": "m"}, "versions": ["1.0.0"]}
    other = {"package": {"ecosystem": "npm", "name": "m"}, "versions": ["1.0.0"]}

    def read(document: dict[str, Any]) -> list[Advisory]:
        return list(advisories({"id": "X", "affected": [entry, other]} | document, lambda _ecosystem, _name: True))

    assert read({"withdrawn": "2026-01-01T00:00:00Z"}) == []
    (one,) = read({})
    assert one.affects("1.0.0")
    assert not one.affects("1.0.1")


def test_an_extract_has_every_major_version_of_a_module_and_all_that_a_document_says_of_a_package(
    tmp_path: Path,
) -> None:
    def entry(name: str, *events: dict[str, str]) -> dict[str, Any]:
        ecosystem = "Go" if "/" in name else "PyPI"
        ranges = [{"type": "SEMVER" if ecosystem == "Go" else "ECOSYSTEM", "events": events}]
        return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges}

    affected = [
        entry("example.org/module/v2", {"introduced": "0"}),
        entry("a", {"introduced": "0"}, {"fixed": "1"}),
        entry("a", {"introduced": "2"}),
        entry("not-pinned", {"introduced": "0"}),
    ]
    document = {"id": "X", "modified": "2026-02-03T00:00:00Z", "affected": affected}
    (tmp_path / "one.json").write_text(json.dumps(document))
    pins = [MODULE, Pinned(place="uv.lock", ecosystem="PyPI", name="a", version="3")]
    written = extract([tmp_path], pins)
    assert written["as_of"] == {"Go": "2026-02-03", "PyPI": "2026-02-03"}
    assert {entry["name"]: entry["affected"] for entry in written["advisories"]} == {
        "a": ({"introduced": "0", "fixed": "1"}, {"introduced": "2"}),
        "example.org/module/v2": ({"introduced": "0"},),
    }


@pytest.mark.parametrize(
    ("packages", "found"),
    [(None, 1), ([], 0), ([ANY], 0), ([ANY, "example.org/module/html"], 0), ([ANY, "example.org/module/ssh"], 1)],
)
def test_a_hole_counts_where_its_package_is_linked_or_that_is_not_known(packages: list[str] | None, found: int) -> None:
    linked = {} if packages is None else {MODULE.place: {"example.org/module@1.2.0": packages}}
    assert len(list(findings([MODULE], [HOLE], linked))) == found


def told(exceptions: list[Excepted], *known: Advisory) -> list[str]:
    return problems(list(findings([MODULE], known, {})), exceptions, TODAY)


def test_a_finding_says_where_what_and_which_version_has_the_fix() -> None:
    assert told([], HOLE) == ["local/go/go.sum: example.org/module 1.2.0 has GO-1, CVE-1; fixed in 1.2.1"]


def test_an_exception_covers_its_holes_until_its_end_and_no_longer_than_they_are_there() -> None:
    (exception,) = read_exceptions([EXCEPTION])
    assert told([exception], HOLE) == []
    (ended,) = read_exceptions([EXCEPTION | {"ends": TODAY}])
    assert told([ended], HOLE) == [
        "local/go/go.sum: example.org/module 1.2.0 has GO-1, CVE-1; fixed in 1.2.1",
        "exceptions.yaml: example.org/module, CVE-1: ended on 2027-01-15; move the pin, or say why it may stay longer",
    ]
    assert told([exception]) == ["exceptions.yaml: example.org/module, CVE-1: CVE-1 names no pin any more; remove it"]
    (elsewhere,) = read_exceptions([EXCEPTION | {"place": "images/*"}])
    assert told([elsewhere], HOLE)[0].startswith("local/go/go.sum: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ends": "soon"}, r"0\.ends: .*date.* not 'soon'"),
        ({"reason": ""}, r"0\.reason: "),
        ({"until": "2027-01-01"}, r"0\.until: Unexpected keyword argument, not '2027-01-01'"),
    ],
)
def test_an_exception_that_is_none_is_refused_by_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_exceptions([EXCEPTION | change])
