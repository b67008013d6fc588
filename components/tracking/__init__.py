"""MLflow: its servers, database, migration, identities, host name and login."""

from typing import Final

MLFLOW: Final = "mlflow"
DATABASE: Final = "mlflow-db"
"""Components whose pods use the bucket; on AWS each has a role, by the service account of its name."""
LOGIN: Final = "mlflow-login"
