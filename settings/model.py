"""One model of the loop: how it is trained, served, watched and retrained."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from contract.commands import Serve
from contract.drift import DEFAULTS, MIN_WINDOW, DriftReference, DriftTest, fits, fitting, quarter
from contract.watching import LIMITS, WATCH_SECONDS
from settings.gate import Gate
from settings.problem import Allowed, Problem, one_of
from settings.resources import Resources, default_resources
from settings.section import FrozenMap, Section
from settings.surroundings import Surroundings
from settings.values.cron import Cron
from settings.values.duration import Duration
from settings.values.image import TrainingImage
from settings.values.names import FeatureName
from settings.values.number import (
    Count,
    Flag,
    Fraction,
    Percentage,
    Positive,
    Probability,
    Replicas,
    Utilization,
)
from settings.values.secret import SecretName
from settings.values.templates import Parameter, ParameterName, untemplated
from settings.values.uri import DataUri

MIN_NEW_ROWS = 100
"""A training never learns from fewer rows, and performance is never judged by fewer."""

Word = Annotated[
    str,
    Field(min_length=1),
    AfterValidator(untemplated),
    Allowed("a word, without {{", "Write it in quotes, and a template into a file of the image"),
]
Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    Allowed("a list of words, such as [python3, -m, churn.train]", "Start with the program, one word an entry"),
]


class Commands(Section):
    """How the training image is called: a program and its arguments, without a shell."""

    train: Words = ("train",)
    """Trains a model and logs it to MLflow."""
    evaluate: Words = ("evaluate",)
    """Measures a model on held-out rows."""


class TrainingData(Section):
    """Fresh rows: predictions of the record whose outcome is known, set down anew for each training."""

    recent: Duration
    """How old a prediction may be. The newest fifth of the rows is held out for the evaluation."""
    min_rows: Count = 1000
    """With fewer rows, as before there is a record, a training uses `dataUri` or what its image brings."""


class Training(Surroundings):
    """The training workflow."""

    image: TrainingImage
    """Image with the model's two commands, built from the loop's. `recommender`: the example's, among `images`."""
    commands: Commands = Commands()
    """What is run in it."""
    schedule: Cron | None = None
    """When to train by itself, in UTC or in the time zone named in front. null: on drift and by hand only."""
    resources: Resources = default_resources(cpu="500m", memory="1Gi", memory_limit="2Gi")
    """CPU and memory of each training step."""
    evaluate_resources: Resources | None = None
    """CPU and memory of evaluate, if it needs others. Unset: as `resources`."""
    gate: Gate
    """What a new version must reach."""
    data_uri: DataUri | None = None
    """Where the training data is. Unset: the image brings its own."""
    data: TrainingData | None = None
    """Fresh rows of the model's record. Unset: none, every training reads `dataUri`. Needs `outcomes`."""
    parameters: FrozenMap[ParameterName, Parameter] = Field(default_factory=dict, validate_default=True)
    """Parameters for the train command."""
    timeout: Duration = timedelta(hours=1)
    """The time after which a training run is stopped and counted as failed."""

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        yield from self.within(self.resources)
        yield from self.within(self.evaluate_resources or Resources())


class ReplicaRange(Section):
    """The range of model servers that the autoscaler may choose from."""

    min: Annotated[int, Field(strict=True, ge=0), Allowed("an integer of at least 0", "Write a whole number")] = 1
    """Servers without load. 0 needs Knative mode: the next request waits until a server has started."""
    max: Replicas = 4
    """Servers under full load."""
    cpu_percent: Utilization | None = None
    """Percent of its CPU request that a server may use before another is added. Unset: 80. Standard mode only."""

    def contradictions(self) -> Iterator[Problem]:
        if self.min > self.max:
            expected = f"at most replicas.max, which is {self.max}"
            yield Problem.with_value(("min",), self.min, expected, "Lower min or raise max")


