"""No secret in plain text: not in a container's environment or command, not in a ConfigMap, not in a stack's config.

Pulumi hands a policy the value of a secret without its mark, so Secrets themselves are not judged here: that their data
is encrypted in state is tested where components make them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from contract.credentials import SECRET_NAME, SECRET_VALUE
from policy.manifest import Unknown, elements, entries, get
from policy.pods.workloads import containers, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

HIDDEN = "(a value that is not repeated here)"


REMEDY = "keep it in a Secret and refer to it with valueFrom.secretKeyRef"


def plain_secrets(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Values that are credentials by name or by shape."""
    for pod in pods(resource.kind, resource.manifest, stack):
        for path, container in containers(pod):
            for field, name, value in _texts(container, path):
                if _secret(name, value):
                    place = pod.source(field) + (f" ({name})" if name else "")
                    owner = str(get(container, "name"))
                    yield Violation(resource.name, place, _hidden(value), "a reference to a Secret", REMEDY, owner)
    for kind, key, required, remedy in (
        ("/ConfigMap", "data", "free of credentials", "move it to a Secret"),
        ("/PulumiStack", "config", "encrypted", "set it with pulumi config set --secret"),
    ):
        for name, value in entries(get(resource.manifest, key)) if resource.kind == kind else ():
            if _secret(name, value):
                yield Violation(resource.name, f"{key}[{name}]", _hidden(value), required, remedy)


def _texts(container: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """(field, variable's name or empty, text) of a container's environment, command and arguments."""
    for variable_path, variable in elements(get(container, "env"), f"{path}.env"):
        name = get(variable, "name")
        yield variable_path, name if isinstance(name, str) else "", get(variable, "value")
    for key in ("command", "args"):
        for word_path, word in elements(get(container, key), f"{path}.{key}"):
            yield word_path, "", word


def _secret(name: Any, value: Any) -> bool:
    """A credential in plain text; an unknown value under a credential's name counts as not known yet."""
    if isinstance(value, Unknown):
        return bool(SECRET_NAME.search(str(name)))
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _document(value)
    if isinstance(value, Mapping):
        return any(_secret(key, item) for key, item in cast("Mapping[Any, Any]", value).items())
    if not isinstance(value, str) or not value:
        return False
    return bool(SECRET_NAME.search(str(name))) or bool(SECRET_VALUE.search(value))


def _document(text: str) -> Any:
    """A JSON text is judged by its contents: KServe keeps the names of Secrets under `credentials`."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hidden(value: Any) -> Any:
    return value if isinstance(value, Unknown) else HIDDEN


NO_PLAIN_SECRETS = Rule(
    name="no-plain-secrets",
    description="Credentials stand in Secrets only.",
    check=plain_secrets,
    whole_stack=True,
)
