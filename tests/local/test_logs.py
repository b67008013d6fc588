"""`make logs`: which logs are shown, those of trainings whose pods are gone among them."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from components.storage import log_archive
from local import logs
from local.paths import Paths

Show = Callable[..., str]
POD = "recommender-train-x7k2p-train-1"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    folder = f"{log_archive.folder('recommender')}/recommender-train-x7k2p/{POD}"
    write(paths.volumes / "volume-3" / "buckets" / "ml-loop-logs" / folder / "main.log", "1\n2\n3\n")
    write(paths.node / "log" / "kubelet.log", "the kubelet\n")
    return paths


@pytest.fixture
def show(paths: Paths) -> Show:
    def show(only: str, lines: int = 20) -> str:
        console = Console(file=StringIO(), width=200)
        assert logs.show(paths, console, lines, only) == 0
        assert isinstance(console.file, StringIO)
        return console.file.getvalue()

    return show


def test_the_log_of_a_pod_that_is_gone_is_found_by_its_workflow(show: Show) -> None:
    assert show("recommender-train-x7k2p") == f"== logs/recommender/recommender-train-x7k2p/{POD}/main\n1\n2\n3\n"
    assert show("recommender-train-other") == ""


def test_the_last_lines_are_shown(show: Show) -> None:
    assert show(POD, lines=1).splitlines()[1:] == ["3"]


def test_archived_logs_are_shown_only_when_they_are_asked_for(show: Show) -> None:
    assert show("") == "== kubelet\nthe kubelet\n"


def test_a_pod_that_is_still_there_speaks_once(paths: Paths, show: Show) -> None:
    write(paths.node / "log" / "pods" / f"loop_{POD}_0123-uid" / "main" / "0.log", "1\n2\n3\nand more\n")
    assert show(POD) == f"== loop/{POD}/main\n1\n2\n3\nand more\n"
