"""Which pod may say what a step of a workflow has ended with: the step's own, and no other.

Argo's executor reports by a WorkflowTaskResult, by a right to all of them, and a user's code may run in the same pod.
The API server knows which pod a token was made for, and a policy of its own compares that pod's name with the result's.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions

from components.kit.account_policy import account_policy

APP: Final = "step-results"
_POD: Final = "authentication.kubernetes.io/pod-name"
_WORKFLOW: Final = "workflows.argoproj.io/workflow"
VARIABLES: Final = {
    "pod": f"request.userInfo.?extra[?'{_POD}'].orValue([''])[0]",
    "workflow": f"object.metadata.?labels[?'{_WORKFLOW}'].orValue('')",
    # A result is called <workflow>-<hash>, its pod <workflow>-<template>-<hash>; both <workflow> where that is one pod.
    "hash": "object.metadata.name.substring(size(variables.workflow))",
}
OWN: Final = (
    "variables.workflow != '' && object.metadata.name.startsWith(variables.workflow) && (variables.hash == '' "
    "? variables.pod == variables.workflow "
    ": variables.hash.startsWith('-') && variables.pod.startsWith(variables.workflow + '-') "
    "&& variables.pod.endsWith(variables.hash))"
)
MESSAGE: Final = (
    "'the result ' + object.metadata.name + ' is that of a pod of its own step: pod ' + "
    "(variables.pod == '' ? 'unknown' : variables.pod) + ' may not write it'"
)


@dataclass(frozen=True, kw_only=True)
class StepResultsArgs:
    """Where the workflows run."""

    namespace: pulumi.Input[str]


class StepResults(pulumi.ComponentResource):
    """Creates a ValidatingAdmissionPolicy for service accounts of one namespace, and its binding."""

    def __init__(self, name: str, args: StepResultsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:training:StepResults", name, None, opts)
        policy = account_policy(
            name,
            APP,
            args.namespace,
            operations=("CREATE", "UPDATE"),
            resource="workflowtaskresults",
            variables=VARIABLES,
            validations=[{"expression": OWN, "message_expression": MESSAGE}],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"policy": policy})
