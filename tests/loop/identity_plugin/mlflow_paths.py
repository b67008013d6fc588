"""Where MLflow's own operations are asked for."""

V2 = "/api/2.0/mlflow"


ALIAS = f"{V2}/registered-models/alias"


FILES = "/api/2.0/mlflow-artifacts/artifacts"