class Serving(Surroundings):
    """The production and the staging service."""

    canary_percent: Percentage = 10
    """Share of the requests that the staging version answers."""
    replicas: ReplicaRange = ReplicaRange()
    """Servers of each service."""
    resources: Resources = default_resources(cpu="250m", memory="512Mi", memory_limit="1Gi")
    """CPU and memory of each server."""
    start_timeout: Annotated[
        Duration,
        Field(ge=timedelta(seconds=60)),
        Allowed(
            "at least 60s", "Give a server the time to fetch and load its version: 5m, or 30m for a model of many GB"
        ),
    ] = timedelta(seconds=300)
    """How long a server may take to load its version, and a rollout to finish."""
    max_body_bytes: Count = Serve.max_body_bytes
    """The largest request that is answered; larger ones get a 413."""
    max_rows: Count = Serve.max_rows
    """The most rows that a request may have; more get a 413."""
    batch: Count = Serve.batch
    """How many rows of waiting requests are answered together while the model is busy. 1: each request by itself."""

    def contradictions(self) -> Iterator[Problem]:
        yield from super().contradictions()
        yield from self.within(self.resources)


class Drift(Section):
    """The drift detector."""

    features: Annotated[
        tuple[FeatureName, ...],
        Field(min_length=1),
        Allowed("a list with at least one feature", "Name the columns of the model's signature that are to be watched"),
    ]
    """Columns of the model's signature to watch, by name and of any type; `@prediction` is the model's answer."""
    window: Annotated[
        int,
        Field(strict=True, ge=MIN_WINDOW),
        Allowed(
            f"an integer of at least {MIN_WINDOW}", "Set it to 1000 or so: a smaller window sees only large shifts"
        ),
    ] = DEFAULTS.window
    """How many of the last predictions are compared with the reference."""
    every: Annotated[
        int | None,
        Field(strict=True, ge=1),
        Allowed("an integer of at least 1", "Leave it out for a quarter of drift.window"),
    ] = DEFAULTS.every
    """After how many new predictions the window is compared again. Unset: a quarter of the window."""
    test: Annotated[DriftTest, one_of(DriftTest, "Set it to ks unless only the dependence between features shifts")] = (
        DEFAULTS.test
    )
    """Which test compares them."""
    p_value: Probability = DEFAULTS.p_value
    """Below which an adjusted p-value counts as drift."""
    min_effect: Fraction = DEFAULTS.min_effect
    """The least distance (the KS statistic) that counts, however significant."""
    false_retrains_per_year: Positive = DEFAULTS.false_retrains_per_year
    """How many retrainings without any drift are acceptable."""
    reference: Annotated[DriftReference, one_of(DriftReference, "Set it to training unless the data has seasons")] = (
        DEFAULTS.reference
    )
    """Which rows the window is compared with."""

    def contradictions(self) -> Iterator[Problem]:
        if self.every is not None and not fits(self.every, self.window):
            remedy = f"Set it to {quarter(self.window)}, or leave it out"
            yield Problem.with_value(("every",), self.every, fitting(self.window), remedy)
        for index, feature in enumerate(self.features):
            if feature in self.features[:index]:
                expected, remedy = "a feature that is not listed yet", "Remove one of the two"
                yield Problem.with_value(("features", index), feature, expected, remedy)


class RetrainingCause(StrEnum):
    """What may start a training by itself, beside `training.schedule`."""

    DRIFT = "drift"
    """The predictions' features have drifted."""
    PERFORMANCE = "performance"
    """Answers were worse than the gate had measured, once their outcomes were known."""
    DATA = "data"
    """`newRows` more rows have got their outcome."""


