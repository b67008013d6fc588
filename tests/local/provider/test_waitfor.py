"""The `pulumi.com/waitFor` annotation."""

import re

import pytest

from local.provider.values import Json
from local.provider.waitfor import parse

LIVE: Json = {
    "metadata": {"annotations": {"example.org/stage": "done"}},
    "status": {
        "phase": "Running",
        "replicas": 3,
        "empty": None,
        "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}],
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "False"}],
    },
}


@pytest.mark.parametrize(
    "annotation",
    [
        "condition=Ready",
        "condition=Ready=True",
        "condition=Stalled=False",
        "jsonpath={.status.phase}=Running",
        "jsonpath={.status.phase}=running",
        "jsonpath={.status.replicas}=3",
        "jsonpath=.status.phase=Running",
        "jsonpath={.status.addresses[0].value}",
        "jsonpath={.status.addresses[*].value}=192.0.2.1",
        "jsonpath={.metadata.annotations['example.org/stage']}=done",
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True',
    ],
)
def test_an_expression_is_met_by_the_live_object(annotation: str) -> None:
    assert all(item.met(LIVE) for item in parse(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        "condition=Stalled",
        "condition=Absent",
        "jsonpath={.status.phase}=Failed",
        "jsonpath={.status.absent}",
        "jsonpath={.status.empty}",
        "jsonpath={.status.addresses[1].value}",
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}=False',
    ],
)
def test_an_expression_is_not_met_by_the_live_object(annotation: str) -> None:
    assert not any(item.met(LIVE) for item in parse(annotation))


def test_every_expression_of_a_list_counts() -> None:
    expectations = parse('["condition=Ready", "jsonpath={.status.phase}=Failed"]')
    assert [item.met(LIVE) for item in expectations] == [True, False]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (
            "Ready",
            'pulumi.com/waitFor holds \'Ready\': write "condition=<Type>[=<Status>]" or "jsonpath={.path}[=<value>]"',
        ),
        ("[]", "pulumi.com/waitFor is '[]': give one expression or a JSON list of expressions"),
        (
            "jsonpath={.status..phase}",
            (
                "pulumi.com/waitFor holds 'jsonpath={.status..phase}': '..phase' is not a field, an index or a filter "
                '[?(@.key=="value")]'
            ),
        ),
    ],
)
def test_a_malformed_annotation_is_refused_in_one_sentence(annotation: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse(annotation)
