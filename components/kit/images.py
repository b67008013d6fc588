"""Which image a pod of the stack runs."""

import versions
from settings import ImageName, Settings


def image(stack: Settings, name: ImageName) -> str:
    """The stack's own choice of an image, or the pinned one, at the stack's own registry where it has one."""
    pin, registry = versions.IMAGES[name], stack.platform.image_registry
    return stack.images.get(name, pin.mirrored(registry) if registry else pin.reference)
