"""How MLflow's clients move artifacts: set before MLflow is imported, which takes seconds."""

from typing import Final

PROXIED_TRANSFERS: Final = {
    # MLflow 3.17 answers a download from S3 with a presigned URL of the server's own endpoint, which pods may not
    # reach: through the server there is one address and one permission.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}
