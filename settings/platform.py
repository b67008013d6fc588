"""The operators that the loop runs on: install the pinned chart, or use what the cluster has."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from settings.problem import Problem, one_of
from settings.section import Section
from settings.values.network import ChartMirror, ImageRegistry
from settings.values.number import Flag


class KServeMode(StrEnum):
    """How KServe runs model servers. Not which protocol they speak."""

    KNATIVE = "knative"
    """Models run as Knative Services: scaled by requests."""
    STANDARD = "standard"
    """Models run as Deployments behind Gateway API routes."""


class Operator(Section):
    """One operator of the platform."""

    install: Flag = True
    """Install the pinned chart; false uses what the cluster already runs."""


class KServe(Operator):
    """KServe, which serves the models."""

    mode: Annotated[KServeMode, one_of(KServeMode, "Set it to standard unless the cluster runs Knative")] = (
        KServeMode.STANDARD
    )
    """How model servers run."""


class Platform(Section):
    """The operators, and where their charts come from."""

    argo_workflows: Operator = Operator()
    """Argo Workflows runs the trainings."""
    argo_events: Operator = Operator()
    """Argo Events starts a training when drift is published."""
    cert_manager: Operator = Operator()
    """cert-manager issues the certificates of webhooks."""
    knative: Operator | None = None
    """Knative Serving. Unset: the cluster has none, and KServe runs in standard mode."""
    kserve: KServe = KServe()
    """KServe serves the models."""
    cloud_native_pg: Operator = Operator()
    """CloudNativePG runs MLflow's database."""
    check: Flag = True
    """Check what the cluster must bring, before anything is changed. False: for previews on another cluster."""
    chart_mirror: ChartMirror | None = None
    """Where charts come from instead of their public registries: oci://host/path, or a folder of .tgz files."""
    image_registry: ImageRegistry | None = None
    """Where the pinned images come from instead of their own registries: host/path. Charts name theirs themselves."""

    @property
    def installs(self) -> bool:
        """Whether the stack installs any operator's chart."""
        always = (self.argo_workflows, self.argo_events, self.cert_manager, self.kserve, self.cloud_native_pg)
        return any(operator.install for operator in (*always, *([self.knative] if self.knative else [])))

    def contradictions(self) -> Iterator[Problem]:
        if self.kserve.mode is KServeMode.KNATIVE and self.knative is None:
            yield Problem.with_value(
                ("kserve", "mode"),
                self.kserve.mode,
                "standard while platform.knative is not set",
                "Add platform.knative: {install: true}, or set the mode to standard",
            )
