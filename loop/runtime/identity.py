"""Who a pod is to MLflow: its service account, by a token sent with every request.

MLflow's client loads the provider by the entry point in `images/loop/ml_loop.dist-info`, in every program of the image:
also in the user's train command, which need not do anything.
"""

import os
from pathlib import Path

from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

from contract.names import Env


class ServiceAccountToken(RequestHeaderProvider):
    """Reads the file for each request: the kubelet replaces the token before it expires."""

    def in_context(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # MLflow gives no types
        return bool(os.environ.get(Env.TRACKING_TOKEN_FILE))

    def request_headers(self) -> dict[str, str]:  # pyright: ignore[reportIncompatibleMethodOverride]  # neither
        token = Path(os.environ[Env.TRACKING_TOKEN_FILE]).read_text(encoding="ascii").strip()
        return {"Authorization": f"Bearer {token}"}
