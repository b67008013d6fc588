"""On a machine with few cores, charts could bring Pulumi to a standstill."""

from types import SimpleNamespace

import pulumi
import pytest

from checks import places
from tests.checks.test_operators import BROUGHT, stack


@pytest.mark.parametrize(
    ("parallel", "installs", "warned"), [(4, True, True), (19, True, True), (20, True, False), (4, False, False)]
)
def test_too_few_places_for_what_waits_in_charts_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, parallel: int, installs: bool, warned: bool
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(places, "SETTINGS", SimpleNamespace(parallel=parallel))
    places.check(stack(platform=BROUGHT | {"certManager": {"install": installs}}))
    assert [each.startswith(f"Pulumi works on {parallel} objects at a time") for each in warnings] == [True] * warned
    assert all("pulumi up --parallel 32" in each for each in warnings)
