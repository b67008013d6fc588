"""Questions 1 and 2: the registry lists the model, and a training yields a version in `staging`."""

import json
from typing import Any, Final

from components.training.metrics import ENDED
from contract.names import MODEL_LABEL, Alias, GateResult, Tag
from contract.starting import ENDED_BECAUSE, STUCK
from local.check.answer import Answer, no, yes
from local.check.live import RunningStack, eventually

TRAINING_SECONDS: Final = 900.0
WAITING: Final = STUCK | {"Unschedulable"}
"""Why a pod waits that somebody should know of: Argo's nodes begin their message with it."""
STUCK_LOOKS: Final = 20
"""How many looks at a stuck pod end the wait of `trains`. An image that is pulled at the second attempt is fine."""


def listed(live: RunningStack) -> Answer:
    """Whether the registry has the model, with versions."""
    if live.aliases is None:
        return no(f"MLflow at {live.tracking_url} has no model {live.model}; train it first: make check DEEP=1 does")
    named = ", ".join(f"{alias} is {version}" for alias, version in sorted(live.aliases.items())) or "no aliases"
    return yes(f"{len(live.versions)} versions; {named}") if live.versions else no("a model without versions")


def yields_staging(live: RunningStack) -> Answer:
    """Judges what is in `staging`, and the newest training that the cluster still keeps."""
    workflows = live.workflows()
    for workflow in workflows:
        if _phase(workflow) not in ENDED and (stuck := _stuck(workflow)):
            return no(f"the training {_name(workflow)} waits: {stuck}")
    trained = [each for each in workflows if _phase(each) in ENDED]
    if trained and _phase(trained[0]) != "Succeeded":
        return no(f"the newest training, {_name(trained[0])}, {_phase(trained[0])}: {_message(trained[0])}")
    staging = live.version((live.aliases or {}).get(Alias.STAGING))
    if staging is None:
        return no("nothing is in staging; make check DEEP=1 trains")
    return _judged(staging)


def trains(live: RunningStack, purpose: str = "check") -> Answer:
    """Submits a training, waits for its end and judges the version that it made. `purpose` is part of its name."""
    template = {"workflowTemplateRef": {"name": live.template}}
    labels = {MODEL_LABEL: live.model}
    where = {"namespace": live.namespace, "generateName": f"{live.model}-{purpose}-", "labels": labels}
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": where, "spec": template}
    name: str = json.loads(live.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(workflow)))["metadata"][
        "name"
    ]
    stuck = 0

    def over() -> bool:
        nonlocal stuck
        seen = live.object("workflow", name)
        stuck = stuck + 1 if _stuck(seen) else 0
        return _phase(seen) in ENDED or stuck >= STUCK_LOOKS

    took = eventually(over, TRAINING_SECONDS, pause=3.0)
    ended = live.object("workflow", name)
    if _phase(ended) not in ENDED and (reason := _stuck(ended)):
        return no(f"{name} waits: {reason}")
    if took is None or _phase(ended) != "Succeeded":
        return no(f"{name} is {_phase(ended) or 'Pending'} after {took or TRAINING_SECONDS:.0f} s: {_message(ended)}")
    version = next((each for each in live.versions if each["tags"].get(Tag.WORKFLOW) == name), None)
    if version is None:
        return no(f"{name} succeeded in {took:.0f} s and registered no version")
    judged = _judged(version)
    staged = (live.aliases or {}).get(Alias.STAGING)
    if judged.yes and int(staged or 0) < int(version["version"]):
        return no(f"version {version['version']} of {name} passed its gate, and staging is {staged or 'nothing'}")
    return Answer(judged.yes, f"{judged.evidence}, in {took:.0f} s")


def _judged(version: dict[str, Any]) -> Answer:
    tags = version["tags"]
    origin = f"version {version['version']} from {tags.get(Tag.WORKFLOW, 'no workflow')}"
    reason = json.loads(tags.get(Tag.GATE_REPORT, "{}")).get("reason", "no report of a gate")
    if tags.get(Tag.GATE) != GateResult.PASSED:
        return no(f"{origin} has not passed its gate: {reason}")
    return Answer(Tag.WORKFLOW in tags, f"{origin}: {reason}")


def _stuck(workflow: dict[str, Any]) -> str | None:
    """The step whose pod does not start, and why; None where none is stuck."""
    for node in workflow.get("status", {}).get("nodes", {}).values():
        message = node.get("message", "")
        if node.get("phase") == "Pending" and message.partition(":")[0] in WAITING:
            return f"{node['displayName']}: {message}"
    return None


def _phase(workflow: dict[str, Any]) -> str:
    return workflow.get("status", {}).get("phase", "")


def _name(workflow: dict[str, Any]) -> str:
    return workflow["metadata"]["name"]


def _message(workflow: dict[str, Any]) -> str:
    ended = workflow["metadata"].get("annotations", {}).get(ENDED_BECAUSE)
    return ended or workflow.get("status", {}).get("message") or "no message"
