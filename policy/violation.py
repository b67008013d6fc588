"""What a rule says about an object: the one message format of the policy pack and the lint command."""

import json
from dataclasses import dataclass
from typing import Any

from policy.manifest import Manifest, Unknown, get


@dataclass(frozen=True)
class Violation:
    """One broken property of one object; where `found` is `Unknown`, one not known yet: neither broken nor passed."""

    object: str
    """Kind and name, such as `Deployment mlflow/server`."""
    field: str
    """The path of the property in the object, such as `spec.template.spec.hostNetwork`."""
    found: Any
    """The value found; None means unset."""
    required: str
    """What the rule allows, after "must be" or "must": `true`, `unset or false`."""
    remedy: str
    """What to write, as an imperative without a full stop."""
    container: str | None = None
    control: str = ""
    """For Pod Security: the reason Kubernetes' own evaluator gives for the same property."""

    @property
    def known(self) -> bool:
        return not isinstance(self.found, Unknown)

    @property
    def message(self) -> str:
        where = self.object if self.container is None else f'{self.object}, container "{self.container}"'
        if isinstance(self.found, Unknown):
            source = f" ({self.found.path})" if self.found.path != self.field else ""
            required = f"; must be {self.required}" if self.required else ""
            return f"{where}: {self.field} is not known yet{source}{required}"
        found = "not set" if self.found is None else json.dumps(self.found, default=str)
        return f"{where}: {self.field} is {found}; must be {self.required}; {self.remedy}"


def name_of(manifest: Manifest) -> str:
    """Kind and name as messages spell them: `Deployment mlflow/server`, `ClusterRole reader`."""
    namespace, name = (
        get(manifest, "metadata", "namespace"),
        get(manifest, "metadata", "name") or get(manifest, "metadata", "generateName"),
    )
    parts = [part for part in (namespace, name) if isinstance(part, str)]
    return f"{manifest.get('kind', 'object')} {'/'.join(parts) or '(unnamed)'}"
