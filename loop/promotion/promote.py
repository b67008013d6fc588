"""`python3 -m loop promote`: put one version into production, watch it, and take it back if it is worse.

Each step may be repeated, and what the next one needs is kept at the registered model (`PROMOTION_TAG`) until the end:
a pod that dies anywhere leaves a state from which the next one finishes, or goes back. The alias `production` names a
version only while that version is served or on its way there.

Needs: what a rollout needs of the production service, and in MLflow the right to move `production`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, Protocol

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from contract.commands import Promote
from contract.names import PRODUCTION_TAG, PROMOTION_TAG, Alias, GateResult, Tag
from loop.promotion import observation
from loop.promotion.change import Change
from loop.promotion.ending import TakenBackError, ended
from loop.promotion.judge import Verdict
from loop.promotion.traffic import Traffic
from loop.promotion.watch import GRACE_SECONDS, Baseline, UnjudgedError, Watch
from loop.runtime import digests
from loop.runtime.inference import InferenceService, RolloutError, api_client
from loop.runtime.pin import Pin, pin
from loop.runtime.registry import Registry
from loop.runtime.signatures import Signatures
from loop.serving.rollout import roll

Say = Callable[[str], None]


class PromotionError(TakenBackError):
    """The version is not in production. One sentence for the person who merged the change."""


class Production(Protocol):
    """The production service, as a promotion uses it."""

    def serve(self, version: str) -> None:
        """Returns once all servers serve the version. Raises RolloutError, and what was served stays."""

    def restore(self, version: str) -> None:
        """Like `serve`, but this version stays the one to serve even if the servers cannot take it up now."""

    def release(self) -> None:
        """Leaves the service without a version, as it was before the first rollout."""

    def traffic(self, version: str) -> Traffic | None:
        """What its servers counted; None where they do not say."""

    def before(self, version: str) -> tuple[Traffic | None, Traffic | None]:
        """What the servers counted that are to be replaced, in all and just before; None where they do not say."""
        ...

    def watch(self, version: str, before: Baseline | None) -> Verdict:
        """Raises UnjudgedError when nothing could be seen until the end."""
        ...


@dataclass(frozen=True)
class LiveService:
    """The service on the cluster."""

    registry: Registry
    inference: InferenceService
    timeout: float
    watching: Watch
    say: Say = print

    def serve(self, version: str) -> None:
        roll(self.inference, self._pin(version), self.timeout, self.say)

    def restore(self, version: str) -> None:
        try:
            self.serve(version)
        except RolloutError:
            self.inference.tell(self._pin(version))
            raise

    def release(self) -> None:
        self.inference.tell(None)

    def traffic(self, version: str) -> Traffic | None:
        try:
            return observation.traffic(self.inference, version)
        except observation.UnseenError as error:
            self.say(f"version {version} is not compared with: {error}")
            return None

    def before(self, version: str) -> tuple[Traffic | None, Traffic | None]:
        self.say(f"timing version {version}, for {self.watching.seconds:.0f} s at most")
        return self.watching.before(lambda: self.traffic(version))

    def watch(self, version: str, before: Baseline | None) -> Verdict:
        return self.watching.over(observation.LiveLooks(self.inference), version, before, self.say)

    def _pin(self, version: str) -> Pin:
        return pin(self.registry, self.inference.model, version)


@dataclass(frozen=True)
class PromotionRun:
    """One version of one model on its way into production."""

    registry: Registry
    service: Production
    model: str
    number: str
    say: Say = print
    patience: float = 900.0
    """Seconds after its beginning when a version that could not be judged is taken back."""

    def run(self) -> None:
        """Raises PromotionError when the version is refused or was taken back; others say nothing about it."""
        model = self.registry.model(self.model)
        if model is None:
            raise PromotionError(f"the registry has no model {self.model!r}: train and register one first")
        change = Change.of(model)
        if change is not None and change.to == self.number and change.reason:
            self._take_back(change)  # a pod died on the way back
        if change is not None and change.to == self.number and self._late(change):
            reason = f"it could not be judged within {self.patience:.0f} s"
            self._take_back(self._turned(change, reason, rejected=False))
        version = self._approved()
        if other := self._other_content(version):
            if change is not None and change.to == self.number:
                self._take_back(self._turned(change, other, rejected=False))
            raise self._refusal(other)
        if change is not None and change.to != self.number:
            self.say(f"version {change.to} was not judged before it was given up: going back to where it began")
            self._put_back(change)
            change = None
            model = self.registry.model(self.model) or model
        if change is None and model.aliases.get(Alias.PRODUCTION) == self.number:
            self.service.serve(self.number)
            self._remember(model, self.number)
            self.say(f"version {self.number} of {self.model} is in production already")
            return
        self._go(change or self._begin(model, version), version)

    def _approved(self) -> ModelVersion:
        version = self.registry.version(self.model, self.number)
        if version is None:
            raise PromotionError(f"model {self.model!r} has no version {self.number}: nothing was changed")
        gate = version.tags.get(Tag.GATE, "none")
        if version.status != "READY":
            reason = f"it is {version.status} in the registry, not READY"
        elif rejected := version.tags.get(Tag.REJECTED):
            reason = f"it was rejected: {rejected}"
        elif gate != GateResult.PASSED:
            reason = f"it must have passed the gate of its training, and its tag {Tag.GATE} is {gate}"
        else:
            return version
        raise self._refusal(reason)

    def _refusal(self, reason: str) -> PromotionError:
        return PromotionError(
            f"version {self.number} of {self.model} cannot go into production: {reason}; nothing was changed"
        )

    def _other_content(self, version: ModelVersion) -> str | None:
        """Why the store no longer holds what was registered, or what the gate signed.

        A version that was registered without digests is bound here to what is judged, before it goes anywhere.
        """
        unsigned: list[str | None] = []

        def look(folder: Path) -> None:
            unsigned.append(Signatures.from_environment().refusal(version.tags, folder, self.model))

        found = self.registry.digests(f"models:/{self.model}/{self.number}", version.run_id or "", look)
        for tag, digest in found.items():
            if other := digests.difference(version.tags, tag, digest):
                return other
        if unsigned[0]:
            return unsigned[0]
        for tag, digest in found.items():
            if tag not in version.tags:
                self.registry.tag_version(self.model, self.number, tag, digest)
        return None

    def _begin(self, model: RegisteredModel, version: ModelVersion) -> Change:
        origin = model.aliases.get(Alias.PRODUCTION)
        # A version that was in production is a way back: the version to compare it with may be what is wrong.
        compared = origin if Tag.PROMOTED not in version.tags else None
        traffic, lately = self.service.before(compared) if compared else (None, None)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        change = Change(self.number, origin, model.aliases.get(Alias.PREVIOUS), now, traffic, lately)
        try:
            self.registry.tag_model(self.model, PROMOTION_TAG, change.to_json())
        except MlflowException as refusal:
            raise PromotionError(f"MLflow refuses the promotion, and nothing was changed: {refusal}") from refusal
        return change

    def _go(self, change: Change, version: ModelVersion) -> None:
        self.say(f"promoting version {self.number} of {self.model}, after version {change.origin or '(none)'}")
        if change.origin:
            self.registry.set_alias(self.model, Alias.PREVIOUS, change.origin)
        self.registry.set_alias(self.model, Alias.PRODUCTION, self.number)
        try:
            self.service.serve(self.number)
        except RolloutError as error:
            self._take_back(self._turned(change, str(error), rejected=False))
        compared = change.origin and Tag.PROMOTED not in version.tags
        before = Baseline(change.origin, change.traffic, lately=change.lately) if change.origin and compared else None
        try:
            failures = self.service.watch(self.number, before).failures
        except UnjudgedError as error:
            self._take_back(self._turned(change, str(error), rejected=False))
        if failures:
            self._take_back(self._turned(change, "; ".join(failures), rejected=True))
        if Tag.PROMOTED not in version.tags:
            self.registry.tag_version(self.model, self.number, Tag.PROMOTED, change.since)
        self.registry.tag_model(self.model, PRODUCTION_TAG, self.number)
        self.registry.untag_model(self.model, PROMOTION_TAG)
        self.say(f"version {self.number} of {self.model} is in production")

    def _late(self, change: Change) -> bool:
        return datetime.now(UTC) - datetime.fromisoformat(change.since) > timedelta(seconds=self.patience)

    def _turned(self, change: Change, reason: str, *, rejected: bool) -> Change:
        turned = replace(change, reason=reason[:2000], rejected=rejected)
        self.registry.tag_model(self.model, PROMOTION_TAG, turned.to_json())
        return turned

    def _take_back(self, change: Change) -> NoReturn:
        """Takes the version back. Always raises PromotionError."""
        if change.rejected and change.reason:
            self.registry.tag_version(self.model, change.to, Tag.REJECTED, change.reason)
        self._put_back(change)
        kept = f"version {change.origin} is in production again" if change.origin else "nothing is in production"
        raise PromotionError(f"version {change.to} of {self.model} was taken back: {change.reason}; {kept}")

    def _put_back(self, change: Change) -> None:
        for alias, number in ((Alias.PRODUCTION, change.origin), (Alias.PREVIOUS, change.previous)):
            if number:
                self.registry.set_alias(self.model, alias, number)
            else:
                self.registry.delete_alias(self.model, alias)
        if change.origin:
            self.service.restore(change.origin)
        else:
            self.service.release()
        model = self.registry.model(self.model)
        if model is not None and model.tags.get(PRODUCTION_TAG) == change.to:
            self._remember(model, change.origin)  # a pod died between its last two changes
        self.registry.untag_model(self.model, PROMOTION_TAG)

    def _remember(self, model: RegisteredModel, version: str | None) -> None:
        """Remembers, for the watch over the alias, what is to be in production."""
        if model.tags.get(PRODUCTION_TAG) == version:
            return
        if version:
            self.registry.tag_model(self.model, PRODUCTION_TAG, version)
        else:
            self.registry.untag_model(self.model, PRODUCTION_TAG)


def main() -> int:
    given = Promote.parse(sys.argv[1:])
    return ended(lambda: promote(given))


def promote(given: Promote) -> None:
    service = InferenceService(api_client(), namespace=given.namespace, name=given.service, model=given.model)
    watching, registry = Watch(given.watching.watch, given.watching.limits), Registry()
    live = LiveService(registry, service, given.timeout, watching)
    patience = given.timeout + watching.seconds + 2 * GRACE_SECONDS
    PromotionRun(registry, live, given.model, given.version, patience=patience).run()
