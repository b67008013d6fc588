"""What runs in the pod of each step of a training: the image, the command, its rights and its environment.

External: the commands (`python3 -m loop …`, contract in docs/training-contract.md) and the images they are in.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from components.kit.access import NOTHING
from components.kit.pod import SCRATCH
from components.kit.surroundings import placement, spelled_access, with_devices
from components.training.metrics import CANARIES, COOLDOWNS
from components.training.plan import CanaryPlan, RowsPlan, TrainingPlan
from components.training.pods import (
    OUTPUT,
    SHORT,
    UNJUDGED,
    LoopPod,
    input_parameter,
    result,
    workflow_parameter,
)
from contract import gate, names
from contract.commands import Canary, Cooldown, Evaluate, Register, ReportFailure, Settle, Train
from contract.names import Alias, Env


def pods(plan: TrainingPlan) -> dict[str, LoopPod]:
    """The pod of each kind of step, under the name of its template."""
    common = {
        "MLFLOW_TRACKING_URI": plan.tracking_uri,
        Env.MODEL: plan.model,
        Env.WORKFLOW: "{{workflow.name}}",
        Env.WORKFLOW_UID: "{{workflow.uid}}",
        Env.OUTPUT: OUTPUT,
        "HOME": SCRATCH,
    }
    made = _user_pods(plan, common) | _registry_pods(plan, common)
    if plan.rows is not None:
        made |= _freezing_pods(plan.rows, plan, common)
    if plan.cooldown is not None:
        made |= _cooldown_pods(plan, plan.cooldown, common)
    if plan.canary is not None:
        made["canary"] = _canary_pod(plan, plan.canary, common)
    return made


def _user_pods(plan: TrainingPlan, common: Mapping[str, str]) -> dict[str, LoopPod]:
    """The pods that run the user's code, in the user's image."""
    env = {
        **common,
        Env.DATA_URI: plan.data_uri,
        Env.PARAMETERS: json.dumps(dict(plan.parameters)),
        Env.TRIGGER: workflow_parameter("trigger"),
        Env.RECIPE: _recipe(plan),
    }
    train = LoopPod(
        image=plan.image,
        command=Train(command=plan.commands.train),
        env=env | {Env.WATCHED: json.dumps(list(plan.watched))} | _server(plan),
        seconds=plan.timeout,
        resources=with_devices(plan.resources, plan.around),
        uses=spelled_access(plan.around) + (plan.rows.reading if plan.rows else NOTHING),
        placement=placement(plan.around),
    )
    evaluate = replace(
        train,
        command=Evaluate(command=plan.commands.evaluate),
        env=env | _gate(plan) | {Env.MEASURED: input_parameter("measured")},
        inputs=["measured"],
        resources=with_devices(plan.evaluate_resources, plan.around),
    )
    return {"train": train, "evaluate": evaluate}


def _freezing_pods(rows: RowsPlan, plan: TrainingPlan, common: Mapping[str, str]) -> dict[str, LoopPod]:
    return {"freeze": LoopPod(image=plan.loop_image, command=rows.freeze, env=common, uses=rows.freezing)}


def _registry_pods(plan: TrainingPlan, common: Mapping[str, str]) -> dict[str, LoopPod]:
    """The pods that write to the registry, as the gate's account."""
    return {
        "register": LoopPod(
            image=plan.loop_image,
            command=Register(),
            account=plan.accounts.gate,
            env={**common, **_registration(plan)},
            uses=plan.signs,
            outputs=[
                result("version", names.VERSION_FILE),
                result("gate", names.GATE_FILE),
                result("message", names.MESSAGE_FILE),
            ],
        ),
        "report-failure": LoopPod(
            image=plan.loop_image,
            command=ReportFailure(),
            account=plan.accounts.gate,
            env=common,
            calls_api=True,
            retry=None,
        ),
    }


