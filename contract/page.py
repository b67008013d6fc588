"""What the stack tells the page of the loop about itself: what is approved, what the settings ask for, how one acts.

The page reads everything else from Kubernetes, MLflow and the loop's own pods.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

PAGE_PORT: Final = 8000
PAGE_PATH: Final = "/loop"
"""The path of the page, at every address that it has."""
PAGE_SERVICE: Final = "loop-page"
"""Name of its Service, in the loop's namespace."""


@dataclass(frozen=True, kw_only=True)
class PageModel:
    """One model, as the settings have it."""

    name: str
    production: str | None = None
    """The version that a human has approved; None: none yet."""
    canary_percent: int = 0
    submit: str = ""
    """The command that trains it now."""
    predict: str | None = None
    """Where predictions are asked for."""
    logs: str | None = None
    """Folder of the trainings' logs; None: they stay with their pods."""
    gate: str = "[]"
    """What the gate asks of each metric, as `contract.gate` writes it."""
    features: tuple[str, ...] = ()
    """Watched columns; empty: nothing watches the model."""
    window: int = 0
    min_effect: float = 0.0
    outcomes: bool = False
    """Whether outcomes come back, and performance is watched."""
    cooldown: float | None = None
    """Seconds; None: drift starts no training."""


@dataclass(frozen=True, kw_only=True)
class PageContent:
    """The file that the page reads when it starts."""

    stack: str
    namespace: str
    apply: str
    """The command that puts the settings into effect."""
    settings: str
    """The file that holds them."""
    tracking_url: str | None = None
    """MLflow's address for people; None: it has none outside the cluster."""
    proposals: str | None = None
    """Where pull requests that propose a version wait; None: it is not known where."""
    url: str | None = None
    """The page's own address for people; None: it has none outside the cluster."""
    hosts: tuple[str, ...] = ()
    """Host headers that the page answers to."""
    models: tuple[PageModel, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "PageContent":
        """What `to_json` wrote. Raises ValueError, which says what is wrong."""
        try:
            found: dict[str, Any] = json.loads(text)
            models = tuple(PageModel(**_with_tuple(each, "features")) for each in found.pop("models"))
            return cls(**_with_tuple(found, "hosts"), models=models)
        except (TypeError, KeyError) as error:
            raise ValueError(f"the page's content must be what the stack has written, and is not: {error}") from error


def _with_tuple(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The same with a tuple for the list that JSON has in its place."""
    return {**found, key: tuple(found[key])}
