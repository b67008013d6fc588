"""A stack that is right; each test breaks one property of it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pulumi
import pytest

Stack = dict[str, Any]

# Copied per test except the secrets: an Output cannot be copied, and nothing changes it.
_RIGHT: Stack = {
    "cluster": {"context": "my-eks"},
    "namespace": "bookstore-platform-ml",
    "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
    "tracking": {"replicas": 2, "postgres": {"instances": 3, "storage": "20Gi"}},
    "kafka": {"bootstrapServers": "kafka:9093", "tls": {}, "sasl": {"secretName": "kafka-credentials"}},
    "models": {
        "recommender": {
            "training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}, "schedule": "0 3 * * 1"},
            "serving": {"canaryPercent": 10, "replicas": {"min": 1, "max": 4}},
            "drift": {"features": ["pages", "price"], "test": "ks"},
            "retraining": {"cooldown": "6h"},
            "production": 3,
        }
    },
}


@pytest.fixture
def stack() -> Stack:
    return deepcopy(_RIGHT) | {"trackingSecretKey": pulumi.Output.secret("a key")}


def _changed(stack: Mapping[str, Any], path: str, value: object) -> Stack:
    """The stack with another value at the dotted path; without the key where the value is `...`."""
    changed = dict(stack)
    first, _, rest = path.partition(".")
    if rest:
        changed[first] = _changed(changed.get(first, {}), rest, value)
    elif value is ...:
        del changed[first]
    else:
        changed[first] = value
    return changed


@pytest.fixture
def change(stack: Stack) -> Callable[[Mapping[str, object]], Stack]:
    """The right stack with other values at some dotted paths."""

    def changed(values: Mapping[str, object]) -> Stack:
        result = stack
        for path, value in values.items():
            result = _changed(result, path, value)
        return result

    return changed
