"""The page over HTTP, against sources that answer as the real ones do: what it shows, and what no stranger can do."""

import asyncio
import os
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_world import MODEL, World, content, refused, version, watcher, workflow

from loop.page import sources
from loop.page.server import HEADERS, Site, reader

HOSTILE = "<img src=x onerror=alert(1)>"
UNEXPLAINED = 'ml_loop_production_unexplained{model="recommender"} 1.0\n'


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_token", lambda: "token")


def get(path: str, world: World | None = None, *, host: str = "testserver", **changes: Any) -> httpx.Response:
    site = Site(lambda: content(**changes), (world or World()).sources(), {"htmx.min.js": b"//"})

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(site.app())
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.get(path)

    return asyncio.run(ask())


def screen(world: World | None = None, **changes: Any) -> str:
    reply = get(f"/loop/models/{MODEL}", world, **changes)
    assert reply.status_code == 200
    return reply.text


def words(html: str) -> str:
    """What a reader sees."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def station(name: str, html: str) -> str:
    return words(re.split("<section ", html.partition(f'<section id="{name}"')[2])[0])


def test_the_screen_says_what_each_station_does() -> None:
    html = screen()
    assert "version 4 passed, auc 0.941" in station("train", html)
    assert "skipped: cooling down until 2026-11-27T12:00:00Z" in station("train", html)
    assert "auc of at least 0.7" in station("train", html)
    assert "version 4 staging" in station("register", html)
    assert "+0.011 of version 3" in station("register", html)
    assert "Inputs price double pages long Outputs unnamed tensor" in station("register", html)
    assert "production version 3 90 % 1 of 1 ready" in station("serve", html)
    assert "0.5 %" in station("serve", html)
    assert "price drift 0.41 1.2e-08 812" in station("monitor", html)
    assert "12 windows of 1 000 rows" in station("monitor", html)
    assert "price in" in station("retrain", html)
    assert "1 without a gain" in station("retrain", html)


def test_a_version_that_passed_waits_for_a_human_with_the_command() -> None:
    text = station("tasks", screen(proposals="https://git.example.com/pulls"))
    assert "Put version 4 into production, or leave it" in text
    assert "Approve it in Pulumi.local.yaml: ml-loop:models.recommender.production: 4" in text
    assert "make up" in text
    assert 'href="https://git.example.com/pulls"' in screen(proposals="https://git.example.com/pulls")


REJECTED = "ml_loop_rejected"


@pytest.mark.parametrize(
    ("world", "changes", "said"),
    [
        (World(aliases={"production": "3", "staging": "3"}), {}, "Nothing. The loop goes on by itself."),
        (World(versions=[version("4", **{REJECTED: "slow"}), version("3")]), {}, "Nothing."),
        (World(model_tags={"ml-loop.promotion": '{"to": "4"}'}), {}, "version 4 is being put into production"),
        (World(), {"model": {"production": "5"}}, "Promote version 5"),
        (
            World(versions=[version("4"), version("3", **{REJECTED: "it failed"})]),
            {},
            "Version 3 is approved there, and was taken back: it failed.",
        ),
        (
            World(exported={**World().exported, "10.0.0.4": UNEXPLAINED}),
            {},
            "Put production back, which now names version 3",
        ),
    ],
)
def test_what_waits_is_what_a_human_can_do(world: World, changes: Mapping[str, Any], said: str) -> None:
    assert said in station("tasks", screen(world, **changes))


def test_each_column_has_pictures_of_its_last_windows_for_those_who_see_them_and_those_who_do_not() -> None:
    html = screen()
    assert 'aria-label="distance in the last 2 windows, from 0.05 to 0.41"' in html
    assert "most moved: below 5, 50 % before, 9 % now" in html
    assert html.count('class="spark"') == html.count('class="beside"') == 1  # of price; pages was not looked at


def test_a_detector_that_keeps_no_looks_is_not_away() -> None:
    html = screen(World(looks=None))
    assert "is away" not in html
    assert 'class="spark"' not in html


def test_a_failed_training_waits_with_its_own_words() -> None:
    nodes = {"n": {"type": "Pod", "displayName": "train(0)", "phase": "Failed", "message": "error: no rows"}}
    world = World(workflows=[workflow("t", "Failed", nodes, trigger="manual")])
    text = station("tasks", screen(world))
    assert "See why the last training failed, and train again step train: error: no rows." in text


def test_an_empty_loop_says_how_it_begins() -> None:
    world = World(workflows=[], versions=[], aliases={}, leases=[], pods=[], model_tags={})
    html = screen(world, model={"production": None})
    assert "No training yet. It begins with argo submit" in station("train", html)
    assert "has no version of recommender yet" in station("register", html)
    assert "Nothing is served yet" in station("serve", html)
    assert "The detector is not ready" in station("monitor", html)


@pytest.mark.parametrize(
    ("away", "source", "still"),
    [
        ("mlflow", "MLflow", "drift of price"),
        ("kubernetes", "Kubernetes", "version 4"),
        ("pods", "The drift detector", "version 4"),
    ],
)
def test_a_source_that_is_away_is_said_and_the_rest_is_shown(away: str, source: str, still: str) -> None:
    html = screen(World(away={away}))
    assert f"{source} is away: it cannot be reached." in station("tasks", html)
    assert still in words(html)


def test_a_p_value_is_told_with_two_digits() -> None:
    world = World(
        workflows=[workflow("w", "Running", trigger="drift", feature="price", p_value="8.672458985960854e-92")]
    )
    assert "drift of price p 8.7e-92" in station("train", screen(world))


def test_what_others_wrote_is_shown_as_text() -> None:
    nodes = {"n": {"type": "Pod", "phase": "Failed", "displayName": HOSTILE, "message": HOSTILE}}
    failed = workflow("w", "Failed", nodes, trigger="drift", feature=HOSTILE, p_value=HOSTILE)
    tags = {"ml_loop_trigger": f"drift:{HOSTILE}", "ml_loop_rejected": HOSTILE, "ml_loop_workflow": HOSTILE}
    score = f'alibi_drift_score{{feature="{HOSTILE}",model="recommender"}} 0.4\n'
    world = World(
        workflows=[refused(HOSTILE, HOSTILE), failed],
        versions=[version("4", **tags)],
        mlmodel=f'\nsignature:\n  inputs: \'[{{"type": "double", "name": "{HOSTILE}"}}]\'\n',
        exported={**World().exported, "10.0.0.3": score},
    )
    html = screen(world, model={"features": (HOSTILE,), "submit": HOSTILE})
    assert "<img" not in html
    shown = {name: station(name, html).count(HOSTILE) for name in ("tasks", "train", "register", "monitor", "retrain")}
    assert all(shown.values()), shown


def test_a_hostile_name_of_a_model_stays_in_its_address() -> None:
    name = "a\"><script>alert('1')</script>/..?#"
    reply = get("/loop/", model={"name": name})
    assert "<script>alert" not in reply.text
    assert "/loop/models/a%22%3E%3Cscript%3Ealert%28%271%27%29%3C%2Fscript%3E%2F..%3F%23" in reply.text


@pytest.mark.parametrize("path", ["/loop/", f"/loop/models/{MODEL}", "/loop/models/none", "/loop/static/page.css"])
def test_every_answer_tells_the_browser_to_load_nothing_else(path: str) -> None:
    reply = get(path)
    assert {key: reply.headers[key] for key in HEADERS if key != "Cache-Control"} == {
        key: value for key, value in HEADERS.items() if key != "Cache-Control"
    }
    assert "unsafe" not in reply.headers["Content-Security-Policy"]


def test_a_page_asks_for_nothing_from_elsewhere_and_brings_no_inline_script_or_style() -> None:
    html = screen()
    assert not re.findall(r"<script(?![^>]* src=)[^>]*>|<style| style=| on\w+=", html)
    assert all(
        each.startswith("/loop/static/") for each in re.findall(r'(?:src|rel="stylesheet" href)="([^"]*)"', html)
    )


def test_another_site_s_name_is_answered_by_nobody() -> None:
    assert get("/loop/", host="evil.example.com").status_code == 400


def test_a_part_is_sent_again_only_when_it_has_changed() -> None:
    html = screen(World(workflows=[], leases=[], versions=[]))
    seen = dict(re.findall(r'class="seen" name="(\w+)" value="(\w+)"', html))
    query = "&".join(f"{name}={stamp}" for name, stamp in seen.items())
    same = World(workflows=[], leases=[], versions=[])
    assert get(f"/loop/live/models/{MODEL}?{query}", same).status_code == 204
    changed = World(workflows=[workflow("t", "Running", trigger="manual")], leases=[], versions=[])
    again = get(f"/loop/live/models/{MODEL}?{query}", changed)
    assert set(re.findall(r'<section id="(\w+)"', again.text)) == {"ribbon", "train"}


@pytest.mark.parametrize("changes", [{}, {"aliases": {"production": "3", "staging": "3"}}], ids=["waits", "nothing"])
def test_the_list_says_that_a_version_waits_where_its_screen_does(changes: dict[str, Any]) -> None:
    exported = {**World().exported, "10.0.0.3": ""}  # what only the detector knows is on the screen alone
    waits = "Put version 4 into production" in station("tasks", screen(World(exported=exported, **changes)))
    listed = words(get("/loop/", World(exported=exported, **changes)).text)
    assert ("1 for you" in listed) == waits == (not changes)
    assert ("nothing" in listed) == (not waits)


def test_many_models_are_listed_by_three_questions() -> None:
    world = World()
    site = content()
    models = tuple(type(site.models[0])(name=f"m{number}") for number in range(50))
    reply = get("/loop/", world, models=models)
    assert len(re.findall("<tr data-model", reply.text)) == 50
    assert len(world.asked) == 3


def test_one_question_is_asked_once_for_all_who_look() -> None:
    world = World()
    site = Site(content, world.sources(), {})

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(site.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await asyncio.gather(*(client.get(f"/loop/models/{MODEL}") for _ in range(10)))

    assert {reply.status_code for reply in asyncio.run(ask())} == {200}
    assert len(world.asked) == len(set(world.asked))


def test_another_content_is_shown_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "content.json"
    file.write_text(content().to_json())
    read = reader(file)
    assert read().models[0].production == "3"
    assert read() is read()
    file.write_text(content(model={"production": "4"}).to_json())
    os.utime(file, ns=(1, 1))
    assert read().models[0].production == "4"


def test_what_only_mlflow_knows_is_unknown_while_it_is_away_and_no_fault() -> None:
    html = screen(World(away={"mlflow"}))
    assert "ended; the registry has not said what came of it" in station("train", html)
    assert "is due" not in station("serve", html)


def test_a_server_of_another_version_than_its_alias_names_is_pointed_out() -> None:
    assert "version 3 version 2 is due" in station("serve", screen(World(aliases={"production": "2", "staging": "4"})))


PERFORMED = """\
ml_loop_outcomes{model="recommender",state="joined"} 4200.0
ml_loop_outcomes{model="recommender",state="missing"} 17.0
ml_loop_outcomes{model="recommender",state="late"} 0.0
ml_loop_performance{metric="auc",model="recommender",version="4"} 0.861
ml_loop_performance_error{metric="auc",model="recommender",version="4"} 0.01
ml_loop_performance_p_value{metric="auc",model="recommender",version="4"} 3e-05
ml_loop_performance{metric="auc",model="recommender",version="2"} 0.9
ml_loop_performance{metric="auc",model="another",version="4"} 0.1
"""


def performing(exported: str) -> World:
    world = World()
    watch = watcher("outcome-record", "recommender-outcomes", "10.0.0.9")
    watch["metadata"]["labels"]["app.kubernetes.io/component"] = "performance"
    world.pods.append(watch)
    world.exported = {**world.exported, "10.0.0.9": exported}
    return world


def test_performance_stands_beside_what_the_gate_measured_with_its_interval() -> None:
    text = station("monitor", screen(performing(PERFORMED), model={"outcomes": True}))
    assert "4 200 joined, 17 missing" in text.replace("\u202f", " ")
    assert "version 4 auc 0.861 0.841 to 0.881 0.941 3e-05 fell" in text
    assert "version 2 auc 0.900 – – – steady" in text  # noqa: RUF001  dashes for people
    assert "0.100" not in text


def test_performance_that_nobody_knows_is_said_so() -> None:
    asked = {"outcomes": True}
    assert "No span has been judged yet" in station("monitor", screen(performing(""), model=asked))
    assert "how good answers were is unknown" in station("monitor", screen(model=asked))
    assert "Performance" not in station("monitor", screen())
