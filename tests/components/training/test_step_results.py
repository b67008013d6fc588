"""Which pod may write which result. Whether the API server reads the policy so: tests/e2e/test_training.py."""

import pytest

from components.training.step_results import OWN, StepResults, StepResultsArgs
from tests.components.given import providers
from tests.program.mocks import Recording, record


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(lambda: StepResults("step-results", StepResultsArgs(namespace="loop"), providers()))


def test_the_policy_judges_what_accounts_of_the_namespace_write_and_fails_closed(recording: Recording) -> None:
    spec = recording.inputs("ValidatingAdmissionPolicy")["spec"]
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert (rule["resources"], rule["operations"]) == (["workflowtaskresults"], ["CREATE", "UPDATE"])
    assert spec["failurePolicy"] == "Fail"
    assert [each["expression"] for each in spec["validations"]] == [OWN]


def test_it_denies_in_the_loop_s_namespace_and_says_nothing_of_others(recording: Recording) -> None:
    binding = recording.inputs("ValidatingAdmissionPolicyBinding")
    assert binding["metadata"]["name"] == "loop-step-results"
    assert binding["spec"] == {
        "policyName": "loop-step-results",
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "loop"}}},
    }
