"""A registered model with versions to promote, in a real registry; its services remember what they were told."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from mlflow import MlflowClient

from contract.names import PRODUCTION_TAG, PROMOTION_TAG, Tag
from loop.promotion.canary import CanaryRun
from loop.promotion.judge import Verdict
from loop.promotion.promote import PromotionError, PromotionRun
from loop.promotion.traffic import Traffic
from loop.promotion.watch import Baseline, UnjudgedError
from loop.runtime.inference import RolloutError
from loop.runtime.registry import Registry

TRAINED_IN: Final = "registry.example.com/films@sha256:0"


class Died(BaseException):
    """The pod was killed."""


@dataclass
class FakeService:
    """Serves what it is told; what a test says of a version comes true."""

    served: str | None = None
    failing: dict[str, str] = field(default_factory=dict[str, str])
    """Version → what the watch will say against it."""
    broken: set[str] = field(default_factory=set[str])
    """Versions that no server can load."""
    unseen: dict[str, str] = field(default_factory=dict[str, str])
    """Version → why the watch could not see it."""
    baselines: list[Baseline | None] = field(default_factory=list[Baseline | None])
    history: list[str | None] = field(default_factory=list[str | None])

    def serve(self, version: str) -> None:
        if version in self.broken:
            raise RolloutError(f"version {version} does not serve: it is broken; version {self.served} stays in place")
        self.served = version
        self.history.append(version)

    def restore(self, version: str) -> None:
        self.serve(version)

    def release(self) -> None:
        self.served = None
        self.history.append(None)

    def traffic(self, version: str) -> Traffic | None:
        return Traffic(answered=100, seconds=1.0) if version == self.served else None

    def before(self, version: str) -> tuple[Traffic | None, Traffic | None]:
        counted = self.traffic(version)
        return counted, counted and Traffic(answered=60, seconds=0.9)

    def watch(self, version: str, before: Baseline | None) -> Verdict:
        self.baselines.append(before)
        if version in self.unseen:
            raise UnjudgedError(self.unseen[version])
        failures = [self.failing[version]] if version in self.failing else []
        return Verdict(failures, numbers={"requests": "412", "prediction-shift": "missing: too few"})


@dataclass
class Loop:
    """A registered model with five versions that passed their gate, and its services."""

    service: FakeService = field(default_factory=FakeService)
    staging: FakeService = field(default_factory=FakeService)
    model: str = field(default_factory=lambda: f"films-{uuid.uuid4().hex[:8]}")
    client: MlflowClient = field(default_factory=MlflowClient)
    said: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.registry = Registry()
        self.client.create_registered_model(self.model)
        source, run_id = self.train()
        digests = self.registry.digests(source, run_id)
        for _ in range(5):
            self.register(source, run_id, digests)

    def train(self) -> tuple[str, str]:
        """Where a model lies, and its run."""
        run_id = self.client.create_run("0").info.run_id
        self.client.log_text(run_id, "what was judged", "model/MLmodel")
        self.client.log_text(run_id, "x\n1\n", "reference/window.csv")
        return f"runs:/{run_id}/model", run_id

    def register(self, source: str, run_id: str, digests: Mapping[Tag, str]) -> str:
        """A version that passed its gate."""
        tags: dict[str, str] = {Tag.GATE: "passed", Tag.IMAGE: TRAINED_IN, **digests}
        return str(self.client.create_model_version(self.model, source, run_id, tags).version)

    def write(self, version: int | str, path: str, text: str = "EVIL") -> None:
        """A file of its run, as whoever is past the guard writes it."""
        self.client.log_text(self.run_of(version), text, path)

    def run_of(self, version: int | str) -> str:
        return str(self.client.get_model_version(self.model, str(version)).run_id)

    def promote(self, version: int | str) -> None:
        PromotionRun(self.registry, self.service, self.model, str(version), self.said.append).run()

    def refused(self, version: int | str) -> str:
        with pytest.raises(PromotionError) as caught:
            self.promote(version)
        return str(caught.value)

    def canary(self, version: int) -> None:
        CanaryRun(self.registry, self.staging, self.service, self.model, str(version), self.said.append).run()

    def stage(self, version: int) -> None:
        self.client.set_registered_model_alias(self.model, "staging", str(version))
        self.staging.serve(str(version))

    @property
    def aliases(self) -> dict[str, str]:
        found = self.client.get_registered_model(self.model).aliases
        return {alias: str(version) for alias, version in found.items()}

    @property
    def state(self) -> tuple[str | None, str | None, str | None]:
        """Production, previous, and what is served."""
        return self.aliases.get("production"), self.aliases.get("previous"), self.service.served

    def tags(self, version: int) -> dict[str, str]:
        return self.client.get_model_version(self.model, str(version)).tags

    @property
    def under_way(self) -> bool:
        return PROMOTION_TAG in self.client.get_registered_model(self.model).tags

    @property
    def left(self) -> str | None:
        """What the last promotion has left in production, by its own record."""
        return self.client.get_registered_model(self.model).tags.get(PRODUCTION_TAG)


CALLS = ("tag_model", "set_alias", "untag_model", "tag_version")


def dying_at(loop: Loop, call: int, *, after: bool) -> int:
    """Kills the process at the n-th change, before or after it was made. Returns how many changes there were."""
    made = 0

    def fatal(name: str, target: object) -> None:
        original = getattr(target, name)

        def wrapped(*arguments: object) -> object:
            nonlocal made
            made += 1
            if made == call and not after:
                raise Died
            done = original(*arguments)
            if made == call:
                raise Died
            return done

        setattr(target, name, wrapped)

    for name in CALLS:
        fatal(name, loop.registry)
    for name in ("serve", "restore", "watch"):
        fatal(name, loop.service)
    return made