class Retraining(Section):
    """What starts trainings by itself: drift, or what else `on` names."""

    on: Annotated[
        tuple[Annotated[RetrainingCause, one_of(RetrainingCause, "Correct the name")], ...],
        Field(min_length=1),
        Allowed("a list with at least one cause", "Write [drift], or [drift, performance, data] with outcomes"),
    ] = (RetrainingCause.DRIFT,)
    """What starts a training, beside `training.schedule`. `performance` and `data` need `outcomes`."""
    new_rows: Annotated[
        int | None,
        Field(strict=True, ge=MIN_NEW_ROWS),
        Allowed(f"an integer of at least {MIN_NEW_ROWS}", "Name the rows with an outcome that are worth a training"),
    ] = None
    """With `data`: after so many more rows with an outcome a training starts, unless the cooldown refuses it."""
    cooldown: Duration = timedelta(hours=6)
    """The least time between two retrainings for one feature."""

    def contradictions(self) -> Iterator[Problem]:
        if RetrainingCause.DATA in self.on and self.new_rows is None:
            remedy = "Add newRows: 10000, or remove data from retraining.on"
            yield Problem.missing(("newRows",), "how many new rows start a training", remedy)
        if RetrainingCause.DATA not in self.on and self.new_rows is not None:
            expected, remedy = "unset where retraining.on does not name data", "Add data to retraining.on, or remove it"
            yield Problem.with_value(("newRows",), self.new_rows, expected, remedy)


class Outcomes(Section):
    """What became of predictions, said by clients afterwards."""

    delay: Duration = timedelta(days=7)
    """How long after its prediction an outcome counts."""
    every: Duration = timedelta(days=1)
    """Length of the spans of time that are judged, each once its outcomes are known or the delay has passed."""
    min_fall: Fraction = 0.02
    """The least fall below what the gate measured that counts, as a share of it."""
    false_retrains_per_year: Positive = DEFAULTS.false_retrains_per_year
    """How many falls may be published in a year without any real one."""


class Promotion(Section):
    """How a version that goes live, in production or in staging, is watched before it is left there or taken back."""

    watch: Duration = timedelta(seconds=WATCH_SECONDS)
    """How long it is watched."""
    max_error_rate: Probability = LIMITS.max_error_rate
    """Share of its requests that may fail."""
    max_latency_ratio: Annotated[
        float, Field(strict=True, ge=1, allow_inf_nan=False), Allowed("a number of at least 1", "Write 1.5 or so")
    ] = LIMITS.max_latency_ratio
    """How many times as long as with the version before a mean answer may take."""
    max_prediction_shift: Fraction = LIMITS.max_prediction_shift
    """How far its predictions may be from those of the version before (the KS statistic); 1: any distance."""
    healing: Flag = False
    """Whether the alias `production` is put back automatically when it was moved by hand."""


class Model(Section):
    """One model: its training, services, detector and retraining."""

    training: Training
    """The training workflow."""
    serving: Serving = Field(default_factory=Serving)
    """The production and the staging service."""
    drift: Drift | None = None
    """The drift detector. Unset: none."""
    retraining: Retraining | None = None
    """Training when drift is published. Unset: none."""
    outcomes: Outcomes | None = None
    """Outcomes of its predictions. Unset: none are taken."""
    promotion: Promotion = Promotion()
    """How a version that goes live is watched."""
    image_pull_secrets: Annotated[
        tuple[SecretName, ...], Allowed("a list of names of Secrets", "Start each with a hyphen below the key")
    ] = ()
    """Secrets of type dockerconfigjson in the loop's namespace, with which the model's image is pulled."""
    production: Count | None = None
    """Version in production. A human moves it, by a reviewed change of this number; null: none yet."""

    def contradictions(self) -> Iterator[Problem]:
        if self.retraining is not None and self.drift is None:
            remedy = "Add drift: {features: [...]} to this model, or remove retraining"
            yield Problem.missing(("drift",), "the detector that retraining waits for", remedy)
        for cause in (RetrainingCause.PERFORMANCE, RetrainingCause.DATA):
            if self.retraining is not None and cause in self.retraining.on and self.outcomes is None:
                remedy = f"Add outcomes: {{}} to this model, or remove {cause} from retraining.on"
                yield Problem.missing(("outcomes",), f"the outcomes that {cause} is watched by", remedy)
        if self.training.data is not None and self.outcomes is None:
            remedy = "Add outcomes: {} to this model, or remove training.data"
            yield Problem.missing(("outcomes",), "the outcomes that fresh rows are labelled by", remedy)
