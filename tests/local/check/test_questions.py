"""Each of the seven questions: a stack in which all is well says yes, and one broken thing makes one of them say no."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import check
from local.check import serving
from local.check.answer import Answer
from local.check.live import Reply
from local.paths import Paths
from tests.local.check.asking import ask, ended_because, waiting
from tests.local.check.station import ALIASES, METRICS, PREDICT, Station, version, workflow

FIRST = {"aliases": {"staging": "3"}, "weights": {"staging": 100}, "served": {"3": 1}}
"""Nothing is in production yet."""


RETIRED = {"aliases": {"production": "2", "staging": "3"}, "weights": {"staging": 100}, "served": {"3": 1}}
"""A version was in production, and the settings name none any more."""


def asked(station: Station) -> list[check.Asked]:
    return list(check.ask("m", station.live, deep=False))


def test_a_closed_loop_is_seven_times_yes_with_numbers() -> None:
    assert [each.line for each in asked(Station())] == [
        "1 m: the registry lists the model? yes: 2 versions; production is 2, staging is 3",
        "2 m: a training yields a staging version? yes: version 3 from m-train-3: auc 0.8 is passed",
        (
            "3 m: the service resolves the alias and answers :predict? yes: "
            f"{PREDICT} predicts [0.5] with version 2, production"
        ),
        (
            "4 m: the canary slot gets its fraction? yes: "
            "360 by version 2, 40 by version 3 of 400 requests; staging is due 40 ± 24"
        ),
        (
            "5 m: the detector runs with a reference from MLflow? yes: "
            "it compares with version 2, 3 windows of 3000 predictions so far"
        ),
        (
            "6 m: drift starts a new Workflow? yes: "
            "drift of a (p = 0.01, event e1) started m-drift-1 at 2026-01-02T00:00:00Z: Succeeded"
        ),
        (
            "7 m: production moves only through the human gate? yes: "
            "production is version 2, ml-loop:models.m.production says version 2; "
            "a write of the alias without an identity is refused with 403"
        ),
    ]


@pytest.mark.parametrize(
    ("number", "broken", "evidence"),
    [
        (
            1,
            {"aliases": None},
            "MLflow at http://mlflow has no model m; train it first: make check DEEP=1 does",
        ),
        (1, {"aliases": {}, "versions": []}, "a model without versions"),
        (2, {"aliases": {}, "workflows": []}, "nothing is in staging; make check DEEP=1 trains"),
        (
            2,
            {"versions": [version(3, gate="rejected")]},
            "version 3 from m-train-3 has not passed its gate: auc 0.8 is rejected",
        ),
        (
            2,
            {"workflows": [workflow("m-train-9", "Failed", "2026-01-03T00:00:00Z")]},
            "the newest training, m-train-9, Failed: why",
        ),
        (
            2,
            {"workflows": [ended_because("step train cannot start: ErrImagePull: not found")]},
            "the newest training, m-train-9, Failed: step train cannot start: ErrImagePull: not found",
        ),
        (
            2,
            {
                "workflows": [
                    waiting("ImagePullBackOff: Back-off"),
                    workflow("m-train-8", "Succeeded", "1"),
                ]
            },
            "the training m-train-9 waits: train: ImagePullBackOff: Back-off",
        ),
        (
            2,
            {"workflows": [waiting("Unschedulable: 1 Insufficient nvidia.com/gpu.")]},
            "the training m-train-9 waits: train: Unschedulable: 1 Insufficient nvidia.com/gpu.",
        ),
        (3, {"aliases": {}}, "no version is in production or staging: there is nothing to ask"),
        (3, {"predict": Reply(503, {}, "no available server\n")}, f"{PREDICT} answers 503: no available server"),
        (
            3,
            {"served": {"1": 1}},
            (
                f"{PREDICT} predicts [0.5] with version 1, which is neither production nor staging "
                "(production is 2, staging is 3)"
            ),
        ),
        (
            4,
            {"weights": {"production": 50, "staging": 50}},
            (
                "the route's weights are {'production': 50, 'staging': 50}, "
                "the settings say {'production': 90, 'staging': 10}; make up applies them"
            ),
        ),
        (
            4,
            {"served": {"2": 80, "3": 20}},
            "320 by version 2, 80 by version 3 of 400 requests; staging is due 40 ± 24",
        ),
        (
            4,
            {"served": {"2": 100, "3": 0}},
            "400 by version 2 of 400 requests; staging is due 40 ± 24",
        ),
        (
            4,
            {"served": {"1": 1, "2": 89, "3": 10}},
            "4 by version 1, 356 by version 2, 40 by version 3 of 400 requests; staging is due 40 ± 24",
        ),
        (4, {"predict": Reply(503, {}, "")}, "none of 400 requests; staging is due 40 ± 24"),
        (5, {"ready": False}, "no pod of the Deployment m-drift is ready"),
        (
            5,
            {"metrics": METRICS.replace('version{model="m"} 2.0', 'version{model="m"} 1.0')},
            "it compares with version 1, 3 windows of 3000 predictions so far; its reference must be version 2",
        ),
        (
            5,
            {"metrics": METRICS.replace('up_to_date{model="m"} 1.0', 'up_to_date{model="m"} 0.0')},
            (
                "it compares with version 2, 3 windows of 3000 predictions so far; "
                "it cannot ask MLflow whether that is the newest"
            ),
        ),
        (
            6,
            {"workflows": [], "versions": [version(2), version(3)]},
            "drift has started no training yet; make check DEEP=1 publishes a synthetic event",
        ),
        (
            7,
            {"aliases": {"production": "3", "staging": "3"}},
            ("production is version 3, ml-loop:models.m.production says version 2: moved by hand, or not promoted yet"),
        ),
        (
            7,
            {"watched": ALIASES.replace('unexplained{model="m"} 0.0', 'unexplained{model="m"} 1.0')},
            (
                "production is version 2, ml-loop:models.m.production says version 2, "
                "but no promotion has put it there: moved by hand"
            ),
        ),
        (
            7,
            {"watched": None},
            (
                "production is version 2, ml-loop:models.m.production says version 2, "
                "but nothing watches the alias: no pod of the Deployment m-aliases is ready"
            ),
        ),
        (
            7,
            {"alias_status": 404},
            (
                "production is version 2, ml-loop:models.m.production says version 2, "
                "but a write of the alias without an identity is answered with 404, must be 403"
            ),
        ),
    ],
)
def test_one_broken_thing_is_a_no_that_names_it(number: int, broken: dict[str, Any], evidence: str) -> None:
    assert ask(number, replace(Station(), **broken)) == Answer(False, evidence)


@pytest.mark.parametrize(
    ("number", "changed", "evidence"),
    [
        (
            4,
            FIRST,
            "400 by version 3 of 400 requests; staging is due 400 ± 0: everything, as nothing is in production yet",
        ),
        (
            4,
            {"aliases": {"production": "2", "staging": "2"}},
            (
                "the weights are {'production': 90, 'staging': 10}; both slots are to serve version 2, "
                "so no answer tells which did"
            ),
        ),
        (6, {"workflows": []}, "drift:a made version 3 in m-train-3"),
        (
            7,
            RETIRED,
            (
                "production is version 2, ml-loop:models.m.production says nothing, so nothing serves it and the alias "
                "is a record of the last promotion; a write of the alias without an identity is refused with 403"
            ),
        ),
    ],
)
def test_what_is_not_there_yet_is_said_and_is_no_failure(number: int, changed: dict[str, Any], evidence: str) -> None:
    station = replace(Station(), **changed)
    if changed in (FIRST, RETIRED):
        station.settings["production"] = None
    assert ask(number, station) == Answer(True, evidence)


def shown(monkeypatch: pytest.MonkeyPatch, station: Station, *, as_json: bool) -> tuple[int, str]:
    """What `make check` ends with, and what it prints."""

    def outputs(_stack: str, _paths: Paths) -> dict[str, Any]:
        return {"models": {"m": {}}}

    def look_at(*_: object) -> Any:
        return station.live

    monkeypatch.setattr(check.stack, "outputs", outputs)
    monkeypatch.setattr(check.stack, "applied", outputs)
    monkeypatch.setattr(check, "look_at", look_at)
    told = io.StringIO()
    console = Console(file=told, width=500, highlight=False, soft_wrap=True)
    return check.run(Paths(cache=Path("/nowhere")), console, deep=False, as_json=as_json), told.getvalue()


def test_one_no_among_six_yes_ends_with_1_in_lines_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    status, lines = shown(monkeypatch, Station(alias_status=200), as_json=False)
    assert (status, [line.split("? ")[1][:3] for line in lines.splitlines()]) == (1, ["yes"] * 6 + ["no:"])
    status, text = shown(monkeypatch, Station(alias_status=200), as_json=True)
    assert (status, [(each["number"], each["yes"]) for each in json.loads(text)]) == (
        1, [(number, number < 7) for number in range(1, 8)],
    )  # fmt: skip
    assert shown(monkeypatch, Station(), as_json=True)[0] == 0


def test_one_broken_thing_leaves_the_other_six_answers_yes() -> None:
    assert [each.yes for each in asked(Station(alias_status=200))] == [True] * 6 + [False]


def test_a_registry_that_is_away_is_a_no_and_the_next_question_is_asked() -> None:
    station = Station()

    def away(url: str, body: object = None) -> Reply:
        raise OSError("connection refused")

    station.http = away
    assert ask(1, station) == Answer(False, "it cannot be asked: connection refused")


def test_an_object_that_is_gone_is_a_no_in_one_line() -> None:
    station = Station()
    kubectl = station.kubectl

    def without_route(*arguments: str, stdin: str | None = None) -> str:
        return kubectl(*(each.replace("httproute", "gone") for each in arguments), stdin=stdin)

    station.kubectl = without_route
    told = "it cannot be asked: kubectl -n ml get gone m -o json … failed: no such thing"
    assert ask(4, station) == Answer(False, told)


def test_the_requests_are_spread_over_the_reference_so_that_they_are_no_drift() -> None:
    station = Station()
    ask(4, station)
    assert sorted(station.asked) == sorted([float(n), 2.0 * n] for n in range(100) for _ in range(4))


def test_the_probe_of_the_gate_names_a_version_that_cannot_be_there() -> None:
    station = Station()
    ask(7, station)
    assert station.written == [{"name": "m", "alias": "production", "version": "2147483647"}]


def test_the_bounds_are_wide_enough_for_chance_and_no_wider() -> None:
    assert serving.expected_count(400, 0.1) == (40, 24)
    assert serving.expected_count(400, 1.0) == (400, 0)
