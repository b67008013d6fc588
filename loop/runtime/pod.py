"""What a pod knows of itself."""

from pathlib import Path
from typing import Final

NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Mounted with the account's token."""


def namespace() -> str:
    """The namespace the pod runs in. Raises FileNotFoundError outside of a pod."""
    return NAMESPACE_FILE.read_text("utf-8").strip()
