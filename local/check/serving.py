"""Questions 3 and 4: the service answers with the version of its alias, and the canary gets its fraction."""

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from contract.names import VERSION_HEADER, Alias
from local.check.answer import Answer, no, yes
from local.check.live import Reply, RunningStack

REQUESTS: Final = 400
CLIENTS: Final = 4
DEVIATIONS: Final = 4
"""A binomial count is further off once in 16,000 checks."""


def answers(live: RunningStack) -> Answer:
    """Asks once, with a row of the reference."""
    if live.predict_url is None:
        return no("the stack has no gateway (ml-loop:gateway), so nothing outside the cluster can ask")
    if not live.rows:
        return no("no version is in production or staging: there is nothing to ask")
    (reply,) = _ask(live, 1)
    if reply.status != 200:
        return no(f"{live.predict_url} answers {reply.status}: {reply.body.strip()[:200]}")
    version, predictions = reply.headers.get(VERSION_HEADER.lower(), "none"), reply.json().get("predictions")
    named = [alias for alias in (Alias.PRODUCTION, Alias.STAGING) if (live.aliases or {}).get(alias) == version]
    evidence = f"{live.predict_url} predicts {predictions} with version {version}"
    if not named:
        return no(f"{evidence}, which is neither production nor staging ({_slots(live)})")
    return yes(f"{evidence}, {' and '.join(named)}") if predictions else no(f"{evidence}: no predictions")


def splits(live: RunningStack) -> Answer:
    """Sends requests and counts which version answered; the weights are the route's and must be the settings'."""
    if live.predict_url is None or not live.rows:
        return no("there is no address or no version to send requests to")
    weights, canary = _weights(live), live.settings.serving.canary_percent
    shared = {str(Alias.PRODUCTION): 100 - canary, str(Alias.STAGING): canary}
    wanted = {str(Alias.STAGING): 100} if live.settings.production is None else shared
    if weights != wanted:
        return no(f"the route's weights are {weights}, the settings say {wanted}; make up applies them")
    aliases = live.aliases or {}
    if live.settings.production is not None and aliases.get(Alias.PRODUCTION) == aliases.get(Alias.STAGING):
        both = aliases.get(Alias.STAGING, "none")
        return yes(f"the weights are {weights}; both slots are to serve version {both}, so no answer tells which did")
    counts = Counter(reply.headers.get(VERSION_HEADER.lower()) for reply in _ask(live, REQUESTS) if reply.status == 200)
    served = counts[aliases.get(Alias.STAGING)]
    expected, allowed = expected_count(REQUESTS, weights[Alias.STAGING] / 100)
    told = ", ".join(f"{count} by version {version}" for version, count in sorted(counts.items(), key=str))
    evidence = f"{told or 'none'} of {REQUESTS} requests; staging is due {expected:.0f} ± {allowed:.0f}"
    if live.settings.production is None:
        evidence += ": everything, as nothing is in production yet"
    strangers = counts.keys() - {aliases.get(Alias.PRODUCTION), aliases.get(Alias.STAGING)}
    return Answer(
        abs(served - expected) <= allowed and counts.total() == REQUESTS and not strangers,
        evidence,
    )


def expected_count(requests: int, share: float) -> tuple[float, float]:
    """Mean, and how far from it a binomial count may be."""
    return requests * share, math.ceil(DEVIATIONS * math.sqrt(requests * share * (1 - share)))


def _ask(live: RunningStack, times: int) -> list[Reply]:
    """Requests spread over the reference's rows: the detector reads them too, and many equal ones would be drift."""
    url, rows = live.predict_url or "", list(_spread(live.rows, times))
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(live.http, [url] * times, ({"instances": [row]} for row in rows)))


def _spread(rows: list[list[Any]], times: int) -> Iterator[list[Any]]:
    for number in range(times):
        yield rows[number * len(rows) // times % len(rows)]


def _weights(live: RunningStack) -> dict[str, int]:
    """Slot -> weight in the model's route."""
    backends: list[dict[str, Any]] = live.object("httproute", live.model)["spec"]["rules"][0]["backendRefs"]
    slots = (each["name"].removeprefix(f"{live.model}-").removesuffix("-predictor") for each in backends)
    return {slot: each.get("weight", 1) for slot, each in zip(slots, backends, strict=True)}


def _slots(live: RunningStack) -> str:
    aliases = live.aliases or {}
    return ", ".join(f"{slot} is {aliases.get(slot, 'nothing')}" for slot in (Alias.PRODUCTION, Alias.STAGING))
