"""What the loop tells people by a webhook: kinds of notices, their formats, and the name of their sender's objects."""

from enum import StrEnum
from typing import Final

NOTIFIER: Final = "loop-notifier"
"""Name of the notifier's Deployment and of the ConfigMap in which it keeps what was told, in the loop's namespace."""
WEBHOOK_FOLDER: Final = "/etc/loop-notifier/webhook"
URL_FILE: Final = "url"
SIGNING_FILE: Final = "signing"


class NoticeKind(StrEnum):
    """What people are told of."""

    DRIFT = "drift"
    """A watched column drifts."""
    TRAINING = "training"
    """A training has ended: passed, turned down by its gate, or failed."""
    APPROVAL = "approval"
    """A version waits to be put into production."""
    TAKEN_BACK = "taken-back"
    """A promotion has taken a version back."""


class NoticeFormat(StrEnum):
    """How a notice is written."""

    GENERIC = "generic"
    """JSON with `type`, `timestamp` and `data`, as Standard Webhooks describes it."""
    SLACK = "slack"
    """JSON with `text`, as Slack's incoming webhooks take it."""
