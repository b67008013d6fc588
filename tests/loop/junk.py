"""What anybody may write to a topic: bytes, damaged messages, and messages whose fields are anything at all."""

import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

WHOLE = bool(os.environ.get("ML_LOOP_ATTACKS"))
"""Whether attacks run in full, as `make attacks` has them: ten thousand of each kind, and others each time."""
BATCH = 20
"""Broken messages in one example, unless each example is dear."""


def times(most: int) -> settings:
    """So many examples in full, and else a thirtieth of them, the same each time."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    found = most if WHOLE else most // 30
    return settings(max_examples=found, derandomize=not WHOLE, deadline=None, suppress_health_check=unhurried)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_TIMES = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "now"]
)
_NUMBERS = st.sampled_from([10**400, -(10**4000), 1e308, float("nan"), float("inf"), -0.0, 2**63, True])
_TEXTS = st.sampled_from(["\0", "\ud800", "\u202e", "'; DROP TABLE outcomes; --", "{{=1}}", "9" * 5000, "../" * 20])
_DEEP = st.integers(1, 1200).map(lambda depth: json.loads("[" * min(depth, 900) + "]" * min(depth, 900)))
_VALUES = ANY_JSON | _TIMES | _NUMBERS | _TEXTS | _DEEP


def _nested(depth: int, of: dict[str, Any]) -> bytes:
    """Lists in lists, as text: Python's own writer would give up earlier than its reader."""
    text = json.dumps(of | {"predictions": "DEEP"})
    return text.replace('"DEEP"', "[" * depth + "0" + "]" * depth).encode()


def _damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    at = st.integers(0, len(whole))
    return st.tuples(at, at, st.binary(max_size=4)).map(lambda cut: whole[: cut[0]] + cut[2] + whole[cut[1] :])


def broken(message: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """From a message that is well."""
    fields = st.dictionaries(st.sampled_from(sorted(message)), _VALUES, min_size=1, max_size=3)
    lost = st.sets(st.sampled_from(sorted(message)), max_size=2)
    changed = st.tuples(fields, lost).map(
        lambda both: {key: each for key, each in (message | both[0]).items() if key not in both[1]}
    )
    return st.one_of(
        st.binary(max_size=40),
        ANY_JSON.map(lambda each: json.dumps(each).encode()),
        changed.map(lambda each: json.dumps(each).encode()),
        changed.map(lambda each: json.dumps(each, ensure_ascii=False).encode("utf-16", "surrogatepass")),
        st.integers(1, 100_000).map(lambda depth: _nested(depth, message)),
        st.integers(800, 1000).map(lambda depth: _nested(depth, message)),
        _damaged(json.dumps(message).encode()),
    )


def batches(message: dict[str, Any], size: int = BATCH) -> st.SearchStrategy[list[bytes]]:
    return st.lists(broken(message), min_size=size, max_size=size)