def _cooldown_pods(plan: TrainingPlan, cooldown: int, common: Mapping[str, str]) -> dict[str, LoopPod]:
    """The pods that ask the cooldown and settle it. They exit with 1 while they cannot know, to be tried again."""
    settle = LoopPod(
        image=plan.loop_image,
        command=_settle(plan, cooldown),
        env=common,
        account=plan.accounts.cooldown,
        calls_api=True,
        retry=None,
    )
    ask = replace(
        settle,
        command=_cooldown(plan, cooldown),
        outputs=[
            result("granted", names.GRANTED_FILE, global_name="granted"),
            result("message", names.MESSAGE_FILE),
        ],
        counted=COOLDOWNS.counter(plan.model),
    )
    return {"cooldown": ask, "settle": settle}


def _canary_pod(plan: TrainingPlan, canary: CanaryPlan, common: Mapping[str, str]) -> LoopPod:
    """The pod that brings the version into the staging service and watches it there: one pod for both, as each takes
    time to start.
    """
    return LoopPod(
        image=plan.loop_image,
        command=_canary(plan, canary),
        inputs=["version"],
        env=common,
        account=plan.accounts.rollout,
        calls_api=True,
        # There, and back again.
        seconds=SHORT + int(canary.watching.watch) + 2 * plan.rollout,
        uses=canary.kafka,
        retry=UNJUDGED,
        counted=CANARIES.counter(plan.model),
    )


def _registration(plan: TrainingPlan) -> dict[str, str]:
    return {
        Env.BASELINE: str(Alias.PRODUCTION) if plan.gate.compare else "",
        Env.TRIGGER: workflow_parameter("trigger"),
        Env.FEATURE: workflow_parameter("feature"),
        Env.P_VALUE: workflow_parameter("p_value"),
        Env.EVENT_ID: workflow_parameter("event_id"),
        Env.EVIDENCE: workflow_parameter("evidence"),
        **_gate(plan),
        Env.IMAGE: plan.image,
        Env.RECIPE: _recipe(plan),
    }


def _recipe(plan: TrainingPlan) -> str:
    """Of all that a model is made of besides its rows: what has changed of it is worth a training."""
    around = spelled_access(plan.around)
    parts = [plan.image, list(plan.commands.train), dict(plan.parameters), plan.data_uri, around.env]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _server(plan: TrainingPlan) -> dict[str, str]:
    """What a server has, so that the candidate is known to fit into it."""
    memory: dict[str, str] = {} if plan.server_memory is None else {Env.SERVER_MEMORY: str(plan.server_memory)}
    return memory | {Env.SERVER_SECONDS: str(plan.rollout)} if plan.canary else {}


def _gate(plan: TrainingPlan) -> dict[str, str]:
    slices: dict[str, str] = {Env.SLICES: plan.gate.slices.to_json()} if plan.gate.slices else {}
    return {Env.GATE: gate.to_json(plan.gate.criteria), **slices}


def _cooldown(plan: TrainingPlan, cooldown: int) -> Cooldown:
    return Cooldown(
        model=plan.model,
        feature=workflow_parameter("feature"),
        event_id=workflow_parameter("event_id"),
        run="{{workflow.uid}}",
        cooldown=timedelta(seconds=cooldown),
    )


def _settle(plan: TrainingPlan, cooldown: int) -> Settle:
    return Settle(
        model=plan.model,
        feature=workflow_parameter("feature"),
        run="{{workflow.uid}}",
        workflow="{{workflow.name}}",
        status="{{workflow.status}}",
        cooldown=timedelta(seconds=cooldown),
    )


def _canary(plan: TrainingPlan, canary: CanaryPlan) -> Canary:
    return Canary(
        namespace=plan.namespace,
        model=plan.model,
        version=input_parameter("version"),
        staging=canary.staging_service,
        production=canary.production_service,
        timeout=plan.rollout,
        watching=canary.watching,
    )
