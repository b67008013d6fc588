"""Random changes of pods, well-typed for the API: what the rule and Kubernetes' own evaluator are compared on."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

CORPUS = Path(__file__).parent / "pods"
CONTAINER_KINDS = ("initContainers", "containers", "ephemeralContainers")
PROFILES = (None, {}, *({"type": kind} for kind in ("RuntimeDefault", "Localhost", "Unconfined", "", "runtimedefault")))
CAPABILITIES = ("ALL", "all", "CAP_ALL", "NET_BIND_SERVICE", "NET_RAW", "CHOWN", "SYS_ADMIN", "")
SYSCTLS = (
    "kernel.shm_rmid_forced",
    "kernel.msgmax",
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
VOLUME_SOURCES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
    "ofTheFuture",
)


def corpus() -> list[dict[str, Any]]:
    """The committed pods: the stack's shapes, passing and failing ones."""
    return [json.loads(path.read_text()) for path in sorted(CORPUS.glob("*.json"))]


def mutated(pod: dict[str, Any], random: Random) -> dict[str, Any]:
    """A copy with one to four random changes."""
    changed = copy.deepcopy(pod)
    for _ in range(random.randint(1, 4)):
        random.choice((_change_pod, _change_context, _change_context, _change_container, _change_lists))(
            changed, random
        )
    return changed


def _context_values(random: Random) -> dict[str, Any]:
    """A value for each field of a security context, pod's and container's alike."""
    return {
        "allowPrivilegeEscalation": random.choice((None, True, False)),
        "appArmorProfile": random.choice(PROFILES),
        "capabilities": random.choice((None, {}, _capabilities(random), _capabilities(random))),
        "privileged": random.choice((None, True, False)),
        "procMount": random.choice((None, "Default", "Unmasked", "")),
        "runAsNonRoot": random.choice((None, True, False)),
        "runAsUser": random.choice((None, 0, 1, 65532)),
        "seLinuxOptions": random.choice((None, {}, _selinux(random))),
        "seccompProfile": random.choice(PROFILES),
        "sysctls": random.choice((None, [{"name": random.choice(SYSCTLS), "value": "1"} for _ in range(2)])),
        "windowsOptions": random.choice((None, {}, {"hostProcess": random.choice((None, True, False))})),
    }


def _capabilities(random: Random) -> dict[str, Any]:
    lists = (None, [], ["ALL"], ["NET_BIND_SERVICE"], random.sample(CAPABILITIES, 2))
    return {"drop": random.choice((["ALL"], *lists)), "add": random.choice(lists)}


def _selinux(random: Random) -> dict[str, Any]:
    types = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t")
    return {
        "type": random.choice(types),
        "user": random.choice((None, None, "", "sysadm_u")),
        "role": random.choice((None, None, "", "sysadm_r")),
    }


def _set(target: dict[str, Any], key: str, value: Any, random: Random) -> None:
    """Null and absent mean the same, so both are tried."""
    if value is None and random.random() < 0.5:
        target.pop(key, None)
    else:
        target[key] = value


def _change_pod(pod: dict[str, Any], random: Random) -> None:
    key, value = random.choice(
        (
            *((key, random.choice((None, True, False))) for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers")),
            ("os", random.choice((None, {"name": "linux"}, {"name": "windows"}))),
            ("securityContext", random.choice((None, {}))),
        )
    )
    _set(pod["spec"], key, value, random)


def _change_context(pod: dict[str, Any], random: Random) -> None:
    owners = [pod["spec"], *_containers(pod)]
    owner = random.choice(owners)
    context = owner.get("securityContext") or {}
    key, value = random.choice(list(_context_values(random).items()))
    _set(context, key, value, random)
    owner["securityContext"] = context


def _change_container(pod: dict[str, Any], random: Random) -> None:
    containers = _containers(pod)
    if not containers:
        return
    host = random.choice((None, "", "localhost", "10.0.0.1"))
    action = random.choice(
        ({"httpGet": {"port": 80, "host": host}}, {"tcpSocket": {"port": "http", "host": host}}, {"exec": {}}, None)
    )
    key, value = random.choice(
        (
            (random.choice(("livenessProbe", "readinessProbe", "startupProbe")), action),
            ("lifecycle", random.choice((None, {random.choice(("postStart", "preStop")): action}))),
            ("ports", [{"containerPort": 80, "hostPort": random.choice((None, 0, 80, 65535))}]),
            ("securityContext", random.choice((None, {}))),
        )
    )
    _set(random.choice(containers), key, value, random)


def _change_lists(pod: dict[str, Any], random: Random) -> None:
    """Containers and volumes come and go; annotations too."""
    spec, kind = pod["spec"], random.choice(CONTAINER_KINDS)
    choice = random.randrange(4)
    if choice == 0:
        volume: dict[str, Any] = {"name": "extra"}
        for source in random.sample(VOLUME_SOURCES, random.randint(0, 2)):
            volume[source] = random.choice(({}, {}, None))
        spec["volumes"] = [*(spec.get("volumes") or []), volume]
    elif choice == 1:
        context = {key: value for key, value in _context_values(random).items() if random.random() < 0.7}
        spec[kind] = [*(spec.get(kind) or []), {"name": "extra", "securityContext": random.choice((None, context))}]
    elif choice == 2:
        spec[kind] = random.choice((None, [], (spec.get(kind) or [])[:1]))
    else:
        name = random.choice(("main", "server", "extra"))
        profile = random.choice(("", "runtime/default", "localhost/own", "localhost", "unconfined", "docker/default"))
        annotations = pod["metadata"].get("annotations") or {}
        prefix = random.choice(("container.apparmor.security.beta", "container.seccomp.security.alpha"))
        pod["metadata"]["annotations"] = {**annotations, f"{prefix}.kubernetes.io/{name}": profile}


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [container for kind in CONTAINER_KINDS for container in pod["spec"].get(kind) or []]
