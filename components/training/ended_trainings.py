"""What accounts of the loop may change of a Workflow: whether it ends, why, and what is said of a success.

Whoever may patch a Workflow could write pods of any account into it, as it has no subresource for its status. The one
that ends trainings (`monitoring.training_watch`) needs that verb, and the API server holds it to its purpose.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.labels import labels
from contract.starting import ENDED_BECAUSE

APP: Final = "ended-trainings"
ENDS: Final = "object.spec.?shutdown.orValue('') == 'Stop'"
SAME_SPEC: Final = (
    "object.spec.all(key, key == 'shutdown' || (key in oldObject.spec && object.spec[key] == oldObject.spec[key])) "
    "&& oldObject.spec.all(key, key in object.spec)"
)
SAME_STATUS: Final = "object.?status == oldObject.?status"
TELLS: Final = (
    "oldObject.?status.?phase.orValue('') == 'Succeeded' && object.spec == oldObject.spec "
    "&& object.status.all(key, key == 'message' || "
    "(key in oldObject.status && object.status[key] == oldObject.status[key])) "
    "&& oldObject.status.all(key, key in object.status)"
)
"""Nothing but the message of one that has succeeded, which Argo itself leaves empty."""
SAME_METADATA: Final = " && ".join(
    f"object.metadata.?{each} == oldObject.metadata.?{each}" for each in ("labels", "ownerReferences", "finalizers")
)
ONE_ANNOTATION: Final = (
    f"object.metadata.?annotations.orValue({{}}).all(key, key == '{ENDED_BECAUSE}' || "
    "oldObject.metadata.?annotations[?key] == object.metadata.?annotations[?key]) && "
    "oldObject.metadata.?annotations.orValue({}).all(key, key in object.metadata.?annotations.orValue({}))"
)
MESSAGE: Final = "accounts of this namespace change nothing of a Workflow but that it ends, and what is said of its end"


@dataclass(frozen=True, kw_only=True)
class EndedTrainingsArgs:
    """Where the workflows run."""

    namespace: pulumi.Input[str]


class EndedTrainings(pulumi.ComponentResource):
    """Creates a ValidatingAdmissionPolicy for service accounts of one namespace, and its binding."""

    def __init__(self, name: str, args: EndedTrainingsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:training:EndedTrainings", name, None, opts)
        child = ResourceOptions(parent=self)
        # Cluster-wide names: two stacks on one cluster differ in the namespace.
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {
            "name": Output.concat(args.namespace, "-", name),
            "labels": labels(APP, name),
        }
        policy = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{name}-policy",
            metadata=metadata,
            spec={
                "failure_policy": "Fail",
                "match_constraints": {
                    "resource_rules": [
                        {
                            "api_groups": ["argoproj.io"],
                            "api_versions": ["*"],
                            "operations": ["UPDATE"],
                            "resources": ["workflows"],
                        }
                    ],
                },
                "match_conditions": [
                    {
                        "name": "account-of-the-namespace",
                        "expression": "request.userInfo.username.startsWith("
                        "'system:serviceaccount:' + request.namespace + ':')",
                    }
                ],
                "validations": [
                    {"expression": each, "message": MESSAGE, "reason": "Forbidden"}
                    for each in (f"({ENDS} && {SAME_STATUS}) || ({TELLS})", SAME_SPEC, SAME_METADATA, ONE_ANNOTATION)
                ],
            },
            opts=child,
        )
        k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{name}-binding",
            metadata=metadata,
            spec={
                "policy_name": object_name(policy),
                "validation_actions": ["Deny"],
                "match_resources": {
                    "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": args.namespace}}
                },
            },
            opts=child,
        )
        self.register_outputs({"policy": object_name(policy)})
