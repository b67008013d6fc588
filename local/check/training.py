"""Questions 1 and 2: the registry lists the model, and a training yields a version in `staging`."""

import json
from typing import Any, Final

from contract.names import Alias, Gate, Tag
from local.check.answer import Answer, no, yes
from local.check.live import Live, eventually

FINISHED: Final = {"Succeeded", "Failed", "Error"}
TRAINING_SECONDS: Final = 900.0


def listed(live: Live) -> Answer:
    """Whether the registry has the model, with versions."""
    if live.aliases is None:
        return no(f"MLflow at {live.tracking_url} has no model {live.model}; train it first: make check DEEP=1 does")
    named = ", ".join(f"{alias} is {version}" for alias, version in sorted(live.aliases.items())) or "no aliases"
    return yes(f"{len(live.versions)} versions; {named}") if live.versions else no("a model without versions")


def yields_staging(live: Live) -> Answer:
    """Judges what is in `staging`, and the newest training that the cluster still keeps."""
    trained = [each for each in live.workflows() if _phase(each) in FINISHED]
    if trained and _phase(trained[0]) != "Succeeded":
        return no(f"the newest training, {_name(trained[0])}, {_phase(trained[0])}: {_message(trained[0])}")
    staging = live.version((live.aliases or {}).get(Alias.STAGING))
    if staging is None:
        return no("nothing is in staging; make check DEEP=1 trains")
    return _judged(staging)


def trains(live: Live) -> Answer:
    """Submits a training, waits for its end and judges the version that it made."""
    template = {"workflowTemplateRef": {"name": f"{live.model}-train"}}
    where = {"namespace": live.namespace, "generateName": f"{live.model}-check-"}
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": where, "spec": template}
    name: str = json.loads(live.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(workflow)))["metadata"][
        "name"
    ]
    took = eventually(lambda: _phase(live.object("workflow", name)) in FINISHED, TRAINING_SECONDS, pause=3.0)
    ended = live.object("workflow", name)
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
    if tags.get(Tag.GATE) != Gate.PASSED:
        return no(f"{origin} has not passed its gate: {reason}")
    return Answer(Tag.WORKFLOW in tags, f"{origin}: {reason}")


def _phase(workflow: dict[str, Any]) -> str:
    return workflow.get("status", {}).get("phase", "")


def _name(workflow: dict[str, Any]) -> str:
    return workflow["metadata"]["name"]


def _message(workflow: dict[str, Any]) -> str:
    return workflow.get("status", {}).get("message") or "no message"
