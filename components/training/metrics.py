"""What Argo Workflows' controller counts for the loop: the pods of trainings, cooldowns and canaries are soon gone.

The templates declare them; the controller counts, and forgets when it is restarted. It puts its prefix before each
name, and refuses a known name with another help text, so no help text names a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hera.workflows import Counter
from hera.workflows.metrics import Label

from contract import metrics
from contract.metrics import CounterMetric

SUCCEEDED: Final = "Succeeded"
"""Argo's status of what succeeded."""
ENDED: Final = frozenset({SUCCEEDED, "Failed", "Error"})
"""Argo's statuses of what has ended."""


@dataclass(frozen=True, kw_only=True)
class WorkflowMetric:
    """A counter of the controller's, and where it takes its labels from."""

    metric: CounterMetric
    values: Mapping[str, str]
    """Label → Argo's variable with its value, for all labels but `namespace` and `model`."""

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
    # A failed one has no outputs, and the controller counts nothing whose labels it doesn't know.
    values={"feature": "{{workflow.parameters.feature}}", "granted": "{{outputs.parameters.granted}}"},
)
CANARIES: Final = WorkflowMetric(metric=metrics.CANARIES, values={"status": "{{status}}"})
