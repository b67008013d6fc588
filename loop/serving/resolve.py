"""Which version a storage URI means, and what went wrong when the registry does not say: one sentence per cause."""

import os
import re

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from loop.contract import Env
from loop.registry import PROXIED_TRANSFERS, RegistryError
from loop.serving.served import ServedModel
from loop.serving.uri import ModelRef


class UnreachableError(RegistryError):
    """The registry is down, restarting or overloaded: worth another try."""


def client() -> MlflowClient:
    """A client that fails fast: MLflow's own retries are silent for minutes, ours say what they wait for."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        raise RegistryError("MLFLOW_TRACKING_URI is not set: set it to the MLflow server's URL")
    fast = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
    for key, value in (PROXIED_TRANSFERS | fast).items():
        os.environ.setdefault(key, value)
    return MlflowClient()


def explain(error: MlflowException, wanted: str) -> RegistryError:
    """The registry's failure as one sentence; UnreachableError when it may pass."""
    where = f"the MLflow registry at {os.environ.get('MLFLOW_TRACKING_URI', '(not set)')}"
    detail = " ".join(str(error).split())
    match error.get_http_status_code():
        case 401 | 403:
            body = re.search(r"Response body: '(.*)'", detail)
            return RegistryError(f"{where} forbids reading {wanted}: {body[1] if body else detail}")
        case 404:
            return RegistryError(f"{where} does not have {wanted}: {detail}")
        case 400 | 409:
            return RegistryError(f"{where} refuses {wanted}: {detail}")
        case _:
            return UnreachableError(f"{where} cannot be reached: {detail[:300]}")


def resolve(registry: MlflowClient, ref: ModelRef) -> ServedModel:
    """The version `ref` means now. An alias yields to the version its rollout pinned (`ML_LOOP_MODEL_VERSION`)."""
    pinned = os.environ.get(Env.MODEL_VERSION, "")
    if pinned and not pinned.isdecimal():
        raise RegistryError(f"{Env.MODEL_VERSION} is {pinned!r}, allowed is a version's number or nothing")
    if pinned and ref.version and pinned != ref.version:
        raise RegistryError(
            f"{ref} names version {ref.version} but the rollout pinned {pinned}: name an alias in storageUri"
        )
    found = _version(registry, ref, pinned or ref.version)
    if found.status != "READY":
        raise RegistryError(f"version {found.version} of {ref.name} is {found.status} in the registry, not READY")
    return ServedModel(ref.name, str(found.version), found.run_id or "", ref.alias)


def _version(registry: MlflowClient, ref: ModelRef, number: str | None) -> ModelVersion:
    try:
        model = registry.get_registered_model(ref.name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RegistryError(f"the registry has no model {ref.name!r}: train and register one first") from error
        raise explain(error, str(ref)) from error
    if number is None:
        aliases: dict[str, str] = model.aliases
        if ref.alias not in aliases:
            known = ", ".join(sorted(aliases)) or "none"
            raise RegistryError(f"model {ref.name!r} has no alias {ref.alias!r}; its aliases: {known}")
        number = str(aliases[ref.alias])
    try:
        return registry.get_model_version(ref.name, number)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RegistryError(f"model {ref.name!r} has no version {number}") from error
        raise explain(error, str(ref)) from error
