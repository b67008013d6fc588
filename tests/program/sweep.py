"""Every security setting of a manifest, removed or weakened one at a time: what the policy pack has to notice.

Settings are found by walking, so that a new component's are among them.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policy.manifest import Manifest, get
from policy.rules.buckets import COMPANIONS
from policy.rules.namespaces import PREFIX
from policy.rules.rbac import BINDINGS, ROLES

Path = tuple[str | int, ...]

CONTEXTS: Final = ("securityContext", "podSecurityContext")
SINGLE: Final = ("automountServiceAccountToken", "hostNetwork", "hostPID", "hostIPC", "audience")
"""Settings outside of security contexts that are one leaf."""
GUARDS: Final = tuple(token for types, _ in COMPANIONS.values() for token in types)
"""Cloud resources that are there for security alone: every leaf counts, but for the name of what they guard."""
UNGUARDED: Final = frozenset({"bucket", "Version", "Sid", "Resource"})
DOCUMENTS: Final = ("podSpecPatch", "policy")
"""Texts that hold a manifest of their own."""
WEAKER: Final[Mapping[Any, Any]] = {
    "RuntimeDefault": "Unconfined",
    "ALL": "NET_RAW",
    "restricted": "baseline",
    "v1.35": "latest",
    "Enabled": "Suspended",
    "AES256": "none",
    "Deny": "Allow",
}
CONTAINER_ADDITIONS: Final[Mapping[str, Any]] = {
    "privileged": True,
    "procMount": "Unmasked",
    "runAsUser": 0,
    "runAsNonRoot": False,
    "seccompProfile": {"type": "Unconfined"},
    "appArmorProfile": {"type": "Unconfined"},
    "seLinuxOptions": {"type": "spc_t"},
}
POD_ADDITIONS: Final[Mapping[str, Any]] = {"hostNetwork": True, "hostPID": True, "hostIPC": True}


@dataclass(frozen=True)
class Change:
    """A manifest with one setting less, or weaker."""

    path: Path
    what: str
    manifest: Manifest
    field: str = ""
    """The name that a message has to contain, where it is not the path's last."""

    @property
    def name(self) -> str:
        return self.field or [step for step in self.path if isinstance(step, str)][-1]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} {self.what}"


def changes(manifest: Manifest, type_: str = "") -> Iterator[Change]:
    """One change for each way in which each setting can be weakened. `type_` is Pulumi's type token."""
    kind = f"{str(get(manifest, 'apiVersion')).rpartition('/')[0]}/{get(manifest, 'kind')}"
    yield from _values(manifest, manifest, whole=type_ in GUARDS)
    for path, value in _nodes(manifest):
        yield from _in_pod(manifest, path, value)
        if kind in ROLES and path[:1] == ("rules",) and len(path) == 4:
            yield _removed(manifest, path) if path[2] == "resourceNames" else _replaced(manifest, path, "*")
        elif kind in BINDINGS and path == ("roleRef", "name"):
            yield _replaced(manifest, path, "cluster-admin")
        elif path[-2:-1] == ("policyTypes",) and get(manifest, "metadata", "name") == "default-deny":
            yield _removed(manifest, path)


def _in_pod(manifest: Manifest, path: Path, value: Any) -> Iterator[Change]:
    """Images, volumes, tokens, references to Secrets, and what contexts could have besides."""
    last = path[-1] if path else ""
    if last in ("image", "imageName") and isinstance(value, str):
        tagged = value.partition("@")[0]
        for reference in (tagged, tagged.rpartition(":")[0] + ":latest"):
            yield _replaced(manifest, path, reference)
    elif path[-2:-1] == ("volumes",) and isinstance(value, Mapping):
        yield _replaced(manifest, path, {"name": value["name"], "hostPath": {"path": "/"}}, "volumes")
    elif last == "expirationSeconds":
        yield _replaced(manifest, path, 86_400 * 365)
    elif get(value, "valueFrom", "secretKeyRef") is not None:
        yield _replaced(manifest, path, {"name": value["name"], "value": "hunter2"}, "env")
    elif last in CONTEXTS and isinstance(value, Mapping):
        yield from _added(manifest, path, value)


def _values(manifest: Manifest, part: Any, inside: Path = (), whole: bool = False) -> Iterator[Change]:
    """Leaves that are settings, removed and replaced by something weaker; those of texts that hold manifests too."""
    for path, value in _nodes(part):
        if path and path[-1] in DOCUMENTS and isinstance(value, str):
            for change in _values(json.loads(value), json.loads(value), whole=whole):
                yield _replaced(manifest, path, json.dumps(change.manifest), path[-1] if whole else change.name, change)
        elif not isinstance(value, Mapping | list) and _is_setting(path, whole):
            yield _removed(manifest, path)
            if (weaker := _weaker(path, value)) is not None:
                yield _replaced(manifest, path, weaker)


def _is_setting(path: Path, whole: bool) -> bool:
    names = [step for step in path if isinstance(step, str)]
    return (
        (whole and not UNGUARDED.intersection(names))
        or not set(CONTEXTS).isdisjoint(names)
        or path[-1] in SINGLE
        or names[-1].startswith(PREFIX)
    )


def _weaker(path: Path, value: Any) -> Any:
    if isinstance(value, bool):
        # Outside of contexts true is what is weak.
        return None if value and path[-1] in SINGLE else not value
    return 0 if isinstance(value, int) else WEAKER.get(value)


def _added(manifest: Manifest, path: Path, context: Mapping[str, Any]) -> Iterator[Change]:
    """Settings that no manifest of the stack has, and none may have."""
    if "allowPrivilegeEscalation" in context:
        for key, value in CONTAINER_ADDITIONS.items():
            if key not in context:
                yield _replaced(manifest, (*path, key), value)
        capabilities = {**context["capabilities"], "add": ["SYS_ADMIN"]}
        yield _replaced(manifest, (*path, "capabilities"), capabilities, "capabilities.add")
    owner = _at(manifest, path[:-1])
    if "containers" in owner or "model" in owner:
        for key, value in POD_ADDITIONS.items():
            yield _replaced(manifest, (*path[:-1], key), value)


def _nodes(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    children: Any = ()
    if isinstance(value, Mapping):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from _nodes(child, (*path, key))


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _removed(manifest: Manifest, path: Path) -> Change:
    result = copy.deepcopy(manifest)
    del _at(result, path[:-1])[path[-1]]
    return Change(path, "removed", result)


def _replaced(manifest: Manifest, path: Path, value: Any, field: str = "", inner: Change | None = None) -> Change:
    result = copy.deepcopy(manifest)
    _at(result, path[:-1])[path[-1]] = value
    if inner:
        return Change((*path, *inner.path), inner.what, result, field)
    return Change(path, f"replaced by {value}", result, field)
