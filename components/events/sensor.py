"""What Argo Events is told about drift: where events come from, which of them count, and what they start.

External: the message that the detector writes to `ml.drift` (`contract.messages.DriftEvent`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pulumi import Input

from components.kit import metrics as exported
from components.kit.connections import KafkaConnection
from components.kit.pod import resources
from components.kit.restricted import container_security_context, pod_security_context
from contract.brokers import retraining_group
from contract.evidence import CHARACTERS, LONGEST, NO_EVIDENCE
from contract.messages import ALL_FEATURES, EVENT_ID, EVENT_ID_CHARACTERS, EVENT_ID_IN_NAME, EVENT_ID_LENGTH, EventKind
from contract.names import DRIFT_TOPIC, MODEL_LABEL, NEW_ROWS, PERFORMANCE_FEATURE, TRIGGER_LABEL, Trigger
from settings.model import Drift

EVENT: Final = str(Trigger.DRIFT)
"""Name of the event, of the sensor's dependency on it, and what the training has as its trigger."""
KAFKA_VERSION: Final = "2.8.0"
"""Version of the protocol that Kafka 2 and 4 both speak; the default would be 1.0.0."""
TRAIN: Final = "train"
"""Name of the trigger that starts the training; a label of its counter."""
REJECTED: Final = "rejected"
"""Name of the dependency on malformed events, and of the trigger that shows them; a label of the trigger's counter."""
METRICS_PORT: Final = 7777
"""The metrics port of event sources and sensors."""
FROM_EVENT: Final[Mapping[str, Mapping[str, str]]] = {
    # It ends up in arguments and variables of containers, where the kubelet replaces `$(NAME)` by another variable.
    "feature": {"dataTemplate": '{{ replace "$" "$$" .Input.body.feature }}'},
    # A plain `dataKey` would write it without an exponent, with up to a hundred zeros.
    "p_value": {"dataTemplate": '{{ printf "%g" .Input.body.p_value }}'},
    "event_id": {"dataKey": "body.id"},
    # Only what nothing can evaluate.
    "evidence": {
        "dataTemplate": '{{ $found := toString (default "" .Input.body.evidence) }}'
        f'{{{{ if and (le (len $found) {LONGEST}) (regexMatch "^[{CHARACTERS}]+$" $found) }}}}'
        f"{{{{ $found }}}}{{{{ else }}}}{NO_EVIDENCE}{{{{ end }}}}"
    },
}
"""The training's parameters → where their values are in the event."""


def filters(model: str, drift: Drift, causes: Sequence[str] = (), *, on_drift: bool = True) -> dict[str, Any]:
    """What starts a training: drift of this model in a watched feature, unless `on_drift` is False, and the `causes`.

    `causes` are metrics of outcomes whose fall starts one, and `NEW_ROWS`. Naming and starting it takes all these
    fields.

    `exprs`, as a number filter under `data` takes null, false and text for 0. Texts are Go's regular expressions.
    """
    texts = {
        "body.model": re.escape(model),
        "body.feature": "|".join(re.escape(each) for each in _features(drift if on_drift else None, causes)),
        "body.id": EVENT_ID,
    }
    # A data filter fails on a missing field, and the events of older detectors have no kind: they were drift.
    of_drift = ["kind == nil", f'kind == "{EventKind.DRIFT}"'] if on_drift else []
    others = [f'kind == "{kind}"' for kind, features in _others(causes).items() if features]
    # The expression language has no exponents.
    threshold = f"{Decimal(str(drift.p_value)):f}"
    return {
        "exprs": [{"expr": f"p >= 0 && p < {threshold}", "fields": [{"name": "p", "path": "body.p_value"}]}],
        "data": [{"path": path, "type": "string", "value": [f"^({text})$"]} for path, text in texts.items()],
        "script": f"local kind = event.body.kind return {' or '.join([*of_drift, *others])}",
    }


def malformed(model: str, drift: Drift, causes: Sequence[str] = ()) -> dict[str, Any]:
    """What no detector of the model writes, whether it saw drift or not. Another model's events are that sensor's.

    A script in Lua: expressions and data filters fail on what is missing, and a failed filter is counted nowhere.
    """
    # A text as JSON writes it is a text in Lua, too.
    watched = ", ".join(f"[{json.dumps(feature, ensure_ascii=False)}] = true" for feature in _features(drift, causes))
    # The watch over performance publishes these whether they may start a training or not.
    ignored = "".join(
        f'if body.kind == "{kind}" then return false end\n'
        for kind, features in _others(causes).items()
        if not features
    )
    return {
        "script": f"""\
local body, watched = event.body, {{ {watched} }}
if type(body) ~= "table" then return true end
{ignored}local model, id, p = body.model, body.id, body.p_value
if type(model) == "string" and model ~= "{model}" then return false end
local named = type(model) == "string" and watched[body.feature] == true
local identified = type(id) == "string" and #id == {EVENT_ID_LENGTH} and not id:find("[^{EVENT_ID_CHARACTERS}]")
return not (named and identified and type(p) == "number" and p >= 0 and p <= 1)
"""
    }


