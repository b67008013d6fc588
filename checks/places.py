"""How many objects the engine works on at a time: on a small machine, charts could make it wait forever."""

from typing import Final

import pulumi
from pulumi.runtime.settings import SETTINGS

from settings import Settings

PLACES: Final = 32
"""How many objects Pulumi should work on at a time where it installs charts; its default is four per core."""
WAITING: Final = 20
"""Objects of the charts that may wait at once: Deployments, Services and webhooks. What they wait for needs places."""


def check(stack: Settings) -> None:
    """Warns where charts would wait for each other (docs/decisions/0022)."""
    places: int | None = getattr(SETTINGS, "parallel", None)  # the SDK's own type for it is a wrong one
    if places and places < WAITING and stack.platform.installs:
        pulumi.log.warn(
            f"Pulumi works on {places} objects at a time, and up to {WAITING} of the charts wait for others, which "
            f"find no place then: use `pulumi up --parallel {PLACES}`, or set PULUMI_PARALLEL={PLACES}"
        )
