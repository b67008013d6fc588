"""Everything that decides how a model is trained, as the workflow's spec is written from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.kit.access import NOTHING, Access
from components.kit.pod import Resources
from components.kit.surroundings import DEFAULT
from components.training.template import prefix
from contract.gate import Criterion, Slices
from contract.outcome_commands import Freeze
from contract.watching import Watching
from settings.model import Commands
from settings.surroundings import Surroundings


@dataclass(frozen=True, kw_only=True)
class GatePlan:
    """What a candidate must reach to become `staging`."""

    criteria: Sequence[Criterion]
    compare: bool
    """Whether it must not be worse than the version in production."""
    slices: Slices | None = None
    """Groups in none of which it may be worse, either."""


@dataclass(frozen=True, kw_only=True)
class StepAccounts:
    """Service accounts of the steps. The user's code runs as `train`, which may do the least."""

    train: str
    gate: str
    """Registers and stages: a user's code must not decide about its own version."""
    cooldown: str | None
    rollout: str | None


@dataclass(frozen=True, kw_only=True)
class CanaryPlan:
    """How a version is brought into the staging service and watched there, beside the one in production."""

    staging_service: str
    """InferenceService that follows the alias `staging`."""
    production_service: str
    watching: Watching
    kafka: Access
    """Where predictions are read. None: they are not judged."""


@dataclass(frozen=True, kw_only=True)
class RowsPlan:
    """How the rows of each run are set down, and read."""

    freeze: Freeze
    freezing: Access
    """The record, as the step `freeze` uses it."""
    reading: Access
    """What was set down, as the user's code finds it."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A training, with everything known."""

    model: str
    namespace: str
    tracking_uri: str
    loop_image: str
    image: str
    """The user's, with `commands`."""
    commands: Commands
    accounts: StepAccounts
    labels: Mapping[str, str]
    """Labels of all pods."""
    resources: Resources
    """Resources of the step `train`."""
    evaluate_resources: Resources
    around: Surroundings = DEFAULT
    """What train and evaluate find around them."""
    image_pull_secrets: Sequence[str] = ()
    gate: GatePlan
    data_uri: str
    rows: RowsPlan | None = None
    """Fresh rows. None: none."""
    parameters: Mapping[str, str | int | float | bool]
    watched: Sequence[str] = ()
    """Features that the detector watches: a model without one of them ends its training."""
    timeout: int
    """Seconds after which train, and each evaluate, is stopped."""
    cooldown: int | None
    """Seconds between two trainings for one feature. None: drift always trains."""
    server_memory: int | None = None
    """Bytes that a server of the model may use. None: as many as there are."""
    canary: CanaryPlan | None
    """How a staged version is served and watched. None: it is not."""
    rollout: int
    """Seconds until a rollout is given up."""
    signs: Access = NOTHING
    """What the step that registers signs with."""

    @property
    def name(self) -> str:
        """Name of the mutex that its runs wait for, whatever template they came from."""
        return prefix(self.model)
