"""Every name that two parts of the loop share: aliases, environment variables, tags, labels, files, topics, ports."""

from enum import StrEnum
from typing import Final


class Alias(StrEnum):
    """Aliases of a registered model: which of its versions is used where."""

    STAGING = "staging"
    """Set by the training workflow: the newest version that passed its gate."""
    PRODUCTION = "production"
    """Set by a promotion, and put back by healing; by nothing else."""
    PREVIOUS = "previous"
    """The version that `production` named before the last promotion: the target of a rollback."""


class Env(StrEnum):
    """Environment variables of the loop's pods, besides MLflow's own (`MLFLOW_TRACKING_URI`)."""

    MODEL = "ML_LOOP_MODEL"
    """The registered model's name."""
    DATA_URI = "ML_LOOP_DATA_URI"
    """Where the data is; empty when the image brings its own."""
    PARAMETERS = "ML_LOOP_PARAMETERS"
    """The training parameters, a JSON object."""
    WATCHED = "ML_LOOP_WATCHED"
    """Features that the detector watches, a JSON list."""
    OUTPUT = "ML_LOOP_OUTPUT"
    """The folder to write results to."""
    MODEL_URI = "ML_LOOP_MODEL_URI"
    """The model to measure, for `mlflow.pyfunc.load_model`."""
    MEASURED = "ML_LOOP_MEASURED"
    """Which model the step `evaluate` measures: a `Measured`."""
    MODEL_VERSION = "ML_LOOP_MODEL_VERSION"
    """Version that a serving pod must load, whatever the alias names by then; empty: resolve the alias."""
    SERVER_MEMORY = "ML_LOOP_SERVER_MEMORY"
    """Bytes that a server of the model may use; empty: no limit, or there is no server."""
    SERVER_SECONDS = "ML_LOOP_SERVER_SECONDS"
    """Seconds that a server of the model may take to start; empty: there is no server."""
    TRIGGER = "ML_LOOP_TRIGGER"
    """Why the training was started, a `Trigger`."""
    FEATURE = "ML_LOOP_FEATURE"
    """The feature that drifted."""
    P_VALUE = "ML_LOOP_P_VALUE"
    """The drift event's adjusted p-value."""
    EVENT_ID = "ML_LOOP_EVENT_ID"
    """The drift event's id."""
    EVIDENCE = "ML_LOOP_EVIDENCE"
    """What the detector saw in the event's window (`contract.evidence`); empty, or `none`: nothing is told."""
    IMAGE = "ML_LOOP_IMAGE"
    """Reference of the user's image."""
    RECIPE = "ML_LOOP_RECIPE"
    """SHA-256 of all that a model is made of besides its rows, hex: image, train command, parameters, surroundings."""
    SOURCE_COMMIT = "SOURCE_COMMIT"
    """Commit of the user's code; the image's build sets it."""
    WORKFLOW = "ML_LOOP_WORKFLOW"
    """Name of the workflow a training step runs in."""
    WORKFLOW_UID = "ML_LOOP_WORKFLOW_UID"
    """The workflow's uid, by which its steps find its run (`RunTag.WORKFLOW_UID`)."""
    GATE = "ML_LOOP_GATE"
    """What the gate asks of each metric (`contract.gate`), as JSON."""
    SLICES = "ML_LOOP_SLICES"
    """Groups of the evaluated rows that the gate compares one by one (`contract.gate`), as JSON; empty: none."""
    BASELINE = "ML_LOOP_BASELINE"
    """Alias of the version that a candidate must not be worse than; empty: the gate asks for its bounds only."""
    PATIENCE = "ML_LOOP_MLFLOW_PATIENCE"
    """Seconds that a step waits for an MLflow that does not answer; default 180."""
    TRACKING_TOKEN_FILE = "ML_LOOP_TRACKING_TOKEN_FILE"  # noqa: S105  a variable's name
    """File with the token that says to MLflow who the pod is; without it the pod only reads."""
    KAFKA = "KAFKA_BOOTSTRAP_SERVERS"
    """Kafka's brokers as host:port, separated by commas; without it nothing is published or read."""
    SIGNING_KEY_FILE = "ML_LOOP_SIGNING_KEY_FILE"
    """File with the private key that the step `register` signs with; without it nothing is signed."""
    SIGNATURE_KEY = "ML_LOOP_SIGNATURE_KEY"
    """The public key of signatures, PEM; without it none is looked at."""
    SIGNATURE_REQUIRED = "ML_LOOP_SIGNATURE_REQUIRED"
    """`true`: a version without a signature is refused."""
    RECORD = "ML_LOOP_RECORD"
    """Folder of a model's record of predictions and outcomes, as `s3://BUCKET/FOLDER`."""
    TRAINING_ROWS = "ML_LOOP_TRAINING_ROWS"
    """Folder of the rows that were set down for this workflow, as `s3://BUCKET/FOLDER`; empty: fresh rows are not asked
    for."""
    IDENTITY_POLICY = "ML_LOOP_IDENTITY_POLICY"
    """File with the guarded models and who may change what of them; MLflow's servers read it."""
    IDENTITY_METRICS_PORT = "ML_LOOP_IDENTITY_METRICS_PORT"
    """Port at which MLflow's servers answer Prometheus."""


