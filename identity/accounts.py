"""Who a token belongs to, by Kubernetes' TokenReview.

External: the API server, reached as the kubeconfig says, or as the pod's own account, which must be allowed to create
TokenReviews. A positive answer is kept for a minute: that long a deleted pod's token may still count.
"""

import hashlib
import threading
from typing import Any, Final

from cachetools import TTLCache
from kubernetes import client, config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from contract.names import TRACKING_AUDIENCE

KEPT_SECONDS: Final = 60
PATIENCE_SECONDS: Final = 5
_PREFIX: Final = "system:serviceaccount:"


class UnknownCallerError(Exception):
    """One clause: why nobody can be named for the request."""


class NoReviewError(Exception):
    """The API server gave no review; one clause says why."""


class Callers:
    """Names callers. Safe for threads."""

    def __init__(self) -> None:
        settings = Configuration()
        # A request waits for the answer: another attempt is the client's business.
        settings.retries = False
        config.load_config(client_configuration=settings)
        self._api = client.AuthenticationV1Api(ApiClient(settings))
        self._known: TTLCache[bytes, str] = TTLCache(maxsize=1024, ttl=KEPT_SECONDS)
        self._lock = threading.Lock()

    def caller(self, authorization: str | None) -> str:
        """The account behind an Authorization header, by its name in Kubernetes.

        Raises `UnknownCallerError` where the header names none, `NoReviewError` where that could not be found out.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnknownCallerError("has no token")
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            if (known := self._known.get(key)) is not None:
                return known
        name = self._review(token.strip())
        with self._lock:
            self._known[key] = name
        return name

    def _review(self, token: str) -> str:
        asked = client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token, audiences=[TRACKING_AUDIENCE]))
        try:
            answer: Any = self._api.create_token_review(asked, _request_timeout=PATIENCE_SECONDS)
        except (ApiException, HTTPError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise NoReviewError(f"the API server reviews no tokens ({reason})") from error
        status = answer.status
        # An authenticator that knows no audiences leaves them out: then the token may be for anybody.
        if not status.authenticated or TRACKING_AUDIENCE not in (status.audiences or []):
            raise UnknownCallerError(f"has a token that is not valid for the audience {TRACKING_AUDIENCE}")
        if not status.user.username.startswith(_PREFIX):
            raise UnknownCallerError("has a token of no service account")
        return status.user.username
