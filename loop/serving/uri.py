"""Storage URIs of registered models: what an InferenceService's `storageUri` may hold.

    mlflow://NAME@ALIAS     the version an alias names
    mlflow://NAME/VERSION   one version
    models://NAME/ALIAS     the same as mlflow://NAME@ALIAS (MLflow itself would read ALIAS as a model id)

No KServe version knows these schemes: the ClusterStorageContainer that runs `fetch` does.
"""

import re
from dataclasses import dataclass

ALLOWED = "allowed are mlflow://NAME@ALIAS, mlflow://NAME/VERSION and models://NAME/ALIAS"

_URI = re.compile(
    r"mlflow://(?P<name>[^/@:]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>[1-9]\d*))/?"
    r"|models://(?P<models_name>[^/@:]+)/(?P<models_alias>[\w.-]+)/?"
)


class BadUriError(ValueError):
    """A storage URI of no allowed form. The message is one sentence for the user."""


@dataclass(frozen=True)
class ModelRef:
    """A registered model with either an alias or a version."""

    name: str
    alias: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return f"mlflow://{self.name}@{self.alias}" if self.alias else f"mlflow://{self.name}/{self.version}"


def parse(uri: str) -> ModelRef:
    """Reads a storage URI. Raises BadUriError."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise BadUriError(f"storage URI {uri!r} is not of a known form: {ALLOWED}")
    if match["models_name"]:
        if match["models_alias"].isdecimal():
            raise BadUriError(f"storage URI {uri!r} names no alias: for a version write mlflow://NAME/VERSION")
        return ModelRef(match["models_name"], alias=match["models_alias"])
    return ModelRef(match["name"], alias=match["alias"], version=match["version"])
