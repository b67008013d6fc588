"""A model's two services as people read them: what each should serve, what its pods do serve, and how well."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contract import metrics
from contract.names import Alias
from loop.page.sources import Json, Series, ready

SERVICE: str = "serving.kserve.io/inferenceservice"
SLOTS = (Alias.PRODUCTION, Alias.STAGING)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One of the two services."""

    name: str
    known: bool
    """Whether the registry has said what its alias names."""
    wanted: str | None
    """The version that it names."""
    served: tuple[str, ...]
    """The versions that its pods serve; more than one during a rollout, or when something is wrong."""
    weight: int | None
    """Percent of the requests; None: it gets none through the split."""
    pods: int
    ready: int
    requests: float
    """Requests since its pods started, like all numbers here."""
    errors: float | None
    """Share of the requests that failed on our side; None: there were no requests."""
    median: float | None
    p95: float | None
    """95 % of the answers took at most so many seconds; None: nothing was answered."""

    @property
    def skew(self) -> bool:
        """Whether its pods serve something other than its alias names."""
        return self.known and bool(self.served) and self.served != ((self.wanted,) if self.wanted else ())

    @property
    def idle(self) -> bool:
        return self.wanted is None and not self.pods


def weights(route: Json | None) -> dict[str, int]:
    """Service → percent of the requests."""
    rules = (route or {}).get("spec", {}).get("rules", [])
    backends = [each for rule in rules for each in rule.get("backendRefs", [])]
    total = sum(each.get("weight", 1) for each in backends)
    return {each["name"]: round(100 * each.get("weight", 1) / total) for each in backends} if total else {}


def pods_of(model: str, slot: str, pods: Iterable[Json]) -> list[Json]:
    service = f"{model}-{slot}"
    return [each for each in pods if each["metadata"].get("labels", {}).get(SERVICE) == service]


def slot(
    name: str,
    model: str,
    *,
    aliases: Mapping[str, str] | None,
    shares: Mapping[str, int],
    pods: Sequence[Json],
    exported: Sequence[Sequence[Series]],
) -> Slot:
    """One service, from its pods and what the ready ones export. `aliases` are None where they are not known."""
    every = [each for pod in exported for each in pod]
    requests, failed = _requests(every)
    buckets = _buckets(every)
    return Slot(
        name=name,
        known=aliases is not None,
        wanted=(aliases or {}).get(name),
        served=tuple(sorted({each.labels.get("version", "") for each in every if each.name == metrics.SERVED.name})),
        weight=next((share for service, share in shares.items() if service.startswith(f"{model}-{name}")), None),
        pods=len(pods),
        ready=sum(ready(each) for each in pods),
        requests=requests,
        errors=failed / requests if requests else None,
        median=quantile(buckets, 0.5),
        p95=quantile(buckets, 0.95),
    )


def _requests(found: Iterable[Series]) -> tuple[float, float]:
    """All requests, and those that failed on our side: a caller's own mistakes are 4xx."""
    counts = [(each.value, each.labels.get("code", "")) for each in found if each.name == metrics.REQUESTS.name]
    return sum(value for value, _ in counts), sum(value for value, code in counts if code.startswith("5"))


def _buckets(found: Iterable[Series]) -> list[tuple[float, float]]:
    """(upper bound, how many answers took no longer), over all pods and versions."""
    counts: dict[float, float] = defaultdict(float)
    for each in found:
        if each.name == metrics.ANSWERS.buckets:
            counts[float(each.labels["le"])] += each.value
    return sorted(counts.items())


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """The quantile as Prometheus computes it: evenly spread within a bucket; the last bound where it is above that."""
    if not buckets or not buckets[-1][1]:
        return None
    rank, below, counted = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return below
            return below + (bound - below) * (rank - counted) / max(count - counted, 1e-12)
        below, counted = bound, count
    return below
