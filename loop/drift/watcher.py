"""Where a model's reference comes from: the rows that a training run kept in MLflow.

The run of the version in `production` counts; before there is one, that of `staging`. The reference of a version that
waits in `staging` is kept, too.
"""

import io
import logging
import tempfile
import threading
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, Final

from contract.names import ANSWERS_ARTIFACT, REFERENCE_ARTIFACT, Alias, Tag
from loop.drift.columns import Columns, Versions, signature_columns
from loop.drift.reference import ALWAYS, BadReferenceError, Reference, parse
from loop.runtime import digests, tables

_log = logging.getLogger(__name__)

ANSWERS: Final = PurePosixPath(ANSWERS_ARTIFACT).name


def aliases_of(client: Any, model: str) -> Mapping[str, str]:
    """Alias -> version; empty for a model that is not registered. Raises when MLflow fails."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # seconds to import, and not needed to test the rest

    try:
        return {alias: str(version) for alias, version in client.get_registered_model(model).aliases.items()}
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise


def fetch(client: Any, model: str, version: str, features: tuple[str, ...]) -> Reference:
    """Download and check a version's reference. Raises BadReferenceError, or what the MLflow client raises."""
    found = client.get_model_version(model, version)
    if warning := digests.unbound(found.tags):
        _log.warning("version %s of %s %s", version, model, warning)
    texts = _texts(client, found)
    if ALWAYS not in texts:
        raise BadReferenceError(
            f"Version {version} has no {REFERENCE_ARTIFACT}; its training must log the rows it learned from."
        )
    answers = texts.pop(ANSWERS, None)
    return parse(version, texts, features, _signature(client, model, version), answers)


def columns_of(client: Any, model: str, version: str) -> Columns | None:
    """The columns of any version. Without a signature they are those of its reference, which training has compared;
    where the signature has no names, the reference names them.
    """
    found = _signature(client, model, version)
    if found is not None and found.named:
        return found
    text = _texts(client, client.get_model_version(model, version)).get(ALWAYS)
    header = tuple(next(tables.lines(io.StringIO(text)), ())) if text else ()
    if found is not None:
        return found.under(header)
    return Columns.numbers(header) if header else None


def _signature(client: Any, model: str, version: str) -> Columns | None:
    """The signature; None where the version's model has none, or MLflow denies it. Raises while MLflow is away."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from requests import HTTPError  # noqa: PLC0415

    try:
        return signature_columns(client, model, version)
    except MlflowException as error:
        status = error.get_http_status_code()
        cause = error
    except HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        cause = error
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise cause
    return None


def _texts(client: Any, version: Any) -> dict[str, str]:
    """Season -> CSV, and `ANSWERS`. Raises BadReferenceError where they are not what was registered."""
    kept = str(PurePosixPath(REFERENCE_ARTIFACT).parent)
    with tempfile.TemporaryDirectory() as target:
        folder = Path(target)
        if client.list_artifacts(version.run_id, kept):
            folder = Path(client.download_artifacts(version.run_id, kept, target))
        if other := digests.difference(version.tags, Tag.REFERENCE_DIGEST, digests.digest(folder)):
            raise BadReferenceError(f"Version {version.version} is not compared with: {other}.")
        answers = folder / ANSWERS
        # Not as text: a line break within a value stays as it is.
        found = {path.stem: path.read_bytes().decode() for path in sorted(folder.glob("*.csv"))}
        return found | ({ANSWERS: answers.read_text("utf-8")} if answers.is_file() else {})


class Watcher:
    """Keeps the newest reference ready, in a thread, so that a slow MLflow never stops the reading of predictions."""

    def __init__(self, client: Any, model: str, features: tuple[str, ...]) -> None:
        self._client, self._model, self._features = client, model, features
        self._versions = Versions(lambda version: columns_of(client, model, version))
        self._stopped = threading.Event()
        self.reference: Reference | None = None
        self.waiting: Reference | None = None
        """The reference of a version in staging that is newer than production and waits for approval."""
        self._unusable = ""
        self.problem = "has not asked MLflow yet"
        """What is wrong with the current reference, in words; empty when nothing is."""
        self.aliases: Mapping[str, str] | None = None
        """Alias -> version, by MLflow's last answer; None: it has not answered yet."""

    @property
    def version(self) -> str | None:
        """The version whose reference counts: `production`, else `staging`."""
        known = self.aliases or {}
        return known.get(Alias.PRODUCTION) or known.get(Alias.STAGING)

    @property
    def waiting_version(self) -> str | None:
        """The version in `staging`, where it is newer than `production`: after a rollback it does not wait."""
        known = self.aliases or {}
        production, staging = known.get(Alias.PRODUCTION), known.get(Alias.STAGING)
        return staging if production and staging and int(staging) > int(production) else None

    @property
    def no_version(self) -> bool:
        """Whether MLflow has answered that the model has no version in production or staging yet."""
        return self.aliases is not None and self.version is None

    def columns(self, version: str) -> Columns | None:
        """The columns of a version that has answered; None: unknown, for now. Asks MLflow about each version once."""
        for reference in (self.reference, self.waiting):
            if reference is not None and version == reference.version:
                return reference.columns
        return self._versions.columns(version)

    def refresh(self) -> None:
        """Ask MLflow once. Keeps the current reference when MLflow cannot be asked, or has none that can be used."""
        try:
            self.aliases = aliases_of(self._client, self._model)
            version = self.version
            if version is None:
                return self._say(f"{self._model} has no version in production or staging yet")
            self.reference = self._reference(version)
            self.problem = ""
            self.waiting = self._of_staging()
        except BadReferenceError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001  # whatever the client raises: the reference at hand stays
            self._say(f"MLflow cannot be asked: {type(error).__name__}: {error}"[:500])

    def _reference(self, version: str) -> Reference:
        for known in (self.reference, self.waiting):
            if known is not None and known.version == version:
                return known
        found = fetch(self._client, self._model, version, self._features)
        _log.info("reference: version %s, %s", version, {k: len(v[0]) for k, v in found.rows.items()})
        return found

    def _of_staging(self) -> Reference | None:
        """The reference of staging; None also where it cannot be used: then it knows no drift."""
        version = self.waiting_version
        if version is None or version == self._unusable:
            return None
        try:
            return self._reference(version)
        except BadReferenceError as error:
            self._unusable = version
            _log.warning("no drift is known to version %s in staging: %s", version, error)
            return None

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s; comparing with %s", problem, self.reference and f"version {self.reference.version}")
        self.problem = problem

    def run(self, period: float = 30.0) -> None:
        """Refresh until stopped."""
        while not self._stopped.is_set():
            self.refresh()
            self._stopped.wait(period)

    def stop(self) -> None:
        self._stopped.set()
