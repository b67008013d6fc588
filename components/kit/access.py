"""How a pod uses services, as one value: `mlflow.writing + kafka.access`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from components.kit.network import Allowance
from components.kit.pod import Env, Mount, Volume


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a pod must have to reach and be let in by a service."""

    env: Sequence[Env] = ()
    """Variables of the container that uses it."""
    mounts: Sequence[Mount] = ()
    volumes: Sequence[Volume] = ()
    """What the container mounts."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels by which the service's NetworkPolicy lets the pod in."""
    egress: Sequence[Allowance] = ()
    """What the pod's own NetworkPolicy has to allow."""

    def __add__(self, other: "Access") -> "Access":
        """Both services; what the left one sets comes first."""
        return Access(
            env=[*self.env, *other.env],
            mounts=[*self.mounts, *other.mounts],
            volumes=[*self.volumes, *other.volumes],
            labels={**self.labels, **other.labels},
            egress=[*self.egress, *other.egress],
        )


NOTHING: Final = Access()
"""Access to no service, which adds nothing."""
