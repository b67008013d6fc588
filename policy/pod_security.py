"""Pod Security Standards, level restricted, whole: what the API server's admission says about a pod, as a pure
function.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and k8s.io/pod-security-admission v0.35,
whose evaluator is the oracle of tests/e2e/test_policy_oracle.py. Every control of the level is here, for versions 1.25
(the first that exempts Windows pods) to 1.35; a later version means 1.35's checks, as it does for that evaluator.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policy.manifest import Unknown, elements, entries, get
from policy.standard_pod import StandardPod
from policy.violation import Violation, name_of

PINNED_VERSION = "v1.35"
"""The version the stack's namespaces enforce and its pods are held to."""
OLDEST_VERSION = (1, 25)

VOLUME_TYPES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_SYSCTLS: dict[tuple[int, int], tuple[str, ...]] = {
    (1, 0): (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    ),
    (1, 27): ("net.ipv4.ip_local_reserved_ports",),
    (1, 29): (
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
    ),
    (1, 32): ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
_SELINUX_TYPES: dict[tuple[int, int], tuple[str, ...]] = {
    (1, 0): ("container_t", "container_init_t", "container_kvm_t"),
    (1, 31): ("container_engine_t",),
}


def violations(
    metadata: Mapping[str, Any], spec: Any, *, owner: str = "", path: str = "spec", version: str = PINNED_VERSION
) -> list[Violation]:
    """Everything that keeps a pod out of a namespace that enforces restricted at `version` (`v1.35`, or `latest`).

    `metadata` and `spec` are a pod's or a pod template's; messages name the object `owner` and the spec's `path` in it.
    An empty list means admitted. A property that is not known yet is in the list, with `known` false.
    Raises ValueError for anything but a version from 1.25 on.
    """
    pod = StandardPod(metadata, spec, owner or name_of({"kind": "Pod", "metadata": metadata}), path, _parse(version))
    return [replace(found, control=reason) for reason, control in CONTROLS.items() for found in control(pod)]


def _parse(version: str) -> tuple[int, int]:
    if version == "latest":
        return (1, 1000)
    match = re.fullmatch(r"v1\.(\d+)", version)
    if not match or (1, int(match[1])) < OLDEST_VERSION:
        raise ValueError(
            f'Pod Security version "{version}" is not supported: write v1.25 or later, such as {PINNED_VERSION}'
        )
    return (1, int(match[1]))


def _since(table: dict[tuple[int, int], tuple[str, ...]], version: tuple[int, int]) -> tuple[str, ...]:
    return tuple(value for first, values in table.items() if first <= version for value in values)


def _listed(values: tuple[str, ...]) -> str:
    return "one of " + ", ".join(values)


def _profile_type(context: Any, profile: str) -> Any:
    """The profile's type; None without a profile; for a profile without a type an empty text, which is refused."""
    found = get(context, profile)
    return found if found is None or isinstance(found, Unknown) else get(found, "type") or ""


def host_namespaces(pod: StandardPod) -> Iterator[Violation]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if (found := get(pod.spec, key)) not in (None, False):
            yield pod.violation(f"{pod.path}.{key}", found, "false or unset", "remove it")


def privileged(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in pod.container_contexts():
        if (found := get(context, "privileged")) not in (None, False):
            yield pod.violation(f"{path}.privileged", found, "false or unset", "remove it", name)


def windows_host_process(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in pod.contexts():
        if (found := get(context, "windowsOptions", "hostProcess")) not in (None, False):
            yield pod.violation(f"{path}.windowsOptions.hostProcess", found, "false or unset", "remove it", name)


def host_ports(pod: StandardPod) -> Iterator[Violation]:
    for path, name, container in pod.containers():
        for port_path, port in elements(get(container, "ports"), f"{path}.ports"):
            if (found := get(port, "hostPort")) not in (None, 0):
                remedy = "remove it and reach the pod through a Service"
                yield pod.violation(f"{port_path}.hostPort", found, "unset", remedy, name)


def host_probes(pod: StandardPod) -> Iterator[Violation]:
    if pod.version < (1, 34):
        return
    handlers = [(probe,) for probe in ("livenessProbe", "readinessProbe", "startupProbe")]
    handlers += [("lifecycle", hook) for hook in ("postStart", "preStop")]
    for path, name, container in pod.containers():
        for handler in handlers:
            for action in ("httpGet", "tcpSocket"):
                if (found := get(container, *handler, action, "host")) not in (None, ""):
                    field = ".".join((path, *handler, action, "host"))
                    remedy = "remove it: the kubelet asks the pod's own address"
                    yield pod.violation(field, found, "unset", remedy, name)


def app_armor(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in pod.contexts():
        if (found := _profile_type(context, "appArmorProfile")) not in (None, "RuntimeDefault", "Localhost"):
            required = "RuntimeDefault, Localhost or unset"
            yield pod.violation(f"{path}.appArmorProfile.type", found, required, "remove the profile", name)
    for key, found in entries(get(pod.metadata, "annotations")):
        unknown = isinstance(found, Unknown)
        if not key.startswith((APPARMOR_ANNOTATION, "*") if unknown else APPARMOR_ANNOTATION):
            continue
        if unknown or not (found in (None, "", "runtime/default") or str(found).startswith("localhost/")):
            required = "runtime/default, localhost/<profile> or unset"
            yield pod.violation(f'metadata.annotations["{key}"]', found, required, "remove it")


def selinux(pod: StandardPod) -> Iterator[Violation]:
    allowed = _since(_SELINUX_TYPES, pod.version)
    for path, name, context in pod.contexts():
        options = get(context, "seLinuxOptions")
        if (found := get(options, "type")) not in (None, "", *allowed):
            required = f"unset or {_listed(allowed)}"
            yield pod.violation(f"{path}.seLinuxOptions.type", found, required, "remove it", name)
        for key in ("user", "role"):
            if (found := get(options, key)) not in (None, ""):
                yield pod.violation(f"{path}.seLinuxOptions.{key}", found, "unset", "remove it", name)


def sysctls(pod: StandardPod) -> Iterator[Violation]:
    allowed = _since(_SYSCTLS, pod.version)
    for path, sysctl in elements(get(pod.spec, "securityContext", "sysctls"), f"{pod.path}.securityContext.sysctls"):
        if (found := get(sysctl, "name")) not in allowed:
            yield pod.violation(f"{path}.name", found, _listed(allowed), "remove the sysctl")


def proc_mount(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in pod.container_contexts():
        if (found := get(context, "procMount")) not in (None, "Default"):
            yield pod.violation(f"{path}.procMount", found, "Default or unset", "remove it", name)


def volume_types(pod: StandardPod) -> Iterator[Violation]:
    for path, volume in elements(get(pod.spec, "volumes"), f"{pod.path}.volumes"):
        if isinstance(volume, Unknown):
            yield pod.violation(path, volume, _listed(VOLUME_TYPES), "")
        elif all(get(volume, source) is None for source in VOLUME_TYPES):
            sources = [key for key, value in entries(volume) if key != "name" and value is not None]
            remedy = "take a persistentVolumeClaim for data, an emptyDir for scratch space"
            yield pod.violation(path, ", ".join(sources) or None, _listed(VOLUME_TYPES), remedy)


def privilege_escalation(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in () if pod.windows else pod.container_contexts():
        if (found := get(context, "allowPrivilegeEscalation")) is not False:
            field = f"{path}.allowPrivilegeEscalation"
            yield pod.violation(field, found, "false", "set it to false", name)


def capabilities(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in () if pod.windows else pod.container_contexts():
        dropped = get(context, "capabilities", "drop")
        drops = [drop for _, drop in elements(dropped, "")]
        if "ALL" not in drops:
            found = next((drop for drop in drops if isinstance(drop, Unknown)), dropped)
            yield pod.violation(f"{path}.capabilities.drop", found, 'a list with "ALL"', 'set it to ["ALL"]', name)
        for add_path, found in elements(get(context, "capabilities", "add"), f"{path}.capabilities.add"):
            if found != "NET_BIND_SERVICE":
                yield pod.violation(add_path, found, "NET_BIND_SERVICE, the only one to add", "remove it", name)


@dataclass(frozen=True)
class Inherited:
    """A setting that each container must have, its own or from the pod."""

    key: str
    value: Callable[[Any], Any]
    allowed: tuple[Any, ...]
    required: str
    remedy: str

    def __call__(self, pod: StandardPod) -> Iterator[Violation]:
        pod_path, pod_value = f"{pod.path}.securityContext.{self.key}", self.value(get(pod.spec, "securityContext"))
        # A forbidden value on the pod counts even where every container overrides it.
        if pod_value is not None and pod_value not in self.allowed:
            yield pod.violation(pod_path, pod_value, self.required, self.remedy)
        for path, name, context in pod.container_contexts():
            found = self.value(context)
            if found is None and pod_value is None:
                required = f"{self.required} here or in {pod_path}"
                yield pod.violation(f"{path}.{self.key}", found, required, self.remedy, name)
            elif found is not None and found not in self.allowed:
                yield pod.violation(f"{path}.{self.key}", found, self.required, self.remedy, name)


NON_ROOT = Inherited(
    key="runAsNonRoot",
    value=lambda context: get(context, "runAsNonRoot"),
    allowed=(True,),
    required="true",
    remedy="set it to true",
)
SECCOMP = Inherited(
    key="seccompProfile.type",
    value=lambda context: _profile_type(context, "seccompProfile"),
    allowed=("RuntimeDefault", "Localhost"),
    required="RuntimeDefault or Localhost",
    remedy="set it to RuntimeDefault",
)


def run_as_non_root(pod: StandardPod) -> Iterator[Violation]:
    return iter(()) if pod.user_namespace else NON_ROOT(pod)


def run_as_user(pod: StandardPod) -> Iterator[Violation]:
    for path, name, context in () if pod.user_namespace else pod.contexts():
        if isinstance(found := get(context, "runAsUser"), Unknown) or (found is not None and found == 0):
            yield pod.violation(f"{path}.runAsUser", found, "unset or above 0", "name a user, such as 65532", name)


def seccomp(pod: StandardPod) -> Iterator[Violation]:
    return iter(()) if pod.windows else SECCOMP(pod)


CONTROLS: dict[str, Callable[[StandardPod], Iterator[Violation]]] = {
    "host namespaces": host_namespaces,
    "privileged": privileged,
    "hostProcess": windows_host_process,
    "hostPort": host_ports,
    "probe or lifecycle host": host_probes,
    "forbidden AppArmor profile": app_armor,
    "seLinuxOptions": selinux,
    "forbidden sysctls": sysctls,
    "procMount": proc_mount,
    "restricted volume types": volume_types,
    "allowPrivilegeEscalation != false": privilege_escalation,
    "unrestricted capabilities": capabilities,
    "runAsNonRoot != true": run_as_non_root,
    "runAsUser=0": run_as_user,
    "seccompProfile": seccomp,
}
"""Every control of the level restricted, baseline's first, by the reason that Kubernetes' evaluator gives for it."""
