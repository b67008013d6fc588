"""YAML's scalars reach the program as Pulumi has read them, and the settings hold what was written.

`texts/scalars.json` holds what a program gets of each from Pulumi; `pulumi_scalars.py` asks it again.
"""

import json
import re
from typing import Any

import pytest

from settings.scalars import restored, rounded
from settings.values.templates import Parameter
from tests.settings.pulumi_scalars import TEXTS
from tests.settings.test_texts import read

ARRIVED: dict[str, Any] = json.loads(TEXTS.read_text(encoding="utf-8"))
MEANT = {
    **dict.fromkeys(["2026-01-31", "2026-01-31T00:00:00Z", "'2026-01-31'", "!!str 2026-01-31"], "2026-01-31"),
    "2026-1-3": "2026-01-03",
    "2024-02-29": "2024-02-29",
    "0001-01-01": "0001-01-01",
    "9999-12-31": "9999-12-31",
    "2000-02-29": "2000-02-29",
    "1900-02-28": "1900-02-28",
    "2026-12-31T23:59:59Z": "2026-12-31T23:59:59Z",
    **dict.fromkeys(["2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00-00:00"], "2026-01-31T12:00:00Z"),
    **dict.fromkeys(["2026-01-31T12:00:00Z", "2026-01-31 12:00:00", '"2026-01-31T12:00:00Z"'], "2026-01-31T12:00:00Z"),
    "2026-01-31T00:00:00+01:00": "2026-01-31T00:00:00+01:00",
    "2026-01-31T12:00:00.5Z": "2026-01-31T12:00:00.5Z",
    "2026-01-31T12:00:00.123456789Z": "2026-01-31T12:00:00.123456789Z",
    "2026-01-31T12:00:00+05:30": "2026-01-31T12:00:00+05:30",
    "2026-01-31T12:00:00-08:00": "2026-01-31T12:00:00-08:00",
    '"12345678901234567890"': "12345678901234567890",
    "1e3": 1000,
    "0x7fffffffffffffff": 2**63 - 1,
    "0o17": 15,
    "0b101": 5,
    "1e16": 10**16,
    "01234": 668,
    "1_000": 1000,
    "1.10": 1.1,
    "-0": 0,
    "1e30": 1e30,
    "1.5e300": 1.5e300,
    "1.": 1,
    ".5": 0.5,
    "true": True,
    "True": True,
    "null": None,
    "~": None,
    '""': "",
}
"""What a setting holds where that is not the text itself, or the whole number that it is."""
ROUNDED = {
    *("9223372036854775808", "18446744073709551615", "18446744073709551616", "12345678901234567890"),
    *("123456789012345678901234567890", "-12345678901234567890", "-9223372036854775809"),
}


def number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@pytest.mark.parametrize(("text", "arrived"), ARRIVED.items())
def test_a_setting_holds_what_was_written_or_is_refused(text: str, arrived: Any) -> None:
    assert [*rounded(arrived)] != [] if text in ROUNDED else [*rounded(arrived)] == []
    if text not in ROUNDED:
        held = restored(arrived)
        assert held == MEANT.get(text, number(text))
        assert isinstance(held, bool) == (text in {"true", "True"})


@pytest.mark.parametrize("text", [text for text in ARRIVED if text not in ROUNDED and ARRIVED[text] not in (None, "")])
def test_what_a_setting_holds_is_handed_to_a_training_unchanged(text: str) -> None:
    held = restored(ARRIVED[text])
    assert read(Parameter, held) == held


def test_each_kind_of_scalar_has_its_values() -> None:
    dates = [text for text in ARRIVED if re.search(r"\d-\d", text)]
    numbers = [text for text in ARRIVED if re.match(r"[-+.\"]?\d[^-:]*$", text)]
    assert min(len(dates), len(numbers)) >= 30
