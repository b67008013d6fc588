"""One of each thing that can belong to a guarded model, and a request of every kind that would change one of them."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from guarded_server import GATE, TRAIN, GuardedServer


@dataclass(frozen=True)
class Things:
    """Names and ids, by the placeholders that the requests below have for them."""

    model: str
    experiment: str
    run: str
    logged: str
    trace: str
    dataset: str
    issue: str
    schema: str
    queue: str
    unregistered: str
    """A run that no version came from, unlike `run` and `logged`."""

    def fill(self, value: Any) -> Any:
        """A request's text, list or document with its placeholders replaced."""
        match value:
            case str():
                return value.format(**asdict(self))
            case dict():
                return {key: self.fill(each) for key, each in value.items()}
            case list():
                return [self.fill(each) for each in value]
            case _:
                return value


NOTHING = Things(
    model="free", experiment="99", run="0" * 32, logged="m-" + "0" * 32, trace="tr-" + "0" * 32,
    dataset="d-" + "0" * 32, issue="iss-0", schema="ls-0", queue="rq-0", unregistered="0" * 32,
)  # fmt: skip
"""Belongs to nobody."""


def trace_of(experiment: str, trace: str) -> dict[str, Any]:
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    return {"trace": {"trace_info": info}}


def seed(server: GuardedServer) -> Things:
    """Made by the model's training, the registered model and its version by the gate, as the API has it."""
    v2, v3 = "/api/2.0/mlflow", "/api/3.0/mlflow"

    def made(path: str, token: str = TRAIN, **body: Any) -> dict[str, Any]:
        return server.made("POST", path, token, body)

    made(f"{v2}/registered-models/create", GATE, name="guarded")
    experiment = made(f"{v2}/experiments/create", name="guarded")["experiment_id"]
    run = made(f"{v2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    logged = made(f"{v2}/logged-models", experiment_id=experiment, name="model", source_run_id=run)
    made(f"{v3}/traces", **trace_of(experiment, "tr-" + "a" * 32))
    model_id = logged["model"]["info"]["model_id"]
    made(
        f"{v2}/model-versions/create",
        GATE,
        name="guarded",
        source=f"models:/{model_id}",
        run_id=run,
        model_id=model_id,
    )
    schema: dict[str, Any] = {
        "name": "good",
        "type": "FEEDBACK",
        "input": {"pass_fail": {"positive_label": "y", "negative_label": "n"}},
    }
    queue = {"name": "all", "queue_type": "CUSTOM"}
    return Things(
        model="guarded",
        unregistered=made(f"{v2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"],
        experiment=experiment,
        run=run,
        logged=model_id,
        trace="tr-" + "a" * 32,
        dataset=made(f"{v3}/datasets/create", name="rows", experiment_ids=[experiment])["dataset"]["dataset_id"],
        issue=made(f"{v3}/issues", experiment_id=experiment, name="slow", description="s")["issue"]["issue_id"],
        schema=made(f"{v3}/label-schemas/create", experiment_id=experiment, **schema)["label_schema"]["schema_id"],
        queue=made(f"{v3}/review-queues/create", experiment_id=experiment, **queue)["review_queue"]["queue_id"],
    )


class Ask(NamedTuple):
    """A request with placeholders."""

    path: str
    body: Any = None


_MODEL = {"name": "{model}"}
_VERSION = {**_MODEL, "version": "1"}
_EXPERIMENT = {"experiment_id": "{experiment}"}
_RUN = {"run_id": "{run}"}
_KEY = {"key": "k", "value": "1"}
_ARTIFACT = "{experiment}/{unregistered}/artifacts/file"
_ASSESSMENT = {"assessment": {"assessment_name": "a", "trace_id": "{trace}", "feedback": {"value": True}}}

REQUESTS = {
    "POST artifacts/presigned-upload-url": Ask("", {"run_id": "{unregistered}", "path": "file"}),
    "POST datasets/<dataset_id>/add-experiments": Ask(
        "datasets/d-1/add-experiments", {"experiment_ids": ["{experiment}"]}
    ),
    "POST datasets/<dataset_id>/records": Ask("datasets/{dataset}/records", {"records": "[]"}),
    "POST datasets/<dataset_id>/remove-experiments": Ask(
        "datasets/{dataset}/remove-experiments", {"experiment_ids": ["{experiment}"]}
    ),
    "PATCH datasets/<dataset_id>/tags": Ask("datasets/{dataset}/tags", {"tags": '{{"k": "1"}}'}),
    "POST datasets/create": Ask("", {"name": "more", "experiment_ids": ["{experiment}"]}),
    "POST experiments/create": Ask("", _MODEL),
    "POST experiments/set-experiment-tag": Ask("", {**_EXPERIMENT, **_KEY}),
    "POST issues": Ask("", {**_EXPERIMENT, "name": "i", "description": "d"}),
    "PATCH issues/<issue_id>": Ask("issues/{issue}", {"name": "other"}),
    "POST label-schemas/create": Ask("", {**_EXPERIMENT, "name": "s", "type": "FEEDBACK"}),
    "PATCH label-schemas/update": Ask("", {"schema_id": "{schema}", "instruction": "look"}),
    "POST logged-models": Ask("", {**_EXPERIMENT, "name": "model"}),
    "PATCH logged-models/<model_id>": Ask("logged-models/{logged}", {"status": "LOGGED_MODEL_READY"}),
    "POST logged-models/<model_id>/params": Ask("logged-models/{logged}/params", {"params": [_KEY]}),
    "PATCH logged-models/<model_id>/tags": Ask("logged-models/{logged}/tags", {"tags": [_KEY]}),
    "PUT mlflow-artifacts/artifacts/<path:artifact_path>": Ask(f"mlflow-artifacts/artifacts/{_ARTIFACT}", b"bytes"),
    **{
        f"POST mlflow-artifacts/mpu/{step}/<path:artifact_path>": Ask(
            f"mlflow-artifacts/mpu/{step}/{_ARTIFACT}", {"path": "file"}
        )
        for step in ("abort", "complete", "create")
    },
    "POST model-versions/create": Ask(
        "", {**_MODEL, "source": "models:/{logged}", "run_id": "{run}", "model_id": "{logged}"}
    ),
    "POST model-versions/set-tag": Ask("", {**_VERSION, **_KEY}),
    "PATCH model-versions/update": Ask("", {**_VERSION, "description": "d"}),
    "POST registered-models/alias": Ask("", {**_VERSION, "alias": "staging"}),
    "POST registered-models/create": Ask("", _MODEL),
    "POST registered-models/set-tag": Ask("", {**_MODEL, **_KEY}),
    "PATCH registered-models/update": Ask("", {**_MODEL, "description": "d"}),
    "POST review-queues/create": Ask("", {**_EXPERIMENT, "name": "q", "queue_type": "CUSTOM"}),
    "POST review-queues/get-or-create-user": Ask("", {**_EXPERIMENT, "user": "jane"}),
    "POST review-queues/items/add": Ask("", {"queue_id": "{queue}", "item_type": "TRACE", "item_ids": ["{trace}"]}),
    "POST review-queues/items/remove": Ask("", {"queue_id": "{queue}", "item_ids": ["{trace}"]}),
    "POST review-queues/items/set-status": Ask("", {"queue_id": "{queue}", "item_id": "{trace}", "status": "COMPLETE"}),
    "POST review-queues/update": Ask("", {"queue_id": "{queue}", "name": "r"}),
    "POST runs/create": Ask("", _EXPERIMENT),
    "POST runs/delete-tag": Ask("", {**_RUN, "key": "k"}),
    "POST runs/log-batch": Ask("", {**_RUN, "params": [_KEY]}),
    "POST runs/log-inputs": Ask("", {**_RUN, "models": [{"model_id": "{logged}"}]}),
    "POST runs/log-metric": Ask("", {**_RUN, "key": "m", "value": 1, "timestamp": 1}),
    "POST runs/log-model": Ask("", {**_RUN, "model_json": "{{}}"}),
    "POST runs/log-parameter": Ask("", {**_RUN, "key": "p", "value": "1"}),
    "POST runs/outputs": Ask("", {**_RUN, "models": [{"model_id": "{logged}", "step": 0}]}),
    "POST runs/set-tag": Ask("", {**_RUN, **_KEY}),
    "POST runs/update": Ask("", {**_RUN, "run_name": "other"}),
    "PUT scorers/online-config": Ask("", {**_EXPERIMENT, "name": "s", "sample_rate": 0.0}),
    "POST scorers/register": Ask("", {**_EXPERIMENT, "name": "s", "serialized_scorer": "{{}}"}),
    "POST traces": Ask("", trace_of("{experiment}", "tr-of-{experiment}")),
    "PATCH traces/<request_id>": Ask("traces/{trace}", {"timestamp_ms": 1, "status": "OK"}),
    "PATCH traces/<request_id>/tags": Ask("traces/{trace}/tags", _KEY),
    "DELETE traces/<request_id>/tags": Ask("traces/{trace}/tags", {"key": "k"}),
    "POST traces/<trace_id>/assessments": Ask("traces/{trace}/assessments", _ASSESSMENT),
    "DELETE traces/<trace_id>/assessments/<assessment_id>": Ask("traces/{trace}/assessments/a-1"),
    "PATCH traces/<trace_id>/assessments/<assessment_id>": Ask("traces/{trace}/assessments/a-1", _ASSESSMENT),
    "PATCH traces/<trace_id>/tags": Ask("traces/{trace}/tags", _KEY),
    "DELETE traces/<trace_id>/tags": Ask("traces/{trace}/tags", {"key": "k"}),
    "POST traces/link-prompts": Ask("", {"trace_id": "{trace}", "prompt_versions": [{"name": "p", "version": "1"}]}),
    "POST traces/link-to-run": Ask("", {"trace_ids": ["{trace}"], "run_id": "{run}"}),
    "POST upload-artifact": Ask("upload-artifact?run_uuid={unregistered}&path=file", b"bytes"),
    "DELETE datasets/<dataset_id>": Ask("datasets/{dataset}"),
    "DELETE datasets/<dataset_id>/records": Ask("datasets/{dataset}/records", {"dataset_record_ids": ["r"]}),
    "DELETE datasets/<dataset_id>/tags/<key>": Ask("datasets/{dataset}/tags/k"),
    "POST experiments/delete": Ask("", _EXPERIMENT),
    "POST experiments/delete-experiment-tag": Ask("", {**_EXPERIMENT, "key": "k"}),
    "POST experiments/restore": Ask("", _EXPERIMENT),
    "POST experiments/update": Ask("", {**_EXPERIMENT, "new_name": "elsewhere"}),
    "DELETE label-schemas/delete": Ask("", {"schema_id": "{schema}"}),
    "DELETE logged-models/<model_id>": Ask("logged-models/{logged}"),
    "DELETE logged-models/<model_id>/tags/<tag_key>": Ask("logged-models/{logged}/tags/k"),
    "DELETE mlflow-artifacts/artifacts/<path:artifact_path>": Ask(f"mlflow-artifacts/artifacts/{_ARTIFACT}"),
    "DELETE model-versions/delete": Ask("", _VERSION),
    "DELETE model-versions/delete-tag": Ask("", {**_VERSION, "key": "k"}),
    "POST model-versions/transition-stage": Ask("", {**_VERSION, "stage": "Production"}),
    "DELETE registered-models/alias": Ask("", {**_MODEL, "alias": "staging"}),
    "DELETE registered-models/delete": Ask("", _MODEL),
    "DELETE registered-models/delete-tag": Ask("", {**_MODEL, "key": "k"}),
    "POST registered-models/rename": Ask("", {**_MODEL, "new_name": "elsewhere"}),
    "POST review-queues/delete": Ask("", {"queue_id": "{queue}"}),
    "POST runs/delete": Ask("", _RUN),
    "POST runs/restore": Ask("", _RUN),
    "DELETE scorers/delete": Ask("", {**_EXPERIMENT, "name": "s"}),
    "POST traces/delete-traces": Ask("", {**_EXPERIMENT, "request_ids": ["{trace}"]}),
}  # fmt: skip
"""One for each operation, by its name. An empty path is the operation's own."""
