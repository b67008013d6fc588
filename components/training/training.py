"""The training of one model: its WorkflowTemplate, its schedule, the accounts of its steps, and their logs.

External: the bucket for logs (`storage.artifact_store`). Where there is none, logs are read from the pods, which
stay as long as their workflow where they failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.access import NOTHING, Access
from components.kit.connections import Bucket, RecordStore, Tracking
from components.kit.custom import custom_resource, object_name
from components.kit.identities import RoleRule, rolls, step_identity
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, Allowance, allow, pods
from components.kit.signing import signs
from components.kit.surroundings import access
from components.serving.promotion import ROLLOUT_TIMEOUT, watching
from components.serving.serving import APP as SERVERS
from components.storage.log_archive import address, archived
from components.training.fresh_rows import allow_rows, rows_access, rows_plan
from components.training.plan import CanaryPlan, GatePlan, StepAccounts, TrainingPlan
from components.training.pods import known
from components.training.steps import schedule_spec, workflow_spec
from components.training.template import APP, prefix, template_name
from contract.names import MODEL_LABEL, SERVER_PORT, Alias
from settings import Signing
from settings.model import Promotion
from settings.model import Training as TrainingSettings

API_VERSION: Final = "argoproj.io/v1alpha1"
STEPS: Final = ("train", "gate", "cooldown", "rollout")
"""The steps that have accounts."""
WORKFLOWS: Final[RoleRule] = {
    "api_groups": ["argoproj.io"],
    "resources": ["workflows"],
    # No role can know a workflow's name, which holds its time or its event. The exit handler reads it for what failed.
    "verbs": ["list"],
}
LEASES: Final[RoleRule] = {
    "api_groups": ["coordination.k8s.io"],
    "resources": ["leases"],
    # Without names: RBAC cannot restrict `create` by name, and the others' names hold the feature that drifted.
    "verbs": ["get", "create", "update"],
}


@dataclass(frozen=True, kw_only=True)
class TrainingArgs:
    """A model's training, and what it talks to."""

    model: str
    namespace: pulumi.Input[str]
    loop_image: str
    """Image of the loop's own steps."""
    image: str
    """Image with the two commands; it derives from the loop's."""
    tracking: Tracking
    training: TrainingSettings
    cooldown: timedelta | None = None
    """The least time between two trainings that drift asks for. None: drift does not start any."""
    serving: bool = False
    """Whether the model is served: the run then rolls its staging service out, and watches it."""
    promotion: Promotion = field(default_factory=Promotion)
    """How it is watched."""
    kafka: Access = NOTHING
    """Where predictions are read. NOTHING: they are not judged."""
    watched: Sequence[str] = ()
    """Features that the detector watches, which the model must have."""
    image_pull_secrets: Sequence[str] = ()
    """Names of Secrets with which `image` is pulled."""
    rollout_timeout: timedelta = ROLLOUT_TIMEOUT
    """The time after which a rollout is given up."""
    signing: Signing | None = None
    """How the step that registers signs versions. None: it does not."""
    server_memory: int | None = None
    """Bytes that a server of the model may use. None: as many as there are."""
    record: RecordStore | None = None
    """The record, where there is one. Fresh rows are asked for by `training.data`."""
    outcome_delay: timedelta = timedelta()
    """How long after its prediction an outcome counts."""
    logs: Bucket | None = None
    """Where the steps' logs go, for pods of the namespace. None: they stay with their pods."""
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Templates that something still runs by: name → spec, as the cluster has it."""

    @property
    def staging_service(self) -> str | None:
        """The InferenceService that follows the alias `staging`."""
        return f"{self.model}-{Alias.STAGING}" if self.serving else None


class Training(pulumi.ComponentResource):
    """Creates a WorkflowTemplate, a CronWorkflow where there is a schedule, and accounts and policies for its pods.

    A template is never changed: another content is another template, and those in `earlier` stay beside it.

    External: Argo Workflows 3.6 or later, MLflow, the user's image. The pods pass Pod Security restricted whatever the
    controller's config says. No identity here can read Secrets or create pods. In MLflow the user's code writes its own
    model's runs, and the loop's steps write versions and move `staging` (docs/identities.md).
    """

    template: Output[str]
    """The WorkflowTemplate's name, known once it exists."""
    submit: Output[str]
    """The command that trains the model now, and waits."""
    logs: Output[str] | None
    """Folder of the trainings' logs (s3://…). None: they stay with their pods."""

    def __init__(self, name: str, args: TrainingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:training:Training", name, None, opts)
        child = ResourceOptions(parent=self)
        namespace, training = Output.from_input(args.namespace), args.training

        plan = Output.all(
            namespace=namespace,
            tracking_uri=args.tracking.url,
            train=_identity(name, args, "train", (), child),
            gate=_identity(f"{name}-gate", args, "gate", [WORKFLOWS], child),
            cooldown=_cooldown_identity(name, args, child),
            rollout=_rollout_identity(name, args, child),
            kafka=known(args.kafka),
            **rows_access(args.record, args.model),
        ).apply(lambda found: _plan(name, args, found))
        _policies(name, args, child)

        current = _template_name(name, args)
        specs = {**args.earlier, current: plan.apply(lambda known: _spec(known, args))}
        templates = {each: _template(name, each, args, spec, child) for each, spec in specs.items()}
        self.template = object_name(templates[current])
        if (cron := training.schedule) is not None:
            custom_resource(
                f"{name}-schedule",
                API_VERSION,
                "CronWorkflow",
                {"name": prefix(args.model), "namespace": namespace, "labels": labels(APP, name)},
                self.template.apply(lambda reference: schedule_spec(args.model, reference, cron)),
                opts=child,
            )
        # The label is in the template as well, but Argo leaves it out of a workflow that had to wait for others to end.
        labelled = f" -l {MODEL_LABEL}={args.model} --wait"
        self.submit = Output.concat("argo submit --from workflowtemplate/", self.template, " -n ", namespace, labelled)
        self.logs = args.logs and address(args.logs, args.model)
        self.register_outputs({"template": self.template, "submit": self.submit})


def _template(
    name: str, template: str, args: TrainingArgs, spec: pulumi.Input[Mapping[str, Any]], child: ResourceOptions
) -> k8s.apiextensions.CustomResource:
    return custom_resource(
        f"{name}-template{template.removeprefix(prefix(args.model))}",
        API_VERSION,
        "WorkflowTemplate",
        {"name": template, "namespace": args.namespace, "labels": labels(APP, name)},
        spec,
        opts=child,
    )


def _template_name(name: str, args: TrainingArgs) -> str:
    """The template's name, which depends on all that the settings and this code say. Addresses of other objects are
    left out, as none is known yet.
    """
    steps = accounts(args.model, cooldown=args.cooldown is not None, serving=args.serving)
    known = {step: account if (account := f"{args.model}-{step}") in steps else None for step in STEPS}
    spec = workflow_spec(
        _plan(
            name,
            args,
            {**known, "namespace": "", "tracking_uri": "", "kafka": NOTHING, "freezing": NOTHING, "reading": NOTHING},
        )
    )
    return template_name(args.model, [spec, args.logs is not None])


def _spec(plan: TrainingPlan, args: TrainingArgs) -> dict[str, Any]:
    spec = workflow_spec(plan)
    return archived(spec, args.logs, args.model) if args.logs else spec


def _plan(name: str, args: TrainingArgs, known: dict[str, Any]) -> TrainingPlan:
    training, gate = args.training, args.training.gate
    return TrainingPlan(
        model=args.model,
        namespace=known["namespace"],
        tracking_uri=known["tracking_uri"],
        loop_image=args.loop_image,
        image=args.image,
        commands=args.training.commands,
        accounts=StepAccounts(**{step: known[step] for step in STEPS}),
        labels=_pod_labels(name, args),
        resources=training.resources.model_dump(exclude_none=True),
        evaluate_resources=(training.evaluate_resources or training.resources).model_dump(exclude_none=True),
        around=training,
        image_pull_secrets=args.image_pull_secrets,
        rollout=int(args.rollout_timeout.total_seconds()),
        server_memory=args.server_memory,
        gate=GatePlan(criteria=gate.criteria, compare=gate.not_worse_than is not None, slices=gate.sliced),
        data_uri=training.data_uri or "",
        rows=rows_plan(args.record and training.data, args.model, args.outcome_delay, known),
        parameters=training.parameters,
        watched=args.watched,
        timeout=int(training.timeout.total_seconds()),
        cooldown=None if args.cooldown is None else int(args.cooldown.total_seconds()),
        canary=_canary(args, args.staging_service, known["kafka"]) if args.staging_service else None,
        signs=signs(args.signing),
    )


def _pod_labels(name: str, args: TrainingArgs) -> dict[str, str]:
    """The labels that find the pods, and those that the store lets in."""
    return labels(APP, name) | dict(args.logs.client_labels if args.logs else {})


def accounts(model: str, *, cooldown: bool, serving: bool) -> list[str]:
    """The service accounts that steps of a model's training run as: all of them write logs."""
    steps = {"train": True, "gate": True, "cooldown": cooldown, "rollout": serving}
    return [f"{model}-{step}" for step, wanted in steps.items() if wanted]


def _identity(
    name: str, args: TrainingArgs, step: str, rules: Sequence[RoleRule], child: ResourceOptions
) -> Output[str]:
    account = f"{args.model}-{step}"
    return step_identity(
        name,
        account,
        namespace=args.namespace,
        rules=rules,
        annotations=args.logs.annotations.get(account) if args.logs else None,
        opts=child,
    )


def _canary(args: TrainingArgs, staging: str, kafka: Access) -> CanaryPlan:
    return CanaryPlan(
        staging_service=staging,
        production_service=f"{args.model}-{Alias.PRODUCTION}",
        watching=watching(args.promotion),
        kafka=kafka,
    )


def _cooldown_identity(name: str, args: TrainingArgs, child: ResourceOptions) -> Output[str] | None:
    if args.cooldown is None:
        return None
    return _identity(f"{name}-cooldown", args, "cooldown", [LEASES], child)


def _rollout_identity(name: str, args: TrainingArgs, child: ResourceOptions) -> Output[str] | None:
    """The account that may change the one service, and watch its pods come up."""
    if args.staging_service is None:
        return None
    return _identity(f"{name}-rollout", args, "rollout", rolls(args.staging_service), child)


def _policies(name: str, args: TrainingArgs, child: ResourceOptions) -> None:
    """Every step goes where it was told, to the API server with its results, and to the store with its log.

    The canary asks the servers, too.
    """
    allow(
        f"{name}-steps",
        namespace=args.namespace,
        selector=selector(APP, name),
        egress=[API_SERVER, *args.tracking.egress, *(args.logs.egress if args.logs else ())],
        opts=child,
    )
    if own := access(args.training).egress:
        for step in ("train", "evaluate"):
            allow(
                f"{name}-{step}",
                namespace=args.namespace,
                selector=selector(APP, name, step),
                egress=own,
                opts=child,
            )
    allow_rows(name, args.record, args.model, args.namespace, child)
    if args.serving:
        staging, production = (pods(selector(SERVERS, args.model, slot)) for slot in (Alias.STAGING, Alias.PRODUCTION))
        allow(
            f"{name}-canary",
            namespace=args.namespace,
            selector=selector(APP, name, "canary"),
            egress=[Allowance(ports=(SERVER_PORT,), peers=(staging, production)), *args.kafka.egress],
            opts=child,
        )
