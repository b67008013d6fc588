"""What Argo Workflows' controller counts for the loop: trainings, cooldowns and canaries end in pods that are gone.

Declared in the templates and counted by the controller, which forgets them when it is restarted. It gives each name
its prefix, and refuses a name that it knows with another help text, so none speaks of a single model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hera.workflows import Counter
from hera.workflows.metrics import Label

SUCCEEDED: Final = "Succeeded"
"""Argo's status of what ended well."""


@dataclass(frozen=True, kw_only=True)
class WorkflowMetric:
    """A counter with the labels `namespace`, `model` and its own."""

    name: str
    help: str
    labels: Mapping[str, str]
    """Label → Argo's variable with its value."""

    @property
    def exported(self) -> str:
        """Its name in Prometheus."""
        return f"argo_workflows_{self.name}"

    def counter(self, model: str) -> Counter:
        """As the template of `model` declares it."""
        labels = {"namespace": "{{workflow.namespace}}", "model": model, **self.labels}
        return Counter(
            name=self.name,
            help=self.help,
            labels=[Label(key=key, value=value) for key, value in labels.items()],
            value="1",
        )


TRAININGS: Final = WorkflowMetric(
    name="ml_loop_trainings_total",
    help="Trainings by how they ended, those that the cooldown refused among the succeeded",
    labels={"trigger": "{{workflow.parameters.trigger}}", "status": "{{workflow.status}}"},
)
COOLDOWNS: Final = WorkflowMetric(
    name="ml_loop_cooldowns_total",
    help="Trainings that drift asked for: granted, or refused while cooling down",
    # One that failed has no outputs, and the controller counts nothing whose labels it doesn't know.
    labels={"feature": "{{workflow.parameters.feature}}", "granted": "{{outputs.parameters.granted}}"},
)
CANARIES: Final = WorkflowMetric(
    name="ml_loop_canaries_total",
    help="Versions watched in staging, by whether they were left there",
    labels={"status": "{{status}}"},
)
