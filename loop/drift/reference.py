"""The reference a model's predictions are compared with: rows that its training run kept in MLflow.

The run of the version in `production` counts, of `staging` before there is one. A training whose data has seasons
keeps more files beside `reference/window.csv`: `reference/month-01.csv` to `month-12.csv`, or
`reference/weekday-1.csv` (Monday) to `weekday-7.csv`, with the same header; a season without a file is compared with
`reference/window.csv`.
"""

import csv
import io
import logging
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.drift import MIN_WINDOW, DriftReference
from contract.names import REFERENCE_ARTIFACT, Alias, Tag
from loop.drift.columns import Columns, Versions, signature_columns
from loop.drift.row import MISSING
from loop.runtime import digests

_log = logging.getLogger(__name__)

ALWAYS: Final = PurePosixPath(REFERENCE_ARTIFACT).stem
"""The season that stands in for any other."""


class BadReferenceError(ValueError):
    """A reference that cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Reference:
    """Reference rows of one model version."""

    version: str
    columns: Columns
    """Those of a prediction."""
    rows: Mapping[str, NDArray[np.float64]]
    """Season -> (rows, watched features), in the training's order. `ALWAYS` is there. NaN: no value."""

    def season(self, wanted: str) -> str:
        return wanted if wanted in self.rows else ALWAYS


def season_of(at: float, seasons: DriftReference) -> str:
    """Name of the season of an event time in epoch seconds: the stem of its file."""
    moment = datetime.fromtimestamp(at, UTC)
    match seasons:
        case DriftReference.TRAINING:
            return ALWAYS
        case DriftReference.MONTHLY:
            return f"month-{moment.month:02}"
        case DriftReference.WEEKLY:
            return f"weekday-{moment.isoweekday()}"


def parse(
    version: str, files: Mapping[str, str], features: tuple[str, ...], columns: Columns | None = None
) -> Reference:
    """A reference from CSV texts by season; BadReferenceError when one is malformed or lacks a feature.

    `columns` are those of the version's signature. Without one the header has their names, and all are numbers.
    """
    names, rows = (), {}
    for season, text in sorted(files.items(), key=lambda item: item[0] != ALWAYS):
        lines = list(csv.reader(io.StringIO(text)))
        header = tuple(lines[0]) if lines else ()
        names = names or header
        where = f"The reference {season}.csv of version {version}"
        if missing := [name for name in features if name not in header]:
            raise BadReferenceError(f"{where} has no column {missing[0]!r}; it has {', '.join(header) or 'none'}.")
        if header != names:
            raise BadReferenceError(f"{where} has other columns than {REFERENCE_ARTIFACT}; give both the same header.")
        rows[season] = _numbers(lines[1:], {name: header.index(name) for name in features}, where)
    known = columns.under(names) if columns else Columns.numbers(names)
    if missing := [name for name in features if name not in known.kinds]:
        raise BadReferenceError(f"The signature of version {version} has no column {missing[0]!r}.")
    return Reference(version, known, rows)


def _numbers(lines: list[list[str]], columns: Mapping[str, int], where: str) -> NDArray[np.float64]:
    try:
        rows = np.array([[_number(line[column]) for column in columns.values()] for line in lines], dtype=np.float64)
    except (ValueError, IndexError) as error:
        raise BadReferenceError(f"{where} holds something else than numbers in a watched column: {error}.") from None
    if len(rows) < MIN_WINDOW or np.isinf(rows).any():
        raise BadReferenceError(
            f"{where} needs at least {MIN_WINDOW} rows of finite numbers or nothing; it has {len(rows)} rows."
        )
    if empty := [name for name, column in zip(columns, rows.T, strict=True) if np.isnan(column).all()]:
        raise BadReferenceError(f"{where} has no value at all in the column {empty[0]!r}: do not watch it.")
    return rows


def _number(text: str) -> float:
    """As pandas writes it: nothing where there is no value."""
    return float(text) if text else MISSING


def aliases_of(client: Any, model: str) -> Mapping[str, str]:
    """Alias -> version; none of a model that is not registered. Raises when MLflow fails."""
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
    return parse(version, texts, features, _signature(client, model, version))


def columns_of(client: Any, model: str, version: str) -> Columns | None:
    """The columns of any version. Without a signature they are its reference's, which training has compared; where the
    signature has no names they are called as in the reference."""
    found = _signature(client, model, version)
    if found is not None and found.named:
        return found
    text = _texts(client, client.get_model_version(model, version)).get(ALWAYS)
    header = tuple(next(csv.reader(io.StringIO(text)), ())) if text else ()
    if found is not None:
        return found.under(header)
    return Columns.numbers(header) if header else None


def _signature(client: Any, model: str, version: str) -> Columns | None:
    """None where the version's model has no signature, or MLflow does not hand it out; raises while MLflow is away."""
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


def _texts(client: Any, version: Any) -> Mapping[str, str]:
    """Season -> CSV. Raises BadReferenceError where the files are not those the version was registered with."""
    kept = str(PurePosixPath(REFERENCE_ARTIFACT).parent)
    with tempfile.TemporaryDirectory() as target:
        folder = Path(target)
        if client.list_artifacts(version.run_id, kept):
            folder = Path(client.download_artifacts(version.run_id, kept, target))
        if other := digests.difference(version.tags, Tag.REFERENCE_DIGEST, digests.digest(folder)):
            raise BadReferenceError(f"Version {version.version} is not compared with: {other}.")
        return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.csv"))}


class Watcher:
    """Keeps the newest reference at hand, in a thread, so that a slow MLflow never stops the reading of predictions."""

    def __init__(self, client: Any, model: str, features: tuple[str, ...]) -> None:
        self._client, self._model, self._features = client, model, features
        self._versions = Versions(lambda version: columns_of(client, model, version))
        self._stopped = threading.Event()
        self.reference: Reference | None = None
        self.waiting: Reference | None = None
        """That of a version in staging which is newer than production, and waits for its approval."""
        self._unusable = ""
        self.problem = "has not asked MLflow yet"
        """What is wrong with the reference at hand, in words; empty when nothing is."""
        self.aliases: Mapping[str, str] | None = None
        """Alias -> version, as MLflow last said; None: it has not answered yet."""

    @property
    def version(self) -> str | None:
        """The version whose reference counts: `production`, else `staging`."""
        known = self.aliases or {}
        return known.get(Alias.PRODUCTION) or known.get(Alias.STAGING)

    @property
    def waiting_version(self) -> str | None:
        """The version in `staging`, where it is newer than `production`: after a rollback it waits for nothing."""
        known = self.aliases or {}
        production, staging = known.get(Alias.PRODUCTION), known.get(Alias.STAGING)
        return staging if production and staging and int(staging) > int(production) else None

    @property
    def no_version(self) -> bool:
        """MLflow answered, and the model has no version in production or staging yet."""
        return self.aliases is not None and self.version is None

    def columns(self, version: str) -> Columns | None:
        """Those of a version that has answered; None: unknown, for now. Asks MLflow about each version once."""
        for reference in (self.reference, self.waiting):
            if reference is not None and version == reference.version:
                return reference.columns
        return self._versions.columns(version)

    def refresh(self) -> None:
        """Ask MLflow once. Keeps the reference there is when it cannot be asked, or gives none that can be used."""
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
        _log.info("reference: version %s, %s", version, {k: len(v) for k, v in found.rows.items()})
        return found

    def _of_staging(self) -> Reference | None:
        """None also where it cannot be used: then no drift is known to it, and each is published."""
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
