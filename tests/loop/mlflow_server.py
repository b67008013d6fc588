"""The MLflow server of tests is the one that `make try` starts."""

from starter.mlflow_server import MlflowServer

__all__ = ["MlflowServer"]
