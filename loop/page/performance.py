"""How good a model's answers were, by the outcomes that came back, in the last judged span."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contract import metrics
from loop.page.sources import Series
from loop.page.versions import ListedVersion

NORMAL_95 = 1.96
"""Standard errors to each side of a value within which the truth is in 19 of 20 cases."""


@dataclass(frozen=True, kw_only=True)
class Performed:
    """One metric of one version."""

    version: str
    metric: str
    value: float
    low: float | None
    high: float | None
    """The interval of 95 %; None: its error is not known."""
    promised: float | None
    """What the gate measured; None: no longer known."""
    p_value: float | None
    fell: bool


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What came back."""

    states: tuple[tuple[str, float], ...]
    """The span's predictions by the state of their outcomes."""
    performed: tuple[Performed, ...]


def outcomes(
    model: str, exported: Sequence[Series], versions: Sequence[ListedVersion], threshold: float = 0.05
) -> Outcomes:
    of = [each for each in exported if each.labels.get("model") == model]
    states = tuple((each.labels["state"], each.value) for each in of if each.name == metrics.OUTCOME_STATES.name)
    promised = {(each.number, measure.metric): measure.candidate for each in versions for measure in each.measures}
    return Outcomes(states=states, performed=tuple(_performed(of, promised, threshold)))


def _performed(of: Sequence[Series], promised: dict[tuple[str, str], float], threshold: float) -> Iterator[Performed]:
    def beside(name: str, key: tuple[str, str]) -> float | None:
        return next((each.value for each in of if each.name == name and _key(each) == key), None)

    for each in of:
        if each.name != metrics.PERFORMANCE.name:
            continue
        key = _key(each)
        error, p_value = beside(metrics.PERFORMANCE_ERROR.name, key), beside(metrics.PERFORMANCE_P_VALUE.name, key)
        yield Performed(
            version=key[0],
            metric=key[1],
            value=each.value,
            low=None if error is None else each.value - NORMAL_95 * error,
            high=None if error is None else each.value + NORMAL_95 * error,
            promised=promised.get(key),
            p_value=p_value,
            fell=p_value is not None and p_value < threshold,
        )


def _key(of: Series) -> tuple[str, str]:
    return of.labels["version"], of.labels["metric"]