def _features(drift: Drift | None, causes: Sequence[str]) -> tuple[str, ...]:
    watched = () if drift is None else (ALL_FEATURES,) if drift.test.joint else drift.features
    return (*watched, *(feature for features in _others(causes).values() for feature in features))


def _others(causes: Sequence[str]) -> Mapping[EventKind, list[str]]:
    """Each kind of event but drift → those of its features that start a training."""
    return {
        EventKind.PERFORMANCE: [f"{PERFORMANCE_FEATURE}{each}" for each in causes if each != NEW_ROWS],
        EventKind.DATA: [each for each in causes if each == NEW_ROWS],
    }


def show(dependency: str) -> dict[str, Any]:
    """Writes events to the sensor's log, and counts them: `argo_events_action_triggered_total{trigger_name=…}`."""
    return {"template": {"name": dependency, "conditions": dependency, "log": {"intervalSeconds": 1}}}


def trigger(model: str, template: Input[str]) -> dict[str, Any]:
    """Creates the Workflow. Parameters are found by name: another order in the template mixes nothing up.

    A name that is taken is an error like any other: tried again for a minute, as long as an API server may be away,
    then logged, and the event is done with. Meanwhile the model's next event waits.
    """
    arguments = [{"name": "trigger", "value": EVENT}, *({"name": each, "value": ""} for each in FROM_EVENT)]
    name = f"{model}-{EVENT}-{{{{ trunc {EVENT_ID_IN_NAME} .Input.body.id }}}}"
    return {
        "template": {
            "name": TRAIN,
            "conditions": EVENT,
            "k8s": {
                "operation": "create",
                "source": {
                    "resource": {
                        "apiVersion": "argoproj.io/v1alpha1",
                        "kind": "Workflow",
                        "metadata": {
                            "name": "set-by-the-event",
                            "labels": {MODEL_LABEL: model, TRIGGER_LABEL: EVENT},
                        },
                        "spec": {
                            "workflowTemplateRef": {"name": template},
                            "arguments": {"parameters": arguments},
                        },
                    }
                },
                "parameters": [
                    {"src": {"dependencyName": EVENT, "dataTemplate": name}, "dest": "metadata.name"},
                    *(
                        {
                            "src": {"dependencyName": EVENT, **value},
                            "dest": f'spec.arguments.parameters.#(name=="{parameter}").value',
                        }
                        for parameter, value in FROM_EVENT.items()
                    ),
                ],
            },
        },
        # The bus forgets the event when the Workflow is there, not when the sensor has read it.
        "atLeastOnce": True,
        "retryStrategy": {"steps": 7, "duration": "1s", "factor": 2, "jitter": 0.1},
    }


def kafka_source(model: str, kafka: KafkaConnection) -> dict[str, Any]:
    """Every event of the topic (`oldest`): drift from before the group first asked counts, too.

    No `connectionBackoff`: upstream reads it for single partitions only. A group is tried ten times more, and then the
    kubelet restarts the pod.
    """
    source: dict[str, Any] = {
        "url": kafka.bootstrap_servers,
        "topic": DRIFT_TOPIC,
        "jsonBody": True,
        "version": KAFKA_VERSION,
        "consumerGroup": {"groupName": retraining_group(model), "oldest": True, "rebalanceStrategy": "range"},
    }
    if kafka.tls:
        files = {
            "caCertSecret": (kafka.ca_secret, "ca.crt"),
            "clientCertSecret": (kafka.client_secret, "tls.crt"),
            "clientKeySecret": (kafka.client_secret, "tls.key"),
        }
        named = {field: {"name": secret, "key": key} for field, (secret, key) in files.items() if secret is not None}
        source["tls"] = named or {"enabled": True}
    if kafka.sasl is not None:
        keys = {"userSecret": "username", "passwordSecret": "password"}
        secrets = {field: {"name": kafka.sasl.secret_name, "key": key} for field, key in keys.items()}
        source["sasl"] = {"mechanism": str(kafka.sasl.mechanism), **secrets}
    return source


def pod_template(labels: Mapping[str, str], account: Input[str]) -> dict[str, Any]:
    """The pod of an event source or a sensor. The controller adds the container and a writable /tmp."""
    return {
        "metadata": {"labels": labels, "annotations": exported.annotations(METRICS_PORT)},
        "serviceAccountName": account,
        "securityContext": pod_security_context(),
        "container": {
            "securityContext": container_security_context(),
            "resources": resources(cpu="20m", memory="64Mi", memory_limit="256Mi"),
        },
    }
