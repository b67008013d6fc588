"""CPU and memory of a container."""

from collections.abc import Iterator
from typing import Literal

from settings.problem import Problem
from settings.section import Section
from settings.values.quantity import Cpu, Size, amount


class Amounts(Section):
    """CPU and memory, each optional."""

    cpu: Cpu | None = None
    """CPUs, such as 500m or 2."""
    memory: Size | None = None
    """Bytes with a unit, such as 512Mi."""

    @property
    def bytes(self) -> int | None:
        """The memory as a number."""
        return None if self.memory is None else int(amount(self.memory))


class Resources(Section):
    """What a container asks for and may use at most."""

    requests: Amounts = Amounts()
    """What the scheduler reserves."""
    limits: Amounts = Amounts()
    """What the container may use at most."""

    def contradictions(self) -> Iterator[Problem]:
        resources: tuple[Literal["cpu", "memory"], ...] = ("cpu", "memory")
        for resource in resources:
            request, limit = getattr(self.requests, resource), getattr(self.limits, resource)
            if request is not None and limit is not None and amount(request) > amount(limit):
                yield Problem.with_value(
                    ("requests", resource),
                    request,
                    f"at most limits.{resource}, which is {limit}",
                    "Raise the limit or lower the request",
                )


def default_resources(*, cpu: str, memory: str, memory_limit: str) -> Resources:
    """What a container gets by default. There is no CPU limit: throttling slows what an idle node could serve."""
    return Resources(requests=Amounts(cpu=cpu, memory=memory), limits=Amounts(memory=memory_limit))