class Trigger(StrEnum):
    """Why a training was started."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    DRIFT = "drift"
    """Needs the event's feature, p-value and id."""


class Measured(StrEnum):
    """Which model an evaluation measured."""

    CANDIDATE = "candidate"
    """The model that the workflow's run has logged."""
    PRODUCTION = "production"
    """The version in production, on the same rows."""


class RunTag(StrEnum):
    """Tags of a training run, by which a workflow's steps hand results to each other.

    Only the model's own training has the right to write them (docs/identities.md).
    """

    WORKFLOW_UID = "ml-loop.workflow-uid"
    """Uid of the workflow that the run belongs to; of two runs of one workflow, the later one counts."""
    CANDIDATE = "ml-loop.evaluation.candidate"
    """What the workflow's evaluation of the candidate found (`loop.training.evaluations`), as JSON."""
    PRODUCTION = "ml-loop.evaluation.production"
    """The same of the version in production."""


class Tag(StrEnum):
    """Tags of a model version."""

    SOURCE_COMMIT = "ml-loop.source-commit"
    """The run's `GIT_COMMIT_TAG`; a version of a run without it has none."""
    IMAGE = "ml-loop.image"
    """The image that it was trained in, and is served in."""
    DATA_FINGERPRINT = "ml-loop.data-fingerprint"
    RECIPE = "ml-loop.recipe"
    """SHA-256 of all that it was made of besides its rows (`Env.RECIPE`)."""
    MODEL_DIGEST = "ml-loop.model-digest"
    """SHA-256 over the files of its model (`loop.runtime.digests`): only what was judged is served."""
    REFERENCE_DIGEST = "ml-loop.reference-digest"
    """The same over the files of the run's folder `reference`."""
    SIGNATURE = "ml-loop.signature"
    """Signature of its model's files by the gate's step (`loop.runtime.signatures`): the version passed."""
    TRIGGER = "ml-loop.trigger"
    """Why it was trained: `manual`, `schedule` or `drift:<feature>`."""
    EVENT_ID = "ml-loop.event-id"
    P_VALUE = "ml-loop.p-value"
    """The drift event's adjusted p-value."""
    DRIFT_EVIDENCE = "ml-loop.drift-evidence"
    """SHA-256 of the run's `DRIFT_EVIDENCE`: what the loop left there, and no code that trains."""
    DRIFT_REPORT = "ml-loop.drift-report"
    """Where MLflow's pages show the run's `DRIFT_REPORT`, behind `#/`."""
    GATE = "ml-loop.gate"
    """`passed` or `rejected`."""
    GATE_REPORT = "ml-loop.gate-report"
    """The gate's decision as JSON: reason, data, production_version; for the first metric, and in `metrics` for each:
    metric, direction, candidate, minimum or maximum, production, tolerance, interval of the difference; and slices."""
    WORKFLOW = "ml-loop.workflow"
    """Name of the workflow that made the version; makes registration idempotent."""
    REJECTED = "ml-loop.rejected"
    """Why the version was taken back when it was live. While it has this tag, it never goes live again."""
    PROMOTED = "ml-loop.promoted"
    """When the version was first left in production after it had been watched, ISO 8601."""


CANARY: Final = "ml-loop.canary."
"""Tags of a version that begin so hold what the canary saw: one for each of `judge.Verdict.numbers`."""


class GateResult(StrEnum):
    """Values of `Tag.GATE`."""

    PASSED = "passed"
    REJECTED = "rejected"


NOTHING_NEW: Final = "unchanged"
"""What the step `register` says instead of a gate's result: an earlier version was made of the same by the same.

One word: Argo's language of conditions takes a hyphen for a minus.
"""

GIT_COMMIT_TAG: Final = "mlflow.source.git.commit"
"""Tag of a training run, MLflow's own: the commit of the code that ran."""

FAILURE_TAG: Final = "ml-loop.failure"
"""Tag of a training run, or of the registered model where there is no run yet: why the workflow failed."""

PROMOTION_TAG: Final = "ml-loop.promotion"
"""Tag of a registered model while a promotion is under way: what is needed to finish it or to go back, as JSON."""

PRODUCTION_TAG: Final = "ml-loop.production"
"""Tag of a registered model: the version that the last promotion left in production."""

PROMOTION_TAGS: Final = frozenset({PROMOTION_TAG, PRODUCTION_TAG, Tag.PROMOTED})
"""The tags of a model and of a version that keep a promotion's state: forging them would decide about production."""

