"""Columns of every kind: how far apart they are, their bins, and what a share of unseen or missing values does."""

import numpy as np
import pytest

from contract.drift import DriftSettings
from contract.looks import MISSING, MOST_BINS, OTHERS
from loop.drift.column import CategoryColumn, ReferenceColumn
from loop.drift.columns import Columns, Kind
from loop.drift.decision import Outcome
from loop.drift.reference import BadReferenceError, parse
from loop.drift.statistics import YEAR
from loop.drift.univariate import Confirmed, Univariate
from loop.drift.values import READERS, code, column_of

HOUR = 3600.0
COLORS = ("red", "green", "blue")


def texts(random: np.random.Generator, rows: int, shares: dict[str, float]) -> np.ndarray:
    chosen = random.choice(list(shares), size=rows, p=list(shares.values()))
    return np.array([READERS[Kind.TEXT](str(each)) for each in chosen])


def look(column: ReferenceColumn, window: np.ndarray, elapsed: float = HOUR) -> Outcome:
    """The bound alone: what the library would say is never the larger here."""
    test = Univariate(DriftSettings(features=("x",)), [column], lambda _at, _rows: Confirmed(0.0, 0.0))
    (outcome,) = test(column.placed(window)[:, None], elapsed)
    return outcome


USUAL = {"red": 0.5, "green": 0.3, "blue": 0.195, "rare": 0.005}


@pytest.mark.parametrize(
    ("shares", "distance"),
    [
        (USUAL, 0.0),
        ({"red": 0.3, "green": 0.5, "blue": 0.2}, 0.2),
        ({"red": 0.5, "green": 0.3, "unseen": 0.2}, 0.195),
        ({"red": 0.4, "green": 0.2, "blue": 0.1, "": 0.3}, 0.3),
    ],
)
def test_categories_are_as_far_apart_as_the_share_that_differs_most(shares: dict[str, float], distance: float) -> None:
    random = np.random.default_rng(1)
    column = column_of(Kind.TEXT, texts(random, 10_000, USUAL), {})
    outcome = look(column, texts(random, 4000, shares))
    assert outcome.effect == pytest.approx(distance, abs=0.03)
    assert (outcome.p_value < 1e-6) == (distance > 0.1)


def test_a_text_that_every_row_has_another_of_is_no_drift_of_itself() -> None:
    ids = np.array([code(f"order {n}") for n in range(3000)])
    outcome = look(column_of(Kind.TEXT, ids[:2000], {}), ids[2000:])
    assert (outcome.effect, outcome.p_value) == (0.0, 1.0)


def test_a_boolean_that_turns_constant_is_broken_and_one_that_was_rarely_true_is_not() -> None:
    random = np.random.default_rng(1)
    half = (random.random(1000) < 0.5).astype(float)
    rare = (random.random(1000) < 0.001).astype(float)
    assert look(column_of(Kind.BOOLEAN, half, {}), np.ones(1000)).reason == "all rows have the value true"
    assert look(column_of(Kind.BOOLEAN, rare, {}), np.zeros(1000)).reason == ""


def test_what_can_be_compared_with_nothing_is_watched_for_being_there() -> None:
    reads = READERS[Kind.OTHER]
    reference = np.array([reads("2026-01-01"), reads(None)] * 500)
    window = np.random.default_rng(1).permutation([reads("2027-01-01")] * 900 + [reads("")] * 100)
    outcome = look(column_of(Kind.OTHER, reference, {}), window)
    assert outcome.effect == pytest.approx(0.4)
    assert outcome.p_value < 1e-6


def test_categories_hold_the_dial_where_chi_squared_does_not() -> None:
    """200 references of 20 categories, 50 windows each: no p-value below a level that chance gives to 2 of them."""
    random, shares = np.random.default_rng(1), np.array([0.3, 0.2, 0.1] + [0.4 / 17] * 17)
    codes, below = np.arange(20.0), 0
    for _ in range(200):
        column = CategoryColumn(random.choice(codes, size=1000, p=shares), {})
        windows = column.placed(random.choice(codes, size=(50, 1000), p=shares))
        smallest = look(column, windows[0], YEAR / 20 / 50).smallest
        assert smallest is not None
        below += int((column.distances(windows, column.places(windows)) >= smallest).sum())
    assert below == 0


