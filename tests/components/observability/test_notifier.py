"""The notifier's pod: whom it calls, what it may write, and how it finds the webhook."""

from typing import Any

import pytest

from components.observability.notifier import LoopNotifier, LoopNotifierArgs
from settings.notifications import Notifications
from tests.components.given import LOOP_IMAGE, NAMESPACE, providers, tracking
from tests.program.mocks import Recording, record

URL = {"name": "slack", "key": "address"}


def build(**settings: Any) -> Recording:
    told = Notifications.model_validate({"url": URL, **settings})
    args = LoopNotifierArgs(namespace=NAMESPACE, image=LOOP_IMAGE, content="{}", tracking=tracking(), settings=told)
    return record(lambda: LoopNotifier("it", args, providers()))


def spec(recording: Recording) -> dict[str, Any]:
    return recording.inputs("Deployment")["spec"]["template"]["spec"]


def egress(recording: Recording) -> list[Any]:
    return recording.inputs("NetworkPolicy")["spec"]["egress"]


def test_all_it_may_change_is_its_journal() -> None:
    changing = [rule for rule in build().inputs("Role")["rules"] if rule["verbs"] != ["list"]]
    assert changing == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["loop-notifier"], "verbs": ["get", "patch"]}
    ]


def test_it_reads_only_the_keys_that_the_settings_name_and_none_is_an_argument() -> None:
    plain, signed = build(), build(signing={"name": "webhook", "key": "hmac"}, format="slack", on=["drift"])
    sources = [each["secret"] for each in spec(signed)["volumes"][-1]["projected"]["sources"]]
    assert [(each["name"], each["items"]) for each in sources] == [
        ("slack", [{"key": "address", "path": "url"}]),
        ("webhook", [{"key": "hmac", "path": "signing"}]),
    ]
    assert len(spec(plain)["volumes"][-1]["projected"]["sources"]) == 1
    (container,) = spec(signed)["containers"]
    assert container["args"][1:] == ["--on=drift", "--format=slack", "--signed", *container["args"][-2:]]


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ([], {"ports": [{"port": 443, "protocol": "TCP"}]}),
        (
            [{"cidr": "192.0.2.7/32", "ports": [8443]}],
            {"ports": [{"port": 8443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]},
        ),
    ],
)
def test_it_calls_the_webhook_and_nobody_else_outside(given: list[Any], reached: dict[str, Any]) -> None:
    assert egress(build(egress=given))[-1] == reached


def test_two_never_run_at_once() -> None:
    found = build().inputs("Deployment")["spec"]
    assert (found["replicas"], found["strategy"]) == (1, {"type": "Recreate"})
