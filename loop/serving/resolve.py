"""Which version a storage URI names, and what the registry's refusals mean: one sentence per cause."""

import os
import re

from mlflow import get_tracking_uri
from mlflow.exceptions import MlflowException

from contract.names import Env
from loop.runtime.registry import Registry, RegistryError
from loop.serving.served import ServedModel
from loop.serving.uri import ModelRef


class NoVersionYetError(RegistryError):
    """No version has the alias yet: a first training will set it."""


def resolve(registry: Registry, ref: ModelRef) -> ServedModel:
    """The version that `ref` names now. One that a rollout pinned wins over an alias (`ML_LOOP_MODEL_VERSION`)."""
    pinned = os.environ.get(Env.MODEL_VERSION, "")
    if pinned and not pinned.isdecimal():
        raise RegistryError(f"{Env.MODEL_VERSION} is {pinned!r}, allowed is a version's number or nothing")
    if pinned and ref.version and pinned != ref.version:
        raise RegistryError(
            f"{ref} names version {ref.version} but the rollout pinned {pinned}: name an alias in storageUri"
        )
    try:
        number = pinned or ref.version or _aliased(registry, ref)
        found = registry.version(ref.name, number)
    except MlflowException as error:
        raise refusal(error, str(ref)) from error
    if found is None:
        raise RegistryError(f"model {ref.name!r} has no version {number}")
    if found.status != "READY":
        raise RegistryError(f"version {found.version} of {ref.name} is {found.status} in the registry, not READY")
    return ServedModel(ref.name, str(found.version), found.run_id or "", ref.alias)


def _aliased(registry: Registry, ref: ModelRef) -> str:
    """The number of the version that has the alias now."""
    model = registry.model(ref.name)
    if model is None:
        raise NoVersionYetError(f"the registry has no model {ref.name!r}: train and register one first")
    aliases: dict[str, str] = model.aliases
    if ref.alias not in aliases:
        known = ", ".join(sorted(aliases)) or "none"
        raise NoVersionYetError(f"model {ref.name!r} has no alias {ref.alias!r}; its aliases: {known}")
    return str(aliases[ref.alias])


def refusal(error: MlflowException, wanted: str) -> RegistryError:
    """A final refusal by the registry (a 4xx status), as one sentence."""
    detail = " ".join(str(error).split())
    body = re.search(r"Response body: '(.*)'", detail)
    verb = {401: "forbids reading", 403: "forbids reading", 404: "does not have"}.get(error.get_http_status_code())
    return RegistryError(f"MLflow at {get_tracking_uri()} {verb or 'refuses'} {wanted}: {body[1] if body else detail}")
