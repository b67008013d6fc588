"""The built-in cluster, started the way a user starts it, shared by all tests and stopped at the end.

Files are ordered: `test_tracking.py` judges the cluster as `up` left it, `test_policy_live.py` every pod that the
others made, `test_lifecycle.py` kills and stops things.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import pytest

from local.paths import REPOSITORY, Paths
from tests.e2e.pod_record import PodRecord
from tests.e2e.station import LOCAL, Record, Station, Timed

collect_ignore = ["test_your_model.py", "test_interrupted_up.py"]  # trials: `make trial-…` names them

ORDER: Final = {"test_tracking.py": -1, "test_policy_live.py": 1, "test_lifecycle.py": 2}
"""The place of each file that has one; all others come between."""
TIMES: list[tuple[str, float]] = []
"""What took how long; told at the end, never asserted."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-cluster", action="store_true", help="leave the cluster running at the end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.get(item.path.name, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TIMES:
        terminalreporter.section("times")
    for what, seconds in TIMES:
        terminalreporter.write_line(f"{seconds:8.1f} s  {what}")


@pytest.fixture(scope="session")
def timed() -> Timed:
    @contextmanager
    def timed(what: str) -> Generator[None]:
        began = time.monotonic()
        yield
        TIMES.append((what, time.monotonic() - began))

    return timed


@pytest.fixture(scope="session")
def pod_record() -> Iterator[PodRecord]:
    """Follows the cluster's pods while it is still to be started: some of them are gone when `up` ends."""
    record = PodRecord(Paths.default().kubeconfig)
    record.start()
    yield record
    record.stop()


@pytest.fixture(scope="session", autouse=True)
def station(pytestconfig: pytest.Config, timed: Timed, pod_record: PodRecord) -> Iterator[Station]:
    """The tracking station, up. Everything runs below it, as it brings the programs that other tests call."""
    capture = cast("Any", pytestconfig.pluginmanager.getplugin("capturemanager"))
    # A first start builds for many minutes: whoever waits sees how far it is.
    with capture.global_and_fixture_disabled(), timed("first up"):
        subprocess.run([*LOCAL, "up"], cwd=REPOSITORY, check=True, stdin=subprocess.DEVNULL)
    assert pod_record  # follows everything that comes, from the first pod on
    paths = Paths.default()
    os.environ |= exports()
    os.environ["ML_LOOP_PODSECURITY"] = str(paths.bin / "podsecurity")
    yield Station(paths)
    if not pytestconfig.getoption("--keep-cluster"):
        subprocess.run([*LOCAL, "down"], cwd=REPOSITORY, check=True, stdin=subprocess.DEVNULL)


def exports() -> Mapping[str, str]:
    """What `eval "$(make env)"` gives a user's shell."""
    printed = subprocess.run([*LOCAL, "env"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    words = [shlex.split(line) for line in printed.splitlines()]
    assert all(word[0] == "export" for word in words), printed
    return dict(word[1].split("=", 1) for word in words)


@pytest.fixture(scope="session")
def record(station: Station, tmp_path_factory: pytest.TempPathFactory, timed: Timed) -> Record:
    """What a client stored before anything happened to the station."""
    with timed("a run with a 50 MB artifact logged, its model registered"):
        return Record.write(tmp_path_factory.mktemp("record"))
