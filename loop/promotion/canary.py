"""`python3 -m loop canary`: serve the version that has just been staged, watch it, and take it back if it is worse.

It is compared with the version in production, and what was seen is kept as tags (`CANARY`). One that fails is tagged
rejected and loses `staging` to the version in production; before there is one, to the newest earlier version that
passed and was not rejected; where there is none, nothing is staged. A version of which nothing could be seen loses it,
too, but is not rejected.

Needs: what a rollout needs of the staging service, port 8080 of the production servers, and in MLflow the rights of the
gate.
"""

import sys
from dataclasses import dataclass
from typing import Final, NoReturn

from contract.commands import Canary
from contract.names import CANARY, Alias, GateResult, Tag
from loop.promotion.ending import TakenBackError, ended
from loop.promotion.promote import LiveService, Production, Say
from loop.promotion.watch import Baseline, UnjudgedError, Watch
from loop.runtime.inference import InferenceService, api_client
from loop.runtime.registry import Registry

UNJUDGED: Final = f"{CANARY}unjudged"
"""Tag of a version that lost staging because nothing could be seen of it: why. It may be staged again."""


@dataclass(frozen=True)
class CanaryRun:
    """One version of one model in the staging service."""

    registry: Registry
    staging: Production
    production: Production
    model: str
    number: str
    say: Say = print

    def run(self) -> None:
        """Raises TakenBackError when the version was taken back, and RolloutError where no server can load it.

        What was served before then stays. Any other exception says nothing about the version.
        """
        tags = self.registry.resolve(self.model, self.number).tags
        if reason := tags.get(Tag.REJECTED):
            self._take_back(reason)  # a pod died on the way back
        staged = self._named(Alias.STAGING)
        if staged != self.number and (reason := tags.get(UNJUDGED)):
            self._take_back(reason)  # a pod died on the way back, as above
        if staged:
            self.staging.serve(staged)
        if staged != self.number:
            self.say(f"staging: version {self.number} of {self.model} is not staged any more")
            return
        live = self._named(Alias.PRODUCTION)
        if live == self.number:
            self.say(f"staging: version {self.number} of {self.model} is in production already")
            return
        before = None
        if live:
            before = Baseline(live, self.production.traffic(live), lambda: self.production.traffic(live))
        try:
            verdict = self.staging.watch(self.number, before)
        except UnjudgedError as error:
            self.registry.tag_version(self.model, self.number, UNJUDGED, str(error))
            self._take_back(str(error))
        for name, number in verdict.numbers.items():
            self.registry.tag_version(self.model, self.number, f"{CANARY}{name}", number)
        if verdict.failures:
            reason = "; ".join(verdict.failures)[:2000]
            self.registry.tag_version(self.model, self.number, Tag.REJECTED, reason)
            self._take_back(reason)
        self.say(f"staging: version {self.number} of {self.model} stays")

    def _take_back(self, reason: str) -> NoReturn:
        if self._named(Alias.STAGING) == self.number:
            if instead := self._instead():
                self.registry.set_alias(self.model, Alias.STAGING, instead)
            else:
                self.registry.delete_alias(self.model, Alias.STAGING)
        staged = self._named(Alias.STAGING)
        if staged:
            self.staging.restore(staged)
        else:
            self.staging.release()
        now = f"version {staged} is staged" if staged else "nothing is staged"
        raise TakenBackError(f"version {self.number} of {self.model} lost staging: {reason}; {now}")

    def _instead(self) -> str | None:
        if live := self._named(Alias.PRODUCTION):
            return live
        passed = self.registry.tagged(self.model, Tag.GATE, GateResult.PASSED)
        older = [str(v.version) for v in passed if int(v.version) < int(self.number) and Tag.REJECTED not in v.tags]
        return older[-1] if older else None

    def _named(self, alias: Alias) -> str | None:
        found = self.registry.alias(self.model, alias)
        return None if found is None else str(found.version)


def main() -> int:
    given = Canary.parse(sys.argv[1:])
    return ended(lambda: canary(given))


def canary(given: Canary) -> None:
    api, registry = api_client(), Registry()
    watching = Watch(given.watching.watch, given.watching.limits)

    def live(name: str) -> LiveService:
        service = InferenceService(api, namespace=given.namespace, name=name, model=given.model)
        return LiveService(registry, service, given.timeout, watching)

    CanaryRun(registry, live(given.staging), live(given.production), given.model, given.version).run()
