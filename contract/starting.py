"""Pods of a training that do not start: how Argo says so, and how a training says that it was ended for it."""

from typing import Final

STUCK: Final = frozenset(
    {
        "CreateContainerConfigError",  # a Secret, or a key of it, that is not there
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
    }
)
"""Why a pod waits that will not start by waiting: the message of Argo's node begins with it.

A pod without a place on a node (`Unschedulable`) is none of them: it may get one when another ends.
"""
ENDED_BECAUSE: Final = "ml-loop.dev/ended-because"
"""Annotation of a Workflow that was ended by the loop: why, in one sentence."""
COMPLETED: Final = "workflows.argoproj.io/completed"
"""Label that Argo gives a Workflow; "true" once it has ended."""
PHASE: Final = "workflows.argoproj.io/phase"
"""Label that Argo gives a Workflow: how it stands, or how it has ended."""
SUCCEEDED: Final = "Succeeded"


def stuck(phase: str, message: str) -> bool:
    """Whether a node of this phase and message waits for a pod that will not start."""
    return phase == "Pending" and message.partition(":")[0] in STUCK