REFERENCE_ARTIFACT: Final = "reference/window.csv"
"""Artifact of a training run: the rows drift is measured against, as CSV. Header = the inputs' names, in order."""

REFERENCE_PARQUET: Final = "reference/window.parquet"
"""The same rows with their types and nulls, beside the CSV or instead of it."""

ANSWERS_ARTIFACT: Final = "reference/predictions.json"
"""The model's answer to each of those rows, its leading value, written by the step `train`."""

DATA_FINGERPRINT_PARAM: Final = "data_fingerprint"
"""Param of every training run: SHA-256 of the training data, hex."""

MODEL_ARTIFACT: Final = "model"
"""Name the training run logs its model under."""

REFERENCE_MIN_ROWS: Final = 100
"""The fewest reference rows that can tell drift from chance."""

RUN_ID_FILE: Final = "run_id"
"""Written by the user's train command: the id of its MLflow run."""
METRICS_FILE: Final = "metrics.json"
"""Written by the user's evaluate command: metric name -> finite number."""
EVALUATED_ROWS: Final = ("rows.csv", "rows.parquet")
"""The user's evaluate command may write one of them: a line for each row that it measured on (`training.rows`)."""
DRIFT_FOLDER: Final = "drift"
"""Artifact of a training that drift has started: the report on it, as pages and pictures."""
DRIFT_REPORT: Final = f"{DRIFT_FOLDER}/report.html"
DRIFT_EVIDENCE: Final = f"{DRIFT_FOLDER}/evidence.json"
"""The same as data: a `contract.looks.LooksAnswer`."""
EVALUATED_ROWS_FOLDER: Final = "evaluation"
"""Folder of a training run's artifacts: below it, by what was measured, the evaluated rows."""
DATA_FINGERPRINT_FILE: Final = "data_fingerprint"
"""Written by the user's evaluate command: SHA-256 of the rows it measured on, hex."""
VERSION_FILE: Final = "version"
"""Written by the step `register`: the model version; with `NOTHING_NEW` the earlier one."""
GATE_FILE: Final = "gate"
"""Written by the step `register`: `passed`, `rejected` or `NOTHING_NEW`."""
GRANTED_FILE: Final = "granted"
"""Written by the step `cooldown`: `true` or `false`."""
MESSAGE_FILE: Final = "message"
"""Written by the steps `cooldown` and `register`: what came of it, in one sentence."""

VERSION_ANNOTATION: Final = "ml-loop.dev/model-version"
"""Annotation of an InferenceService's predictor: the version all pods of this rollout serve."""

EXIT_FAILED: Final = 1
"""Exit code of a command that has said why it failed, and would only fail again."""
EXIT_VERDICT: Final = 3
"""Exit code of a promotion or a canary whose version was refused or taken back. No crash ends a process with it."""
EXIT_TRY_AGAIN: Final = 75
"""Exit code of a promotion or a canary while nothing is known about the version, whatever the reason."""

PREDICTIONS_TOPIC: Final = "ml.predictions"
"""Key: tenant. Value: `messages.Prediction`."""
OUTCOMES_TOPIC: Final = "ml.outcomes"
"""Key: the prediction's id. Value: `outcomes.ObservedOutcome`."""
DRIFT_TOPIC: Final = "ml.drift"
"""Key: model. Value: `messages.DriftEvent`."""

PERFORMANCE_FEATURE: Final = "performance:"
"""Prefix of the feature of an event about a metric of outcomes; the metric's name follows."""
NEW_ROWS: Final = "data:rows"
"""The feature of an event which says that enough rows have got their outcome."""

MODEL_LABEL: Final = "ml-loop.dev/model"
"""Label of what belongs to one model's loop."""
TRIGGER_LABEL: Final = "ml-loop.dev/trigger"
"""Label of a Workflow: its `Trigger`."""

VERSION_HEADER: Final = "X-Model-Version"
"""Header of a model server's answers: the version it serves."""
TENANT_HEADER: Final = "X-Tenant"
USER_HEADER: Final = "X-User-Id"
"""Headers of a request: whose the prediction is. The model servers believe them."""
REQUEST_ID_HEADER: Final = "X-Request-Id"
"""Header of a request and of its answer: the id by which its predictions are found again."""

MODEL_FOLDER: Final = "/mnt/models"
"""Where KServe mounts the volume that `fetch` fills and `serve` reads."""
SERVER_PORT: Final = 8080
"""Port of the model servers: predictions and metrics."""
METRICS_PORT: Final = 9090
"""Port of the detector and of the alias watch: /metrics for Prometheus, /healthz and /readyz for the kubelet."""

TRACKING_AUDIENCE: Final = "mlflow"
"""The audience of tokens for MLflow: no other server accepts them, and MLflow accepts no others."""
IDENTITY_APP: Final = "ml-loop-identity"
"""Entry point of the plugin of MLflow's server that identifies callers."""
