"""Pods that Argo Workflows and Argo Events make, as they will run."""

from policy.manifest import Unknown
from tests.policy.manifests import CONTAINER_CONTEXT, IMAGE, POD_CONTEXT, changed
from tests.policy.operated import CONTROLLER, SENSOR, TEMPLATE, escalation, said

SELF_MADE = """
initContainers:
- {name: init, securityContext: &restricted {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
containers:
- {name: wait, securityContext: *restricted}
"""


def test_init_and_wait_fail_with_the_defaults_of_a_controller_that_nobody_configured() -> None:
    source = "executor of workflow-controller-configmap"
    assert [message for message in said(TEMPLATE, TEMPLATE) if "Escalation" in message] == [
        escalation("WorkflowTemplate ml/train", name, source) for name in ("init", "wait")
    ]


def test_a_controller_outside_the_stack_can_be_described_in_the_policy_config() -> None:
    executor = {"securityContext": CONTAINER_CONTEXT}
    assert said(TEMPLATE, TEMPLATE, argoWorkflowsController={"executor": executor}) == []


def test_a_template_may_harden_init_and_wait_by_itself_with_a_pod_spec_patch() -> None:
    assert said(changed(TEMPLATE, "spec.podSpecPatch", SELF_MADE), TEMPLATE) == []


def test_a_pod_spec_patch_that_weakens_the_pod_is_seen() -> None:
    assert said(changed(TEMPLATE, "spec.templates.0.podSpecPatch", "hostNetwork: true")) == [
        "WorkflowTemplate ml/train: spec.hostNetwork is true; must be false or unset; remove it"
    ]


def test_a_pod_spec_patch_with_variables_is_not_known_yet() -> None:
    found = said(changed(TEMPLATE, "spec.podSpecPatch", "{{inputs.parameters.patch}}"))
    assert found
    assert all("not known yet" in message for message in found)


def test_a_controller_config_that_is_not_known_yet_leaves_init_and_wait_not_known_yet() -> None:
    found = said(TEMPLATE, changed(CONTROLLER, "data.executor", Unknown("data.executor")))
    assert found
    assert all("not known yet (data.executor)" in message for message in found)


def test_pod_settings_come_from_the_workflow_unless_the_template_has_its_own() -> None:
    assert said(changed(TEMPLATE, "spec.templates.0.securityContext", {**POD_CONTEXT, "runAsNonRoot": False})) == [
        (
            "WorkflowTemplate ml/train: spec.templates[0].securityContext.runAsNonRoot is false; "
            "must be true; set it to true"
        )
    ]


def test_a_resource_template_is_hardened_by_the_controller_and_a_data_template_is_not() -> None:
    resource = changed(TEMPLATE, "spec.templates", [{"name": "apply", "resource": {"action": "create"}}])
    data = changed(TEMPLATE, "spec.templates", [{"name": "list", "data": {"source": {}}}])
    assert said(resource, resource) == []
    assert len(said(data, data)) == 4


def test_templates_written_inline_are_judged_too() -> None:
    inline = changed(TEMPLATE, "spec.templates.1.dag.tasks", [{"name": "a", "inline": {"container": {"image": IMAGE}}}])
    assert escalation("WorkflowTemplate ml/train", "main", "spec.templates[1].dag.tasks[0].inline.container") in said(
        inline
    )


def test_a_sensor_whose_template_is_nowhere_in_sight_is_not_known_yet() -> None:
    assert all("not known yet" in message for message in said(SENSOR, SENSOR))
    assert said(SENSOR, SENSOR)


def test_a_sensor_is_judged_by_the_workflows_it_creates() -> None:
    weak = changed(TEMPLATE, "spec.securityContext.runAsNonRoot", False)
    assert said(SENSOR, CONTROLLER, weak) == [
        (
            "Sensor ml/drift: spec.triggers[0].template.k8s.source.resource: spec.securityContext.runAsNonRoot "
            "is false; must be true; set it to true"
        )
    ]
