"""What a rule is, and what it looks at: one resource, beside the other resources of its stack."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policy.manifest import Manifest, get
from policy.production import is_production
from policy.violation import Violation, name_of


class Level(StrEnum):
    """What a violation does; a stack's policy config may say otherwise for each rule."""

    MANDATORY = "mandatory"
    """Stops the preview, and so an update that previews first. An update without a preview is stopped before the object
    concerned, or at its end where the whole stack is judged.
    """
    ADVISORY = "advisory"
    """Is only reported."""


@dataclass(frozen=True)
class Resource:
    """A Kubernetes object, or the inputs of a cloud resource, as the rules see it."""

    manifest: Manifest
    type: str = ""
    """Pulumi's type token; empty for an object from a file."""
    urn: str = ""
    label: str = ""
    """The name messages use where the manifest has none: a cloud resource's Pulumi name."""
    protected: bool = False
    from_chart: bool = False
    """Rendered by a Helm chart: rules are more lenient with what the chart's authors chose."""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Property name → URNs of the resources its value comes from."""

    @property
    def name(self) -> str:
        return self.label or name_of(self.manifest)

    @property
    def kind(self) -> str:
        """Group and kind, such as `apps/Deployment`, `/Pod` for the core group; empty for cloud resources."""
        version, kind = get(self.manifest, "apiVersion"), get(self.manifest, "kind")
        if not (isinstance(version, str) and isinstance(kind, str)):
            return ""
        return f"{version.rpartition('/')[0]}/{kind}"


@dataclass(frozen=True)
class Stack:
    """All resources that are judged together, and the rule's options."""

    resources: tuple[Resource, ...] = ()
    name: str = ""
    """Pulumi's stack name; empty for files."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    protect: bool | None = None
    """The stack's setting `protect`; None: it is left out."""

    @property
    def production(self) -> bool:
        return is_production(self.name, self.protect)

    def manifests(self, *kinds: str) -> Iterator[Manifest]:
        """The objects of these kinds (`group/Kind`)."""
        return (resource.manifest for resource in self.resources if resource.kind in kinds)

    def find(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """The object of that kind and name; `namespace` None for any."""
        for manifest in self.manifests(kind):
            if get(manifest, "metadata", "name") == name and namespace in (
                None,
                get(manifest, "metadata", "namespace"),
            ):
                return manifest
        return None


@dataclass(frozen=True)
class Rule:
    """A named check. `whole_stack` rules need to see other resources, so they run when all are known."""

    name: str
    description: str
    check: Callable[[Resource, Stack], Iterable[Violation]]
    level: Level = Level.MANDATORY
    whole_stack: bool = False
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """JSON schema of each option in the policy config, besides `exceptions`."""
