"""The workflow of one training, written with hera: what runs in which order, with which rights and until when.

    drift: cooldown, then the pipeline if it was granted        pipeline: freeze, if fresh rows are asked for
                                                                          train
    else:  the pipeline                                                   evaluate the candidate | and production
                                                                          register, and stage it if the gate passed
                                                                          roll staging out and watch it, if served
    on failure: record why, at the run or at the model
    at the end of a run that was granted: settle the cooldown by how it ended

What runs in each step's pod: `step_pods.py`.
"""

from typing import Any, Final

from hera.workflows import Parameter, Step, Steps, WorkflowTemplate
from hera.workflows import models as argo

from components.training.metrics import TRAININGS
from components.training.plan import TrainingPlan
from components.training.pods import SHORT, pod_template, step_output, workflow_defaults, workflow_parameter
from components.training.step_pods import pods
from contract import names
from contract.names import Measured, Trigger
from settings.values.cron import zoned

PARAMETERS: Final = ("trigger", "feature", "p_value", "event_id", "evidence")
"""What a run is told. The trigger `drift` needs the next three; `evidence` is for the report."""
GRANTED: Final = "(workflow.outputs?.parameters?.granted ?? '') == 'true'"
"""Whether the cooldown has granted the run, for its end: a refused run has nothing to settle."""


def workflow_spec(plan: TrainingPlan) -> dict[str, Any]:
    """The spec of the WorkflowTemplate."""
    with WorkflowTemplate(
        name=plan.name,
        namespace=plan.namespace,
        entrypoint="main",
        on_exit="exit",
        arguments=_arguments(),
        metrics=TRAININGS.counter(plan.model),
        workflow_metadata=argo.WorkflowMetadata(labels={names.MODEL_LABEL: plan.model}),
        # Its own steps, and those of the run it may have to wait for. Stops what is never scheduled, too.
        active_deadline_seconds=2 * (2 * plan.timeout + (3 if plan.rows else 2) * SHORT + _rolling(plan)),
        **workflow_defaults(plan.accounts.train, plan.labels, plan.image_pull_secrets),
    ) as workflow:
        for name, pod in pods(plan).items():
            pod_template(name, pod)
        _pipeline(plan)
        _main(plan)
        with Steps(name="exit") as ending, ending.parallel():
            Step(name="record", template="report-failure", when="{{workflow.status}} != Succeeded")
            if plan.cooldown is not None:
                Step(name="settle", template="settle", when=f"{{{{= {GRANTED} }}}}")
    return workflow.to_dict()["spec"]


def _rolling(plan: TrainingPlan) -> int:
    """Seconds that rollout and canary may take together."""
    return SHORT + int(plan.canary.watching.watch) + 2 * plan.rollout if plan.canary else 0


def schedule_spec(model: str, template: str, cron: str) -> dict[str, Any]:
    """The spec of the CronWorkflow that starts the template."""
    reference = argo.WorkflowTemplateRef(name=template)
    arguments = argo.Arguments(parameters=[argo.Parameter(name="trigger", value=Trigger.SCHEDULE)])
    # Argo puts its time zone in front of the schedule, where it allows only one.
    timezone, schedule = zoned(cron)
    return argo.CronWorkflowSpec(
        schedules=[schedule],
        timezone=timezone,
        concurrency_policy="Forbid",
        # A controller that was away at the time catches up, but not a day later.
        starting_deadline_seconds=3600,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_metadata=argo.ObjectMeta(labels={names.MODEL_LABEL: model}),
        workflow_spec=argo.WorkflowSpec(workflow_template_ref=reference, arguments=arguments),
    ).model_dump(by_alias=True, exclude_none=True)


def _arguments() -> list[Parameter]:
    trigger = Parameter(
        name="trigger",
        value=str(Trigger.MANUAL),
        enum=[str(each) for each in Trigger],
        description="Why the model is trained.",
    )
    event = [Parameter(name=name, value="", description="With the trigger drift.") for name in PARAMETERS[1:]]
    return [trigger, *event]


def _main(plan: TrainingPlan) -> None:
    """A drift event is refused at once: only granted ones wait for the model's mutex."""
    if plan.cooldown is None:
        with Steps(name="main"):
            Step(name="pipeline", template="pipeline")
        return
    with Steps(name="after-cooldown"):
        asked = Step(name="cooldown", template="cooldown")
        Step(name="pipeline", template="pipeline", when=f"{step_output(asked, 'granted')} == true")
    trigger = workflow_parameter("trigger")
    with Steps(name="main") as main, main.parallel():
        Step(name="after-cooldown", template="after-cooldown", when=f"{trigger} == {Trigger.DRIFT}")
        Step(name="pipeline", template="pipeline", when=f"{trigger} != {Trigger.DRIFT}")


def _pipeline(plan: TrainingPlan) -> None:
    """The results of train and evaluate go through MLflow: what their pods leave, a user's code may have written."""
    mutex = argo.Mutex(name=plan.name)
    with Steps(name="pipeline", synchronization=argo.Synchronization(mutexes=[mutex])) as steps:
        if plan.rows is not None:
            Step(name="freeze", template="freeze")
        Step(name="train", template="train")
        with steps.parallel():
            _evaluate("evaluate", Measured.CANDIDATE)
            if plan.gate.compare:
                _evaluate("evaluate-production", Measured.PRODUCTION)
        registered = Step(name="register", template="register")
        version, passed = (
            step_output(registered, "version"),
            f"{step_output(registered, 'gate')} == {names.GateResult.PASSED}",
        )
        if plan.canary:
            Step(name="canary", template="canary", arguments={"version": version}, when=passed)


def _evaluate(name: str, measured: Measured) -> Step:
    return Step(name=name, template="evaluate", arguments={"measured": str(measured)})
