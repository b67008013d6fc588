"""The fresh rows of a training: how one step sets them down from the record, and the others read them.

External: the record (`components.storage`), and `python3 -m loop freeze`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.access import Access
from components.kit.connections import RecordStore
from components.kit.labels import selector
from components.kit.network import allow
from components.kit.pod import plain_env
from components.training.plan import RowsPlan
from components.training.pods import known as spelled_out
from components.training.template import APP
from contract.names import Env
from contract.outcome_commands import Freeze
from contract.training_data import TRAININGS
from settings.model import TrainingData


def rows_access(record: RecordStore | None, model: str) -> Mapping[str, Output[Access]]:
    """`freezing`: the model's record; `reading`: what was set down for the workflow, by a key that reads no more.

    Nothing, where the model does not train on its record.
    """
    if record is None or model not in record.freezers:
        return {}
    freezer, trainer = record.freezers[model], record.trainers[model]
    rows = Output.concat(record.folder(trainer, model), f"/{TRAININGS}/{{{{workflow.uid}}}}")
    freezing = freezer.access + Access(env=plain_env({Env.RECORD: record.folder(freezer, model)}))
    reading = trainer.access + Access(env=plain_env({Env.TRAINING_ROWS: rows}))
    return {"freezing": spelled_out(freezing), "reading": spelled_out(reading)}


def rows_plan(data: TrainingData | None, model: str, delay: timedelta, known: Mapping[str, Any]) -> RowsPlan | None:
    """The plan for fresh rows; `known` is `rows_access` with everything known."""
    if data is None:
        return None
    freeze = Freeze(model=model, recent=data.recent, delay=delay, min_rows=data.min_rows)
    return RowsPlan(freeze=freeze, freezing=known["freezing"], reading=known["reading"])


def allow_rows(
    name: str, record: RecordStore | None, model: str, namespace: pulumi.Input[str], child: ResourceOptions
) -> None:
    """Lets the steps that use the rows reach the store."""
    if record is None or model not in record.freezers:
        return
    for step in ("freeze", "train", "evaluate"):
        allow(
            f"{name}-{step}-rows",
            namespace=namespace,
            selector=selector(APP, name, step),
            egress=record.freezers[model].egress,
            opts=child,
        )
