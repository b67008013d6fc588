"""Who ends trainings whose pods cannot start, and what holds that right to its purpose."""

import pytest

from components.monitoring.training_watch import TrainingWatch
from contract.commands import WatchTrainings
from tests.components.arguments import training_watch_args
from tests.components.given import providers
from tests.program.mocks import Recording, record


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(lambda: TrainingWatch("it", training_watch_args(), providers()))


def test_it_may_list_and_patch_trainings_and_nothing_else(recording: Recording) -> None:
    (role,) = recording.of("Role")
    assert role.inputs["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["list", "patch"]}
    ]


def test_it_reaches_the_api_server_alone(recording: Recording) -> None:
    egress = recording.inputs("NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for rule in egress for port in rule["ports"]} == {443, 6443}


def test_it_is_called_by_its_command(recording: Recording) -> None:
    spec = recording.inputs("Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"] == WatchTrainings.entry()
    assert WatchTrainings.parse(container["args"]).namespace is None
    assert spec["automountServiceAccountToken"] is True


def test_the_api_server_holds_the_right_to_its_purpose(recording: Recording) -> None:
    spec = recording.inputs("ValidatingAdmissionPolicy")["spec"]
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert (rule["resources"], rule["operations"], spec["failurePolicy"]) == (["workflows"], ["UPDATE"], "Fail")
    binding = recording.inputs("ValidatingAdmissionPolicyBinding")["spec"]
    assert (binding["policyName"], binding["validationActions"]) == ("mlflow-it-right", ["Deny"])
