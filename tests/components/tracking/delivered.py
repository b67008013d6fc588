"""MLflow as Argo CD delivers it, beside the server of our own."""

from dataclasses import replace
from typing import Any

from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.tracking.application import ArgoCdTarget
from components.tracking.mlflow import Mlflow, MlflowArgs
from tests.components.arguments import mlflow_args
from tests.components.given import NAMESPACE, providers
from tests.program.mocks import Recording, record

BY_URI = ("MLFLOW_BACKEND_STORE_URI", "ARTIFACTS_DESTINATION")
"""Variables of our command, which the chart's has the values of."""


def build(args: MlflowArgs) -> Recording:
    def program() -> None:
        opts = providers()
        RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=NAMESPACE), opts)
        Mlflow("mlflow", args, opts)

    return record(program)


def delivered(**changes: Any) -> Recording:
    return build(replace(mlflow_args(), **{"argo_cd": ArgoCdTarget(), **changes}))


def source(recording: Recording) -> dict[str, Any]:
    return recording.inputs("Application")["spec"]["source"]


def values(recording: Recording) -> dict[str, Any]:
    return source(recording)["helm"]["valuesObject"]
