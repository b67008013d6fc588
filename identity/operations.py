"""What requests do, by MLflow's own routes, and which right each takes where it concerns a guarded model.

Every route of MLflow that is not a plain read is in one of the sets. A test compares them with the server's routes, so
that no new version of MLflow brings a way past them. A route in no set is closed.
"""

import re
from enum import StrEnum
from typing import Final

from mlflow.server import app as flask_app
from werkzeug.exceptions import HTTPException

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, on any route of MLflow."""


def _names(lines: str) -> frozenset[str]:
    return frozenset(line.strip() for line in lines.strip().splitlines())


class Right(StrEnum):
    """The right that a request takes."""

    FREE = "free"
    TRAINING = "training"
    GATE = "gate"
    HEALING = "healing"
    """To put `production` back where the last promotion left it: part of an operation, see `guard`."""
    PROMOTION = "promotion"
    CLOSED = "closed"
    """No account has it."""


FREE: Final = _names("""
    POST graphql
    POST artifacts/presigned-download-url
    POST datasets/search
    POST experiments/search
    POST experiments/search-datasets
    POST issues/search
    POST logged-models/search
    POST prompt-optimization/jobs/search
    POST registered-models/get-latest-versions
    POST runs/search
    POST traces/batchGetInfos
    POST traces/calculate-filter-correlation
    POST traces/metrics
    POST traces/search
    POST ui-telemetry
""")
"""Reads with a body."""

TRAINING: Final = _names("""
    POST artifacts/presigned-upload-url
    POST datasets/<dataset_id>/add-experiments
    POST datasets/<dataset_id>/records
    POST datasets/<dataset_id>/remove-experiments
    PATCH datasets/<dataset_id>/tags
    POST datasets/create
    POST experiments/create
    POST experiments/set-experiment-tag
    POST issues
    PATCH issues/<issue_id>
    POST label-schemas/create
    PATCH label-schemas/update
    POST logged-models
    PATCH logged-models/<model_id>
    POST logged-models/<model_id>/params
    PATCH logged-models/<model_id>/tags
    PUT mlflow-artifacts/artifacts/<path:artifact_path>
    POST review-queues/create
    POST review-queues/get-or-create-user
    POST review-queues/items/add
    POST review-queues/items/remove
    POST review-queues/items/set-status
    POST review-queues/update
    POST runs/create
    POST runs/delete-tag
    POST runs/log-batch
    POST runs/log-inputs
    POST runs/log-metric
    POST runs/log-model
    POST runs/log-parameter
    POST runs/outputs
    POST runs/set-tag
    POST runs/update
    PUT scorers/online-config
    POST scorers/register
    POST traces
    PATCH traces/<request_id>
    PATCH traces/<request_id>/tags
    DELETE traces/<request_id>/tags
    POST traces/<trace_id>/assessments
    DELETE traces/<trace_id>/assessments/<assessment_id>
    PATCH traces/<trace_id>/assessments/<assessment_id>
    PATCH traces/<trace_id>/tags
    DELETE traces/<trace_id>/tags
    POST traces/link-prompts
    POST traces/link-to-run
    POST upload-artifact
    POST v1/traces
""")
"""Writes of runs, artifacts and whatever else an experiment holds: what a user's code needs."""

FILES: Final = _names("""
    POST artifacts/presigned-upload-url
    PUT mlflow-artifacts/artifacts/<path:artifact_path>
    POST upload-artifact
""")
"""Those of `TRAINING` that write files. Only the promotion may write to what a version was registered from."""

GATE: Final = _names("""
    POST model-versions/create
    POST model-versions/set-tag
    PATCH model-versions/update
    DELETE registered-models/alias
    POST registered-models/alias
    POST registered-models/create
    POST registered-models/set-tag
    PATCH registered-models/update
""")
"""Writes of versions and their tags, and of the alias `staging` alone (`guard`)."""

PROMOTION: Final = _names("""
    DELETE datasets/<dataset_id>
    DELETE datasets/<dataset_id>/records
    DELETE datasets/<dataset_id>/tags/<key>
    POST experiments/delete
    POST experiments/delete-experiment-tag
    POST experiments/restore
    POST experiments/update
    DELETE label-schemas/delete
    DELETE logged-models/<model_id>
    DELETE logged-models/<model_id>/tags/<tag_key>
    DELETE mlflow-artifacts/artifacts/<path:artifact_path>
    POST mlflow-artifacts/mpu/abort/<path:artifact_path>
    POST mlflow-artifacts/mpu/complete/<path:artifact_path>
    POST mlflow-artifacts/mpu/create/<path:artifact_path>
    DELETE model-versions/delete
    DELETE model-versions/delete-tag
    POST model-versions/transition-stage
    DELETE registered-models/delete
    DELETE registered-models/delete-tag
    POST registered-models/rename
    POST review-queues/delete
    POST runs/delete
    POST runs/restore
    DELETE scorers/delete
    POST traces/delete-traces
""")
"""Deletes, restores and renames, which take something out of sight or out from under its guard; and uploads in parts.

The latter bypass the server; no client does them unless told to.
"""

CLOSED: Final = _names("""
    POST demo/delete
    POST demo/generate
    POST genai/evaluate/invoke
    POST issues/invoke
    PATCH jobs/cancel/<job_id>
    POST prompt-optimization/jobs
    DELETE prompt-optimization/jobs/<job_id>
    POST prompt-optimization/jobs/<job_id>/cancel
    POST runs/create-promptlab-run
    POST scorer/invoke
    POST workspaces
    DELETE workspaces/<workspace_name>
    PATCH workspaces/<workspace_name>
""")
"""Jobs of the server, which would write with the server's rights, and workspaces, which it does not have."""

SETS: Final = {
    Right.FREE: FREE,
    Right.TRAINING: TRAINING,
    Right.GATE: GATE,
    Right.PROMOTION: PROMOTION,
    Right.CLOSED: CLOSED,
}
_PREFIX: Final = re.compile(r"^/(?:(?:ajax-)?api/\d\.\d/?(?:mlflow/)?)?")
_ROUTES: Final = flask_app.url_map.bind("")


def short(route: str) -> str:
    """A route without its prefix: one operation has paths for programs and for browsers, in several versions."""
    return _PREFIX.sub("", route)


def operation(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The operation of a request, as the sets above name it, and the variables of its path."""
    try:
        rule, variables = _ROUTES.match(path, method, return_rule=True)
    except HTTPException:
        # A route of FastAPI, or none. Also where Flask would redirect: FastAPI may have an answer.
        return f"{method} {short(path)}", {}
    return f"{method} {short(rule.rule)}", dict(variables)


def right(name: str) -> Right:
    """The right that an operation takes where it concerns a guarded model."""
    return next((each for each, names in SETS.items() if name in names), Right.CLOSED)
