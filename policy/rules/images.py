"""Images by digest: what was tested is what runs."""

import re
from collections.abc import Iterator
from typing import Any

from policy.manifest import Unknown, get
from policy.pods.workloads import containers, pods
from policy.rule import Level, Resource, Rule, Stack
from policy.violation import Violation

BY_DIGEST = "a reference by digest (name@sha256:…)"
DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
TAG = re.compile(r"[^@\s]+:(?P<tag>[\w][\w.-]*)")
"""A tag follows the last colon; a registry's port is followed by a slash, which no tag has."""


def images(resource: Resource, stack: Stack) -> Iterator[tuple[str, str | None, Any]]:
    """(field, container, reference) of each image the object names. An absent image is the operator's choice."""
    for pod in pods(resource.kind, resource.manifest, stack):
        for path, container in containers(pod):
            if (image := get(container, "image")) is not None:
                yield pod.source(f"{path}.image"), str(get(container, "name")), image
    if (
        image := get(resource.manifest, "spec", "imageName")
    ) is not None and resource.kind == "postgresql.cnpg.io/Cluster":
        yield "spec.imageName", None, image


def moving(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """References that may mean another image tomorrow: no tag, one such as `latest`, and for production any tag."""
    by_digest = stack.production and not resource.from_chart
    for field, container, image in images(resource, stack):
        if not (DIGEST.fullmatch(str(image)) or (_exact_tag(image) and not by_digest)):
            required = BY_DIGEST if by_digest else f"{BY_DIGEST}, or by a tag other than latest"
            yield Violation(resource.name, field, image, required, "write the version you tested", container)


def _exact_tag(image: Any) -> bool:
    match = None if isinstance(image, Unknown) else TAG.fullmatch(str(image))
    return match is not None and not match["tag"].endswith("latest")


def tagged(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Exact tags, where they are allowed: a registry's owner can still move them."""
    if stack.production and not resource.from_chart:
        return
    for field, container, image in images(resource, stack):
        if _exact_tag(image):
            remedy = "append the digest of the version you tested"
            yield Violation(resource.name, field, image, BY_DIGEST, remedy, container)


EXACT_IMAGES = Rule(
    name="exact-images",
    description="Images are named by digest; those of charts, and those outside production, at least by an exact tag.",
    check=moving,
    whole_stack=True,
)
TAGGED_IMAGES = Rule(
    name="tagged-images",
    description="Images of charts, and those outside production, are named by digest.",
    check=tagged,
    level=Level.ADVISORY,
    whole_stack=True,
)