def test_dependent_categories_are_worth_fewer_rows() -> None:
    random = np.random.default_rng(1)
    runs = np.repeat(random.choice([1.0, 2.0, 3.0], size=100), 20)
    column = CategoryColumn(np.repeat(random.choice([1.0, 2.0, 3.0], size=100), 20), {})
    assert column.effective_rows < 300
    assert look(column, runs[:1000]).effective_rows == pytest.approx(50, abs=40)


def test_a_histogram_has_few_bins_and_shares_that_add_up() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=5000)
    values[:500] = np.nan
    column = ReferenceColumn(values)
    found = column.histogram(column.placed(random.normal(2, size=1000)))
    assert len(found.bins) == len(found.edges) + 2 <= MOST_BINS + 1
    assert found.bins[-1] == MISSING
    assert (found.reference[-1], found.window[-1]) == (0.1, 0.0)
    assert sum(found.window) == pytest.approx(1, abs=0.01)
    assert sum(found.reference) == pytest.approx(1, abs=0.01)
    assert found.window[-2] > 0.5, "above the highest edge is where the window went"


def test_a_histogram_of_categories_names_the_frequent_ones_only() -> None:
    random = np.random.default_rng(1)
    labels = {code(name): name for name in (*COLORS, "rare")}
    column = column_of(Kind.TEXT, texts(random, 10_000, USUAL), labels)
    found = column.histogram(column.placed(texts(random, 1000, {"red": 0.9, "secret": 0.1})))
    assert found.bins == (*COLORS, OTHERS, MISSING)
    assert found.window == pytest.approx((0.9, 0, 0, 0.1, 0), abs=0.03)


def csv_of(header: str, line: str, rows: int = 40) -> str:
    return header + "\n" + (line + "\n") * rows


MIXED = Columns({"price": Kind.NUMBER, "color": Kind.TEXT, "new": Kind.BOOLEAN, "when": Kind.OTHER})


def test_a_reference_of_every_kind_is_read_by_its_signature() -> None:
    text = csv_of("price,color,new,when", "1.5,red,True,2026-01-01") + "2,,,\n"
    names = ("color", "price", "new", "when", "@prediction")
    found = parse("3", {"window": text}, names, MIXED, '["spam", "ham", null]'.replace("]", ', "ham"' * 38 + "]"))
    assert list(found.kinds(names).values()) == [Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.OTHER, Kind.TEXT]
    assert [column[0] for column in found.rows["window"]] == [code("red"), 1.5, 1.0, 1.0, code("spam")]
    assert [bool(np.isnan(column[-1])) for column in found.rows["window"]] == [True, False, True, True, False]
    assert {code("red"): "red", code("spam"): "spam", code("ham"): "ham"}.items() <= found.labels.items()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (None, "Version 3 has no reference/predictions.json: train and promote a version that has"),
        ("{}", "must be a list of at least 30 numbers, texts or booleans"),
        ("[1, 2]", "must be a list of at least 30 numbers, texts or booleans"),
        (str([1, "a"] * 20).replace("'", '"'), "must hold one kind of answers; it has single, text"),
    ],
)
def test_answers_that_cannot_be_watched_are_said(answers: str | None, said: str) -> None:
    with pytest.raises(BadReferenceError, match=said):
        parse("3", {"window": csv_of("price", "1")}, ("price", "@prediction"), None, answers)


def test_a_cell_that_is_neither_true_nor_false_is_said() -> None:
    with pytest.raises(
        BadReferenceError, match="holds what is not a boolean in the watched column 'new': 'yes' is neither"
    ):
        parse("3", {"window": csv_of("price,color,new,when", "1,red,yes,")}, ("new",), MIXED)
