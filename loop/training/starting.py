"""`python3 -m loop watch-trainings`: ends the trainings of a namespace whose pods cannot start, and says why.

Of the others it says what came of them (`results`).

Argo waits for a pod whose image cannot be pulled until the step's time is up (argo-workflows#4229): an hour of a train
command, in which no other training of the model begins, and the reason is gone at the end. Here the Workflow is told to
stop, as `argo stop` does: its exit handler records the failure and gives the cooldown's holds back.

Needs: `list` and `patch` on Workflows. What may be changed of one the API server judges (`EndedTrainings`).
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from contract.commands import WatchTrainings
from contract.names import MODEL_LABEL
from contract.starting import COMPLETED, ENDED_BECAUSE, PHASE, SUCCEEDED, stuck
from loop.runtime import log, pod, watcher
from loop.runtime.inference import api_client, said
from loop.training.results import Results

_log = logging.getLogger(__name__)

PERIOD: Final = 10.0
"""Seconds between two looks."""
PATIENCE: Final = 90.0
"""Seconds that a pod may be stuck: the kubelet tries an image four times in them, and a registry may be away."""
SILENT: Final = 60.0
"""Seconds without an answer of the API server's after which this pod is not ready."""
HUNG: Final = 300.0
"""Seconds without a look from which the process hangs."""
Json = dict[str, Any]


class Workflows:
    """The trainings of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._where = ("argoproj.io", "v1alpha1", namespace, "workflows")
        self._api = client.CustomObjectsApi(api_client())

    def running(self) -> list[Json]:
        """Those that have not ended. Raises ApiException."""
        selector = f"{MODEL_LABEL},{COMPLETED}!=true"
        return self._api.list_namespaced_custom_object(*self._where, label_selector=selector)["items"]

    def succeeded(self) -> list[Json]:
        """Those that are kept of all that have succeeded. Raises ApiException."""
        selector = f"{MODEL_LABEL},{COMPLETED}=true,{PHASE}={SUCCEEDED}"
        return self._api.list_namespaced_custom_object(*self._where, label_selector=selector)["items"]

    def named(self, name: str) -> list[Json]:
        """The one of that name, or none. Raises ApiException."""
        return self._api.list_namespaced_custom_object(*self._where, field_selector=f"metadata.name={name}")["items"]

    def tell(self, workflow: Json, sentence: str) -> None:
        """Make it the message of one that has ended. Raises ApiException."""
        metadata = workflow["metadata"]
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": {"message": sentence}}
        self._api.patch_namespaced_custom_object(*self._where, metadata["name"], change)

    def stop(self, workflow: Json, sentence: str) -> None:
        """Unless it has changed since it was looked at, for its pod may have started. Raises ApiException."""
        metadata = workflow["metadata"]
        change = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": {ENDED_BECAUSE: sentence}},
            "spec": {"shutdown": "Stop"},
        }
        self._api.patch_namespaced_custom_object(*self._where, metadata["name"], change)


@dataclass
class StartWatcher:
    """Looks at the trainings of one namespace again and again."""

    workflows: Workflows
    clock: Callable[[], float] = time.monotonic
    _since: dict[str, float] = field(default_factory=dict[str, float])
    """Node → when it was first seen stuck."""
    _results: Results = field(init=False)
    _looked: float = field(init=False)
    _answered: float = -float("inf")

    def __post_init__(self) -> None:
        self._looked = self.clock()
        self._results = Results(self.workflows)

    def step(self) -> float:
        """Look once. Returns the seconds until the next look."""
        self._looked = self.clock()
        try:
            self._look()
            self._answered = self.clock()
        except ApiException as error:
            _log.warning("trainings cannot be looked at: %s", said(error))
        except Exception as why:  # noqa: BLE001  whatever it is, the next look is the next attempt
            _log.warning("trainings cannot be looked at: %s: %s", type(why).__name__, why)
        return PERIOD

    def _look(self) -> None:
        now, running = self.clock(), self.workflows.running()
        waiting = {node["id"]: (workflow, node) for workflow in running for node in _stuck(workflow)}
        self._since = {node: self._since.get(node, now) for node in waiting}
        late = {node for node, since in self._since.items() if now - since >= PATIENCE}
        ended: set[str] = set()
        for workflow, node in (waiting[each] for each in sorted(late)):
            if (name := workflow["metadata"]["name"]) not in ended:
                self._end(workflow, _sentence(node))
                ended.add(name)
        self._results.look({each["metadata"]["name"] for each in running})

    def _end(self, workflow: Json, sentence: str) -> None:
        name = workflow["metadata"]["name"]
        try:
            self.workflows.stop(workflow, sentence)
        except ApiException as error:  # one that cannot be ended keeps none of the others
            _log.warning("%s cannot be ended: %s", name, said(error))
        else:
            _log.warning("ended %s: %s", name, sentence)

    def alive(self) -> tuple[bool, str]:
        """An API server that is away is no reason to restart."""
        still = self.clock() - self._looked
        return still < HUNG, f"last look {still:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Ready while the API server answers."""
        silent = self.clock() - self._answered
        return silent < SILENT, "sees the trainings" if silent < SILENT else "the API server shows no trainings"


def _stuck(workflow: Json) -> Iterator[Json]:
    """The pods of a training that wait in vain; none of one that is told to end already."""
    if workflow.get("spec", {}).get("shutdown"):
        return
    for node in (workflow.get("status", {}).get("nodes") or {}).values():
        if node.get("type") == "Pod" and stuck(node.get("phase", ""), node.get("message", "")):
            yield node


def _sentence(node: Json) -> str:
    step = str(node.get("displayName", "")).partition("(")[0]  # a retried step's pods are `train(0)`
    why = " ".join(str(node["message"]).split())[:1000]
    return f"step {step} cannot start, and was given up after {PATIENCE:.0f} s: {why}"


def main() -> int:
    given = WatchTrainings.parse(sys.argv[1:])
    log.to_stderr()
    watch = StartWatcher(Workflows(given.namespace or pod.namespace()))
    watcher.run(watch.step, port=given.port, alive=watch.alive, ready=watch.ready)
    return 0
