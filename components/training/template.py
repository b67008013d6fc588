"""The name of a WorkflowTemplate: of its model, and of what is in it.

Another content is another object, as what runs must end as it began (decision 30).
"""

import hashlib
import json
import re
from typing import Any, Final

from components.kit.labels import labels

APP: Final = "training"
DIGITS: Final = 8
"""How many digits of the digest a template's name has."""
TRAINED: Final = {key: value for key, value in labels(APP, "").items() if value}
"""Labels that the templates of all models have."""


def prefix(model: str) -> str:
    """What the names of a model's templates begin with, and the name of its schedule."""
    return f"{model}-train"


def template_name(model: str, content: Any) -> str:
    """The name of the template with this content, which is JSON."""
    text = json.dumps(content, sort_keys=True)
    return f"{prefix(model)}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"


def belongs(name: str, model: str) -> bool:
    """Whether a template of that name is the model's. The first ones had no digest."""
    return re.fullmatch(rf"{re.escape(prefix(model))}(-[0-9a-f]{{{DIGITS}}})?", name) is not None


def model_of(name: str) -> str | None:
    """Whose template it is that has this name; None for a name that no model's template has."""
    found = re.fullmatch(rf"(.+)-train(-[0-9a-f]{{{DIGITS}}})?", name)
    return found and found[1]
