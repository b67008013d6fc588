"""The gate: what each metric of an evaluation must reach, and how much worse than in production it may be."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from contract.gate import Criterion, Direction
from contract.gate import Slices as SlicesAsked
from contract.intervals import NOT_NEGATIVE
from settings.problem import Allowed, Path, Problem, one_of, shown
from settings.section import Section
from settings.values.names import FeatureName, MetricName
from settings.values.number import Count, Number, within

_ENDS: Final = (
    *("loss", "error", "errors", "deviance", "perplexity", "brier", "crps", "divergence", "distance", "regret"),
    *("mse", "mae", "mape", "wape", "mase", "msle", "rmsle", "rmsse", "misclassification", "latency"),
)
"""Endings of metrics' names where libraries write words together: XGBoost's `mlogloss` and `merror`."""
_WORDS: Final = frozenset({"nll", "ece", "wer", "cer", "eer", "fpr", "fnr", "aic", "bic", "kl", "mpe", "sse", "false"})
_TURNED: Final = frozenset({"neg", "negative", "negated", "minus", "inverse", "skill", "free", "reduction"})
"""Words that turn the direction again, so that more is better: `neg_log_loss`, `brier_skill_score`."""

Tolerance = Annotated[
    float,
    within(NOT_NEGATIVE),
    Allowed(f"a number {NOT_NEGATIVE.said}", "Write it in the metric's own unit, such as 0.01"),
]


def lower_is_better(metric: str) -> bool:
    """Whether the name says so: `rmse`, `val_loss`, `meanSquaredError`, XGBoost's `mlogloss`."""
    words = [word.lower() for word in re.findall(r"[A-Z]*[a-z]+|[A-Z]+", metric)]
    told = any(word in _WORDS or word.endswith(_ENDS) for word in words)
    # scikit-learn's d2_log_loss_score and the like are shares of what is explained.
    turned = metric.startswith(("-", "d2")) or not _TURNED.isdisjoint(words)
    return told and not turned


class Bounds(Section):
    """What one metric must reach."""

    direction: (
        Annotated[Direction, one_of(Direction, "Set it to lower where the smaller value is the better one")] | None
    ) = None
    """Which values are better. Unset: higher."""
    minimum: Number | None = None
    """The least value that passes, where higher is better."""
    maximum: Number | None = None
    """The greatest value that passes, where lower is better."""
    tolerance: Tolerance = 0.0
    """How much worse than with the version in production it may be on the same rows."""

    def problems(self, metric: str) -> Iterator[Problem]:
        """The bounds that contradict the direction, as each metric has one bound."""
        if self.direction is None and self.maximum is not None:
            expected = f"no maximum of {metric} while higher is better"
            yield Problem.with_value(("maximum",), self.maximum, expected, "Add direction: lower, or write a minimum")
        elif self.direction is None and self.minimum is not None and lower_is_better(metric):
            expected = f"a direction beside {metric}, whose name says that lower is better"
            lower = f"direction: lower and maximum: {shown(self.minimum)}"
            remedy = f"Write {lower}, or direction: higher if more of it is better"
            yield Problem.with_value(("minimum",), self.minimum, expected, remedy)
        else:
            yield from self._one_bound(self.direction or Direction.HIGHER)

    def _one_bound(self, direction: Direction) -> Iterator[Problem]:
        wanted = direction.bound
        unwanted = {name: value for name, value in self._bounds.items() if name != wanted and value is not None}
        for other, value in unwanted.items():
            expected = f"no {other} while direction is {direction}"
            yield Problem.with_value((other,), value, expected, f"Write {wanted} instead, or turn the direction")
        if not unwanted and self._bounds[wanted] is None:
            yield Problem.missing((wanted,), "a number", "Write it without quotes, such as 0.7")

    @property
    def _bounds(self) -> dict[str, float | None]:
        return {"minimum": self.minimum, "maximum": self.maximum}

    def criterion(self, metric: str) -> Criterion:
        direction = self.direction or Direction.HIGHER
        bound = self._bounds[direction.bound]
        assert bound is not None  # noqa: S101  # `problems` has seen to it
        return Criterion(metric=metric, bound=bound, direction=direction, tolerance=self.tolerance)


class GateMetric(Bounds):
    """One of several metrics."""

    metric: MetricName
    """Metric of the evaluation."""

    def contradictions(self) -> Iterator[Problem]:
        yield from self.problems(self.metric)


