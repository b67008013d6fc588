"""Why a request or a model is refused: one sentence each."""


class RejectedError(Exception):
    """The client's mistake: an HTTP status of 4xx and one sentence."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class UnservableError(Exception):
    """The model cannot be served, whatever the request. The message is one sentence for its author."""


class MisfitError(ValueError):
    """A value that its type does not accept. The message ends a sentence that begins with the value's position."""
