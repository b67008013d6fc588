"""Addresses that lead from the page to where something is done or told in full."""

from urllib.parse import quote

from contract.page import PAGE_PATH, PageContent


class Links:
    """Addresses of one stack. A name in an address is quoted whole, whatever it holds."""

    def __init__(self, content: PageContent) -> None:
        self._content = content
        self._mlflow = (content.tracking_url or "").rstrip("/")

    def screen(self, model: str) -> str:
        return f"{PAGE_PATH}/models/{quote(model, safe='')}"

    def live(self, model: str) -> str:
        return f"{PAGE_PATH}/live/models/{quote(model, safe='')}"

    def registry(self, model: str) -> str:
        """MLflow's page of the model; empty where people cannot reach MLflow."""
        return self._mlflow and f"{self._mlflow}/#/models/{quote(model, safe='')}"

    def version(self, model: str, number: str) -> str:
        return self._mlflow and f"{self.registry(model)}/versions/{quote(number, safe='')}"

    def drift_report(self, path: str) -> str:
        """MLflow's page of the report on the drift that a training began with."""
        return path and self._mlflow and f"{self._mlflow}/#/{quote(path)}"

    def logs(self, workflow: str) -> str:
        """The command that shows what a training's steps said."""
        return f"argo logs -n {self._content.namespace} {workflow}"
