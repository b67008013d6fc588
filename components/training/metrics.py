"""What Argo Workflows' controller counts for the loop: trainings, cooldowns and canaries end in pods that are gone.

Declared in the templates and counted by the controller, which forgets them when it is restarted. It gives each name
its prefix, and refuses a name that it knows with another help text, so none speaks of a single model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hera.workflows import Counter
from hera.workflows.metrics import Label

from contract import metrics
from contract.metrics import CounterMetric

SUCCEEDED: Final = "Succeeded"
"""Argo's status of what ended well."""
ENDED: Final = frozenset({SUCCEEDED, "Failed", "Error"})
"""Its statuses of what has ended."""


@dataclass(frozen=True, kw_only=True)
class WorkflowMetric:
    """A counter of the controller's, and where it takes its labels from."""

    metric: CounterMetric
    values: Mapping[str, str]
    """Label → Argo's variable with its value; of those besides `namespace` and `model`."""

    def counter(self, model: str) -> Counter:
        """The counter as the template of `model` declares it."""
        values = {"namespace": "{{workflow.namespace}}", "model": model, **self.values}
        return Counter(
            name=self.metric.name.removeprefix(metrics.ARGO_PREFIX),
            help=self.metric.help,
            labels=[Label(key=key, value=values[key]) for key in self.metric.labels],
            value="1",
        )


TRAININGS: Final = WorkflowMetric(
    metric=metrics.TRAININGS,
    values={"trigger": "{{workflow.parameters.trigger}}", "status": "{{workflow.status}}"},
)
COOLDOWNS: Final = WorkflowMetric(
    metric=metrics.COOLDOWNS,
    # One that failed has no outputs, and the controller counts nothing whose labels it doesn't know.
    values={"feature": "{{workflow.parameters.feature}}", "granted": "{{outputs.parameters.granted}}"},
)
CANARIES: Final = WorkflowMetric(metric=metrics.CANARIES, values={"status": "{{status}}"})
