"""A workflow step: makes a service serve the version that its alias names, or leaves it as it was and says why.

The resolved version becomes an annotation of the InferenceService's predictor, and the image that it was trained in the
predictor's. KServe rolls the pods; each reads the annotation through the downward API, so all pods of one rollout load
one version wherever the alias moves, and a new `training.image` reaches them only together with its version.

Needs: `get` and `patch` on the InferenceService, `list` on Deployments and Pods, and port 8080 of the predictor's pods.
"""

import sys
import time
from collections.abc import Callable, Iterator

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from contract.commands import Rollout
from loop.runtime import command
from loop.runtime.inference import Deployment, InferenceService, Pod, RolloutError, api_client, said
from loop.runtime.pin import Pin, pin
from loop.runtime.registry import Registry, RegistryError
from loop.serving.resolve import resolve
from loop.serving.uri import ModelRef

POLL_SECONDS = 1.0


def roll(service: InferenceService, pin: Pin, timeout: float, say: Callable[[str], None] = print) -> None:
    """Rolls to the version and waits until it answers. On failure puts back what was there and raises RolloutError."""
    (before, _), version = service.pinned(), pin.version
    say(f"rolling from version {before.version if before else '(none)'} to {version}")
    service.tell(pin)
    try:
        _wait(service, version, timeout, say)
    except (RolloutError, ApiException) as error:
        reason = said(error) if isinstance(error, ApiException) else str(error)
        service.tell(before)
        kept = f"version {before.version}" if before else "what was there before"
        raise RolloutError(f"version {version} does not serve: {reason}; {kept} stays in place") from error


def _wait(service: InferenceService, version: str, timeout: float, say: Callable[[str], None]) -> None:
    deadline, told = time.monotonic() + timeout, ""
    while True:
        deployment = service.deployment(version)
        pods = [pod for pod in service.pods(version) if deployment and pod.revision == deployment.revision]
        if failure := next(_failures(pods), None):
            raise RolloutError(failure)
        state = _progress(service, deployment, pods, version)
        if state is None:
            say(f"version {version} answers from all {len(pods)} pods")
            return
        if state != told:
            say(told := state)
        if time.monotonic() > deadline:
            raise RolloutError(f"not done after {timeout:.0f} s: {state}")
        time.sleep(POLL_SECONDS)


def _progress(service: InferenceService, deployment: Deployment | None, pods: list[Pod], version: str) -> str | None:
    """What is still missing; None when nothing is."""
    if deployment is None:
        return "KServe has not given the Deployment the version yet"
    status, wanted = deployment.status, deployment.wanted
    for condition in status.conditions or []:
        # A quota or Pod Security refuses the pods, not the Deployment: there is no pod to ask.
        if condition.type == "ReplicaFailure" and condition.status == "True":
            raise RolloutError(f"no pod can be made: {condition.message}")
    current = (status.observed_generation or 0) >= deployment.generation
    up, old = sum(pod.ready for pod in pods), (status.replicas or 0) - (status.updated_replicas or 0)
    if not current or up < wanted or old > 0:
        leaving = f"; {old} of the old version are still there" if old > 0 else ""
        return f"{up} of {wanted} pods are ready{leaving}" + "".join(f"; {text}" for text in _waiting(pods))
    silent = [pod.name for pod in pods if service.answers(pod) != version]
    if silent or not pods:
        return f"pods that do not answer with version {version}: {', '.join(silent) or 'all'}"
    return None


def _failures(pods: list[Pod]) -> Iterator[str]:
    """Why containers ended: the sentence that `fetch` and `serve` leave as their termination message."""
    for pod in pods:
        for status in _statuses(pod):
            for state in () if status.ready else (status.state, status.last_state):  # it may have failed before
                ended = state.terminated if state else None
                if ended and ended.exit_code != 0:
                    reason = (ended.message or f"{ended.reason}, exit code {ended.exit_code}").strip()
                    yield f"{_named(pod, status)}: {reason}"


def _waiting(pods: list[Pod]) -> Iterator[str]:
    for pod in pods:
        for status in _statuses(pod):
            waiting = status.state.waiting if status.state else None
            if waiting and waiting.reason not in {"PodInitializing", "ContainerCreating"}:
                yield f"{_named(pod, status)}: {waiting.reason} {waiting.message or ''}".strip()


def _statuses(pod: Pod) -> list[client.V1ContainerStatus]:
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def _named(pod: Pod, status: client.V1ContainerStatus) -> str:
    return f"pod {pod.name}, container {status.name}"


def main() -> int:
    given = Rollout.parse(sys.argv[1:])
    return command.run(lambda: _rollout(given), RolloutError, RegistryError, config.ConfigException)


def _rollout(given: Rollout) -> None:
    registry = Registry()
    wanted = resolve(registry, ModelRef(given.model, alias=given.alias))
    service = InferenceService(api_client(), namespace=given.namespace, name=given.service, model=given.model)
    roll(service, pin(registry, given.model, wanted.version), given.timeout)
