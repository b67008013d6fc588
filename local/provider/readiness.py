"""Whether a live object is ready, by its own status: the rules of `kubectl rollout status` and Pulumi's plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local.provider.values import Json


@dataclass(frozen=True)
class Readiness:
    """What a status says. Neither ready nor failed: waiting, for `reason`."""

    ready: bool = False
    failed: bool = False
    reason: str = ""


READY = Readiness(ready=True)


def waiting(reason: str) -> Readiness:
    """Not yet."""
    return Readiness(reason=reason)


def failed(reason: str) -> Readiness:
    """Waiting longer will not help."""
    return Readiness(failed=True, reason=reason)


def condition(live: Json, kind: str) -> Json:
    """The status condition of that type, or an empty one."""
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == kind), {})


def deployment(live: Json) -> Readiness:
    """Every replica updated and available, and no old one left."""
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return waiting("its controller has not seen the change yet")
    if trouble := _rollout_trouble(live):
        return trouble
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return waiting(f"{updated} of {wanted} replicas updated")
    if status.get("replicas", 0) > updated:
        return waiting(f"{status['replicas'] - updated} old replicas still running")
    return READY if available >= wanted else waiting(f"{available} of {wanted} replicas available")


def _rollout_trouble(live: Json) -> Readiness | None:
    refusal, progress = condition(live, "ReplicaFailure"), condition(live, "Progressing")
    if refusal.get("status") == "True":
        for_good = "violates PodSecurity" in refusal.get("message", "")
        return (failed if for_good else waiting)(f"pods are refused: {refusal.get('message')}")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return failed(f"no progress: {progress.get('message')}")
    return None


def stateful_set(live: Json) -> Readiness:
    """Every replica ready, and above the partition at the update revision."""
    status, spec = live.get("status") or {}, live["spec"]
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy") or {}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return waiting("its controller has not seen the change yet")
    if status.get("readyReplicas", 0) < wanted:
        return waiting(f"{status.get('readyReplicas', 0)} of {wanted} replicas ready")
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if strategy.get("type") != "OnDelete" and status.get("updatedReplicas", 0) < wanted - partition:
        return waiting(f"{status.get('updatedReplicas', 0)} of {wanted - partition} replicas updated")
    return READY


def job(live: Json) -> Readiness:
    """Complete. A failed Job stays failed; a suspended one is as ready as it can be."""
    status = live.get("status") or {}
    if condition(live, "Complete").get("status") == "True" or live["spec"].get("suspend"):
        return READY
    ended = condition(live, "Failed")
    if ended.get("status") == "True":
        return failed(f"it failed: {ended.get('reason')}: {ended.get('message')}")
    wanted = live["spec"].get("completions", 1)
    return waiting(f"{status.get('succeeded', 0)} of {wanted} pods succeeded, {status.get('failed', 0)} failed")


def claim(live: Json) -> Readiness:
    """Bound. Whether binding waits for a pod is the storage class's word: see `waiting.Waiter`."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Lost":
        return failed("its volume is lost")
    return READY if phase == "Bound" else waiting("no volume is bound")


def service(live: Json) -> Readiness:
    """A load balancer has an address. Endpoints are other objects: see `waiting.Waiter`."""
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    if live["spec"].get("type") == "LoadBalancer" and not balancer.get("ingress"):
        return waiting("the load balancer has no address")
    return READY


def needs_endpoints(live: Json) -> bool:
    """Services that name pods and have an address of their own wait for one ready endpoint, as in Pulumi's plugin."""
    if (live["apiVersion"], live["kind"]) != ("v1", "Service"):
        return False
    spec = live["spec"]
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


RULES: dict[tuple[str, str], Callable[[Json], Readiness]] = {
    ("apps/v1", "Deployment"): deployment,
    ("apps/v1", "StatefulSet"): stateful_set,
    ("batch/v1", "Job"): job,
    ("v1", "PersistentVolumeClaim"): claim,
    ("v1", "Service"): service,
}


def unready_probes(pod: Json) -> Iterator[tuple[str, Json]]:
    """(container, its HTTP readiness probe) of the containers that run and are not ready.

    The port is a number: the API server's proxy to a pod knows no port names, and Kubernetes 1.35 panics over one.
    """
    states = {each["name"]: each for each in (pod.get("status") or {}).get("containerStatuses") or []}
    for container in pod["spec"]["containers"]:
        state = states.get(container["name"]) or {}
        probe = (container.get("readinessProbe") or {}).get("httpGet")
        if probe and not state.get("ready") and "running" in (state.get("state") or {}):
            named = {port.get("name"): port["containerPort"] for port in container.get("ports") or []}
            yield container["name"], probe | {"port": named.get(probe["port"], probe["port"])}


def pod_trouble(pod: Json) -> str | None:
    """Why a pod is not running, in a sentence without logs; None where nothing is wrong yet."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"pod {name} cannot be scheduled: {scheduled.get('message')}"
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        now = (container.get("state") or {}).get("waiting") or {}
        last = (
            (container.get("lastState") or {}).get("terminated")
            or (container.get("state") or {}).get("terminated")
            or {}
        )
        where = f"pod {name}, container {container['name']}"
        if last.get("exitCode"):
            ended = f"ended with exit code {last['exitCode']} ({last.get('reason')})"
            # What the program left as its termination message is its own reason.
            said = ": ".join(filter(None, [ended, (last.get("message") or "").strip()]))
            return f"{where}: {said}, {container['restartCount']} restarts"
        if now.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{where}: {now['reason']}: {now.get('message', '')}".rstrip(": ")
    return None
