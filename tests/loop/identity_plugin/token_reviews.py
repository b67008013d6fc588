"""An API server that knows whose a token is, and which pods run. A process of its own would add nothing."""

import threading
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from json_handler import JsonHandler

ACCOUNTS = {
    "train-token": "system:serviceaccount:loop:guarded-train",
    "gate-token": "system:serviceaccount:loop:guarded-gate",
    "heal-token": "system:serviceaccount:loop:guarded-aliases",
    "promote-token": "system:serviceaccount:loop:guarded-promote",
    "other-token": "system:serviceaccount:loop:other-train",
    "stranger-token": "system:serviceaccount:default:default",
    "person-token": "jane@example.com",
}


class TokenReviews:
    """Answers TokenReviews at `url`; `asked` counts them. While `away` is true it ends every connection unanswered.

    A token that ends in `@NAME` was made for that pod of the namespace `loop`, whose uid is `uid-NAME` then.
    """

    def __init__(self) -> None:
        self.asked, self.away = 0, False
        self.pods: dict[str, dict[str, Any] | int] = {}
        """Pod → what the API server has of it, or the status that it answers with."""
        reviews = self

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                review = self.body()
                if reviews.away:
                    self.close_connection = True
                    return
                assert self.path == "/apis/authentication.k8s.io/v1/tokenreviews"
                reviews.asked += 1
                self.answer(201, {**review, "status": reviews.status(review["spec"])})

            def do_GET(self) -> None:
                path, _, name = unquote(self.path).partition("?fieldSelector=metadata.name=")
                assert path == "/api/v1/namespaces/loop/pods"
                found = reviews.pods.get(name, {})
                listed = {"kind": "PodList", "items": [found] if found else []}
                self.answer(*((found, {}) if isinstance(found, int) else (200, listed)))

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    @staticmethod
    def status(spec: dict[str, Any]) -> dict[str, Any]:
        token = spec["token"]
        if token == "api-token":  # as an authenticator answers that knows no audiences
            return {"authenticated": True, "user": {"username": ACCOUNTS["promote-token"]}}
        # Tests that need one that nobody has asked for yet add a number to it.
        name = ACCOUNTS.get(token.partition("@")[0].partition("#")[0])
        if not name:
            return {"authenticated": False, "user": {}}
        pod, key = token.partition("@")[2], "authentication.kubernetes.io/pod"
        extra = {"extra": {f"{key}-name": [pod], f"{key}-uid": [f"uid-{pod}"]}} if pod else {}
        return {"authenticated": True, "audiences": spec["audiences"], "user": {"username": name, **extra}}

    def __enter__(self) -> "TokenReviews":
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
