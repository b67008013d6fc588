"""What a command's words say is read again as it was, and what they cannot say is refused."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import contract
from contract.commands import (
    BusCredentials,
    Canary,
    Command,
    Cooldown,
    Detect,
    Evaluate,
    Evidence,
    Fetch,
    Ledger,
    Notify,
    Page,
    Promote,
    Register,
    ReportFailure,
    Rollout,
    Serve,
    Settle,
    Stage,
    Train,
    WatchAliases,
    WatchTrainings,
)
from contract.drift import MIN_WINDOW, DriftReference, DriftSettings, DriftTest
from contract.names import Alias
from contract.notices import NoticeFormat, NoticeKind
from contract.outcome_commands import Erase, Freeze, Record, TakeOutcomes, WatchPerformance
from contract.watching import Limits, Watching

WORDS: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
"""What a process may be given as a word: any text without a NUL."""
HARD: Final = ("--", "-", "--window", "-1", " a b", "", "=", "--=--", "größe", "\n", "{{workflow.uid}}", "$(HOME)")
TEXT: Final = WORDS | st.sampled_from(HARD)
NAMES: Final = TEXT.filter(bool)
PORTS: Final = st.integers(1, 65535)
NUMBERS: Final = st.floats(allow_nan=False)
DURATIONS: Final = st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds))
FRACTIONS: Final = st.floats(0, 1, exclude_min=True, exclude_max=True)
USERS: Final = st.lists(TEXT, min_size=1).map(tuple)
PLACED: Final = WORDS.filter(lambda word: not word.startswith("-"))
DRIFT: Final = st.builds(
    DriftSettings,
    features=st.lists(TEXT, min_size=1).map(tuple),
    window=st.integers(MIN_WINDOW),
    test=st.sampled_from(DriftTest),
    p_value=FRACTIONS,
    min_effect=FRACTIONS,
    false_retrains_per_year=st.floats(0, exclude_min=True, allow_infinity=False),
    reference=st.sampled_from(DriftReference),
)
WATCHING: Final = st.builds(Watching, NUMBERS, st.builds(Limits, NUMBERS, NUMBERS, NUMBERS))
COMMANDS: Final[Mapping[type[Command], st.SearchStrategy[Command]]] = {
    Detect: st.builds(Detect, model=TEXT, drift=DRIFT, port=PORTS),
    Promote: st.builds(
        Promote, model=TEXT, version=TEXT, namespace=TEXT, service=TEXT, timeout=NUMBERS, watching=WATCHING
    ),
    Canary: st.builds(
        Canary,
        model=TEXT,
        version=TEXT,
        namespace=TEXT,
        staging=TEXT,
        production=TEXT,
        timeout=NUMBERS,
        watching=WATCHING,
    ),
    Rollout: st.builds(
        Rollout, model=TEXT, namespace=TEXT, service=TEXT, alias=st.sampled_from(Alias), timeout=NUMBERS
    ),
    WatchAliases: st.builds(WatchAliases, model=TEXT, port=PORTS)
    | st.builds(WatchAliases, model=TEXT, heal=st.just(True), namespace=NAMES, service=NAMES, port=PORTS),
    Cooldown: st.builds(
        Cooldown,
        model=TEXT,
        feature=TEXT,
        event_id=TEXT,
        run=TEXT,
        cooldown=DURATIONS,
        namespace=st.none() | TEXT,
    ),
    BusCredentials: st.builds(BusCredentials, secret=TEXT, host=TEXT, namespace=st.none() | TEXT),
    Serve: st.builds(
        Serve,
        model_name=TEXT,
        model_dir=TEXT,
        port=PORTS,
        max_body_bytes=st.integers(),
        max_rows=st.integers(),
        batch=st.integers(),
        drain_seconds=NUMBERS,
    ),
    Record: st.builds(Record, model=TEXT, every=DURATIONS, port=PORTS),
    WatchPerformance: st.builds(
        WatchPerformance,
        model=TEXT,
        delay=DURATIONS,
        every=DURATIONS,
        archived=DURATIONS,
        min_fall=NUMBERS,
        p_value=FRACTIONS,
        false_retrains_per_year=NUMBERS,
        port=PORTS,
    ),
    Freeze: st.builds(Freeze, model=TEXT, recent=DURATIONS, delay=DURATIONS, min_rows=st.integers()),
    Erase: st.builds(Erase, user_id=NAMES),
    TakeOutcomes: st.builds(TakeOutcomes, models=st.lists(TEXT, min_size=1).map(tuple), port=PORTS, metrics_port=PORTS),
    Settle: st.builds(
        Settle,
        model=TEXT,
        feature=TEXT,
        run=TEXT,
        workflow=TEXT,
        status=TEXT,
        cooldown=DURATIONS,
        namespace=st.none() | TEXT,
    ),
    Ledger: st.builds(Ledger, model=TEXT),
    Train: st.builds(Train, command=USERS),
    Evaluate: st.builds(Evaluate, command=USERS),
    Register: st.just(Register()),
    Stage: st.just(Stage()),
    ReportFailure: st.just(ReportFailure()),
    WatchTrainings: st.builds(WatchTrainings, namespace=st.none() | TEXT, port=PORTS),
    Fetch: st.builds(Fetch, uri=PLACED, folder=PLACED),
    Evidence: st.builds(Evidence, model=TEXT, version=TEXT, link=st.none() | TEXT, output=st.none() | TEXT),
    Page: st.builds(Page, content=TEXT, scripts=TEXT, port=PORTS),
    Notify: st.builds(
        Notify,
        content=TEXT,
        on=st.lists(st.sampled_from(NoticeKind), min_size=1).map(tuple),
        format=st.sampled_from(NoticeFormat),
        signed=st.booleans(),
        webhook=TEXT,
        port=PORTS,
    ),
}
BARE: Final = {Train, Evaluate, Fetch}
"""What they are given has no name."""
EACH: Final = pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.NAME)


def test_no_command_is_forgotten_here() -> None:
    assert set(COMMANDS) == set(Command.__subclasses__())


@EACH
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_what_is_written_is_read_again(kind: type[Command], data: st.DataObject) -> None:
    wanted = data.draw(COMMANDS[kind])
    assert kind.parse(wanted.argv()) == wanted


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if kind not in BARE], ids=lambda kind: kind.NAME)
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_every_option_is_one_word(kind: type[Command], data: st.DataObject) -> None:
    """So that no value is taken for an option, whatever it begins with."""
    assert all(word.startswith("--") for word in data.draw(COMMANDS[kind]).argv())


@pytest.mark.parametrize(
    ("kind", "word"),
    [(kind, word) for kind in COMMANDS for word in ("--no-such=1", "--no-such")]
    + [(kind, "no-such") for kind in COMMANDS if kind not in (Train, Evaluate)],
)
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_an_unknown_word_is_refused(kind: type[Command], word: str, data: st.DataObject) -> None:
    with pytest.raises(SystemExit, match="2"):
        kind.parse([word, *data.draw(COMMANDS[kind]).argv()])


def refusal(capsys: pytest.CaptureFixture[str], kind: type[Command], *words: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        kind.parse(words)
    return capsys.readouterr().err.splitlines()[-1]


GIVEN: Final = ("--model=books", "--feature=pages")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--window=many"], "argument --window: invalid int value: 'many'"),
        (["--window=29"], "--window is 29; it must be at least 30 rows."),
        (["--p-value=1"], "--p-value is 1.0; it must be between 0 and 1, both excluded."),
        (["--p-value=nan"], "--p-value is nan; it must be between 0 and 1, both excluded."),
        (["--test=mood"], "argument --test: invalid DriftTest value: 'mood'"),
        (["--win=30"], "unrecognized arguments: --win=30"),
    ],
)
def test_a_wrong_value_is_a_sentence(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert refusal(capsys, Detect, *GIVEN, *words) == f"python3 -m loop detect: error: {said}"


def test_healing_needs_to_know_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, WatchAliases, "--model=books", "--heal", "--namespace=loop")
    assert said.endswith("--heal needs --namespace and --service")
    with pytest.raises(ValueError, match="--heal needs"):
        WatchAliases(model="books", heal=True)


@pytest.mark.parametrize("text", ["", "6h", "s", "6 s", "-6s", "6.5s", "1e3s", "٣s"])
def test_anything_but_whole_seconds_is_no_duration(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, Cooldown, f"--cooldown={text}")
    assert said.endswith(f"argument --cooldown: {text!r} is not a number of seconds; write it like 3600s")


def test_a_missing_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, Detect, "--feature=pages").endswith("the following arguments are required: --model")


@pytest.mark.parametrize("kind", [Train, Evaluate])
@pytest.mark.parametrize("words", [[], ["--"]])
def test_the_image_s_command_is_asked_for(
    kind: type[Command], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, kind, *words).endswith("the following arguments are required: command")


def test_a_number_keeps_all_its_digits_and_is_short_where_it_can_be() -> None:
    drift = DriftSettings(("pages",), p_value=0.0123456789, false_retrains_per_year=1.0)
    words = Detect(model="books", drift=drift).argv()
    assert {"--p-value=0.0123456789", "--false-retrains-per-year=1"} <= set(words)


@EACH
def test_help_says_what_the_command_does_and_lists_its_options(
    kind: type[Command], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        kind.parse(["--help"])
    text = capsys.readouterr().out
    assert kind.__doc__ in text.splitlines()
    words = find(COMMANDS[kind], lambda _: True).argv()
    assert {word.partition("=")[0] for word in words if word.startswith("--") and kind not in BARE} <= set(text.split())


def test_the_words_survive_a_process() -> None:
    """Of what `HARD` holds, as an operating system hands words over."""
    wanted = Detect(model="books", drift=DriftSettings(HARD))
    program = (
        "import sys; from contract.commands import Detect; print(ascii(Detect.parse(sys.argv[1:]).drift.features))"
    )
    root = Path(contract.__file__).parent.parent
    done: Any = subprocess.run(
        [sys.executable, "-c", program, *wanted.argv()], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == ascii(HARD)
