"""Which fault hits which part when. The same seed and minutes give the same plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

LOOP: Final = "bookstore-platform-ml"
MODEL: Final = "recommender"


class FaultKind(StrEnum):
    """What is done to a part."""

    KILL = "kill"
    """SIGKILL to its processes; of a pod, the kubelet starts its containers again."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT afterwards: alive for the kernel, silent for everybody else."""
    CUT = "cut"
    """Nothing goes into its network namespace or out of it."""


@dataclass(frozen=True)
class PodPart:
    """Pods of one kind."""

    namespace: str
    selector: str


PODS: Final[Mapping[str, PodPart]] = {
    "server": PodPart(LOOP, f"serving.kserve.io/inferenceservice={MODEL}-staging"),
    "detector": PodPart(LOOP, "app.kubernetes.io/name=drift-detector"),
    "event source": PodPart(LOOP, f"eventsource-name={MODEL}-drift"),
    "event bus": PodPart(LOOP, "app.kubernetes.io/instance=event-bus-nats,app.kubernetes.io/component=server"),
    "sensor": PodPart(LOOP, f"sensor-name={MODEL}-drift"),
    "alias watch": PodPart(LOOP, "app.kubernetes.io/name=alias-watch"),
    "recorder": PodPart(LOOP, "app.kubernetes.io/component=recorder"),
    "outcome intake": PodPart(LOOP, "app.kubernetes.io/name=outcome-intake"),
    "training step": PodPart(LOOP, "workflows.argoproj.io/workflow"),
    "Kafka": PodPart("kafka", "app.kubernetes.io/component=broker"),
    "MLflow": PodPart("mlflow", "app.kubernetes.io/name=mlflow,app.kubernetes.io/component=server"),
    "database": PodPart("mlflow", "cnpg.io/cluster=mlflow-db"),
    "store": PodPart("mlflow", "app.kubernetes.io/name=versitygw,app.kubernetes.io/component=server"),
    "gateway": PodPart("gateway", "app.kubernetes.io/name=traefik"),
    "workflow controller": PodPart("argo", "app=workflow-controller"),
    "event controller": PodPart("argo-events", "app=controller-manager"),
    "KServe": PodPart("kserve", "control-plane=kserve-controller-manager"),
    "CloudNativePG": PodPart("cnpg-system", "app.kubernetes.io/name=cloudnative-pg"),
    "names": PodPart("kube-system", "k8s-app=kube-dns"),
}
DAEMONS: Final = ("etcd", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy")
"""Of the node. Cut off from the network they would be as a node that is gone: there is one node."""
LONGEST: Final = 20.0
"""Seconds of a pause or a cut: longer ones would only measure the clients' patience."""
GAPS: Final = (4.0, 10.0)


@dataclass(frozen=True)
class PlannedFault:
    """One fault."""

    at: float
    """Seconds after the beginning."""
    kind: FaultKind
    part: str
    lasting: float
    """Seconds until it is taken back; 0: it is over at once."""


def plan(seed: int, minutes: float) -> list[PlannedFault]:
    """One fault at a time. Every part is hit before any is hit again."""
    chance, at, found = Random(seed), 5.0, list[PlannedFault]()
    waiting: list[str] = []
    while True:
        if not waiting:
            waiting = [*PODS, *DAEMONS]
            chance.shuffle(waiting)
        part = waiting.pop()
        kind = chance.choice(list(FaultKind) if part in PODS else [FaultKind.KILL, FaultKind.PAUSE])
        lasting = 0.0 if kind is FaultKind.KILL else round(chance.uniform(3.0, LONGEST), 1)
        if at + lasting > minutes * 60:
            return found
        found.append(PlannedFault(round(at, 1), kind, part, lasting))
        at += lasting + chance.uniform(*GAPS)
