"""What a rollout tells a service: the version that it should serve, and the image that the version was trained in."""

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from contract.names import Tag
from loop.runtime.registry import Registry


@dataclass(frozen=True)
class Pin:
    """One version. `image` is None where its tags name none: it is then served in the image of the runtime."""

    version: str
    image: str | None = None

    @classmethod
    def of(cls, version: ModelVersion) -> "Pin":
        return cls(str(version.version), version.tags.get(Tag.IMAGE))


def pin(registry: Registry, model: str, number: str) -> Pin:
    """What serves the version. A version that is gone from the registry is served as far as its servers still can."""
    found = registry.version(model, number)
    return Pin(number) if found is None else Pin.of(found)
