"""Whose a token is, by Kubernetes' TokenReview, and whether the pod that it was made for still runs.

External: the API server, reached as the kubeconfig says, or as the pod's own account, which must be allowed to create
TokenReviews and to read the pods of the loop's namespace. The API server considers a token valid until its pod's object
is gone, which for a training's step is minutes after its end. A positive answer is kept for half a minute: that long an
ended pod's token may still count.
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

KEPT_SECONDS: Final = 30
PATIENCE_SECONDS: Final = 5
_PREFIX: Final = "system:serviceaccount:"
_POD_NAME, _POD_UID = (f"authentication.kubernetes.io/pod-{part}" for part in ("name", "uid"))
"""What a review says about the pod that a token was made for; nothing about a token made by hand."""
_FORBIDDEN: Final = 403
_ENDED: Final = frozenset({"Succeeded", "Failed"})


class UnknownCallerError(Exception):
    """One clause: why the request's caller is unknown."""


class NoReviewError(Exception):
    """The API server gave no review; one clause says why."""


class Callers:
    """Names callers. Thread-safe."""

    def __init__(self) -> None:
        settings = Configuration()
        # A request waits for the answer: trying again is up to the client.
        settings.retries = False
        config.load_config(client_configuration=settings)
        self._api = client.AuthenticationV1Api(ApiClient(settings))
        self._pods = client.CoreV1Api(ApiClient(settings))
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
            raise NoReviewError(f"the API server does not review tokens ({reason})") from error
        status = answer.status
        # An authenticator that knows no audiences leaves them out: then the token may be for any server.
        if not status.authenticated or TRACKING_AUDIENCE not in (status.audiences or []):
            raise UnknownCallerError(f"has a token that is not valid for the audience {TRACKING_AUDIENCE}")
        if not status.user.username.startswith(_PREFIX):
            raise UnknownCallerError("has a token that is not a service account's")
        self._check_pod(status.user)
        return status.user.username

    def _check_pod(self, user: Any) -> None:
        """Raises `UnknownCallerError` for the token of a pod that has ended, or that is not there."""
        said: dict[str, list[str]] = user.extra or {}
        (name,), (uid,) = (said.get(key) or [""] for key in (_POD_NAME, _POD_UID))
        if not name:
            return
        namespace = user.username.removeprefix(_PREFIX).partition(":")[0]
        try:
            found: Any = self._pods.list_namespaced_pod(
                namespace, field_selector=f"metadata.name={name}", _request_timeout=PATIENCE_SECONDS
            )
        except (ApiException, HTTPError, OSError, ValueError) as error:
            if getattr(error, "status", None) == _FORBIDDEN:
                raise UnknownCallerError(
                    f"has a token of a pod in {namespace}, whose pods this server may not see"
                ) from error
            reason = getattr(error, "reason", None) or type(error).__name__
            raise NoReviewError(f"the API server does not say whether pod {name} still runs ({reason})") from error
        if not any(pod.metadata.uid == uid and pod.status.phase not in _ENDED for pod in found.items):
            raise UnknownCallerError(f"has a token of the pod {name}, which has ended")