class Slices(Section):
    """Groups of the evaluated rows, in none of which a new version may be worse than the one in production."""

    by: Annotated[
        tuple[FeatureName, ...],
        Field(min_length=1),
        Allowed("a list with at least one column of the evaluated rows", "Write by: [region] or so"),
    ]
    """Columns of the evaluated rows: each value of each is a group."""
    metric: MetricName | None = None
    """One of the gate's metrics. Unset: its first."""
    tolerance: Tolerance | None = None
    """How much worse a group may be. Unset: the metric's tolerance."""
    min_rows: Count = SlicesAsked.min_rows
    """Groups with fewer rows are named in the report, but not judged."""


class Gate(Bounds):
    """What a new version must reach before it becomes `staging`: by one metric, or by each of `metrics`."""

    metric: MetricName | None = None
    """Metric of the evaluation, if there is only one."""
    metrics: (
        Annotated[
            tuple[GateMetric, ...],
            Field(min_length=1),
            Allowed("a list with at least one metric", "Write - {metric: auc, minimum: 0.7} or so"),
        ]
        | None
    ) = None
    """Metrics of the evaluation, each with its own bound: all of them must pass."""
    slices: Slices | None = None
    """Groups that are compared with production one by one; evaluate must leave its rows."""
    not_worse_than: (
        Annotated[Literal["production"], Allowed("production or null", "Write null to gate on the minimum alone")]
        | None
    ) = "production"
    """Alias of the version that must not be better on the same data. null: only the bounds count."""

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What each metric must reach."""
        if self.metrics is not None:
            return tuple(each.criterion(each.metric) for each in self.metrics)
        assert self.metric is not None  # noqa: S101  # `contradictions` has seen to it
        return (self.criterion(self.metric),)

    @property
    def sliced(self) -> SlicesAsked | None:
        """What each group must reach."""
        if self.slices is None:
            return None
        metric = self.slices.metric or self.criteria[0].metric
        usual = next(each.tolerance for each in self.criteria if each.metric == metric)
        return SlicesAsked(
            by=self.slices.by,
            metric=metric,
            tolerance=usual if self.slices.tolerance is None else self.slices.tolerance,
            min_rows=self.slices.min_rows,
        )

    def contradictions(self) -> Iterator[Problem]:
        yield from self._metrics()
        if self.slices is None:
            return
        if self.not_worse_than is None:
            expected, remedy = "no slices while notWorseThan is null", "Remove them, or set notWorseThan to production"
            yield Problem.with_value(("slices", "by"), list(self.slices.by), expected, remedy)
        known = [self.metric] if self.metrics is None else [each.metric for each in self.metrics]
        if self.slices.metric is not None and self.slices.metric not in known:
            expected = f"one of the gate's metrics, {', '.join(map(str, known))}"
            yield Problem.with_value(("slices", "metric"), self.slices.metric, expected, "Add it to the gate's metrics")

    def _metrics(self) -> Iterator[Problem]:
        if self.metrics is None and self.metric is None:
            expected, remedy = "the name of a metric that the evaluation logs, such as auc", "Add it, or metrics"
            yield Problem.missing(("metric",), expected, remedy)
        elif self.metrics is None:
            yield from self.problems(str(self.metric))
            yield from self._unused(self, ())
        else:
            yield from self._list(self.metrics)

    def _unused(self, bounds: Bounds, path: Path) -> Iterator[Problem]:
        if bounds.tolerance and self.not_worse_than is None:
            expected, remedy = "no tolerance while notWorseThan is null", "Remove it, or set notWorseThan to production"
            yield Problem.with_value((*path, "tolerance"), bounds.tolerance, expected, remedy)

    def _list(self, metrics: tuple[GateMetric, ...]) -> Iterator[Problem]:
        for key in ("metric", "direction", "minimum", "maximum", "tolerance"):
            if key in self.model_fields_set:
                expected, remedy = f"no {key} beside metrics", "Move it into the list"
                yield Problem.with_value((key,), getattr(self, key), expected, remedy)
        for index, each in enumerate(metrics):
            yield from self._unused(each, ("metrics", index))
            if each.metric in [earlier.metric for earlier in metrics[:index]]:
                expected, remedy = "a metric that is not listed yet", "Remove one of the two"
                yield Problem.with_value(("metrics", index, "metric"), each.metric, expected, remedy)
