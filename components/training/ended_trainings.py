"""What accounts of the loop may change of a Workflow: whether it ends, why, and what is said of a success.

Whoever may patch a Workflow could write pods of any account into it, as it has no subresource for its status. The one
that ends trainings (`monitoring.training_watch`) needs that verb, and the API server holds it to its purpose.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions

from components.kit.account_policy import account_policy
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
        policy = account_policy(
            name,
            APP,
            args.namespace,
            operations=("UPDATE",),
            resource="workflows",
            validations=[
                {"expression": each, "message": MESSAGE}
                for each in (f"({ENDS} && {SAME_STATUS}) || ({TELLS})", SAME_SPEC, SAME_METADATA, ONE_ANNOTATION)
            ],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"policy": policy})
