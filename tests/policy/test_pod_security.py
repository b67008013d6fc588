"""Every control of Pod Security restricted: a pod that passes, and one test for each property that may break."""

from typing import Any

import pytest

from policy.manifest import Unknown
from policy.pod_security import violations
from tests.policy.manifests import changed, container, pod

METADATA = {"name": "server", "namespace": "ml"}
HAPPY: dict[str, Any] = {
    **pod(container()),
    "initContainers": [container("setup")],
    "ephemeralContainers": [container("debugger")],
}
C = "containers.0.securityContext"
AT = 'Pod ml/server, container "server": spec.containers[0].'
POD = "Pod ml/server: spec."
VOLUMES = (
    "one of configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret; "
    "take a persistentVolumeClaim for data, an emptyDir for scratch space"
)


def said(spec: Any, **options: Any) -> list[str]:
    return [violation.message for violation in violations(METADATA, spec, **options)]


def test_a_pod_with_every_setting_in_place_passes() -> None:
    assert said(HAPPY) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("hostNetwork", True, f"{POD}hostNetwork is true; must be false or unset; remove it"),
        ("hostPID", True, f"{POD}hostPID is true; must be false or unset; remove it"),
        ("hostIPC", True, f"{POD}hostIPC is true; must be false or unset; remove it"),
        (f"{C}.privileged", True, f"{AT}securityContext.privileged is true; must be false or unset; remove it"),
        (
            f"{C}.windowsOptions",
            {"hostProcess": True},
            f"{AT}securityContext.windowsOptions.hostProcess is true; must be false or unset; remove it",
        ),
        (
            "securityContext.windowsOptions",
            {"hostProcess": True},
            f"{POD}securityContext.windowsOptions.hostProcess is true; must be false or unset; remove it",
        ),
        (
            "containers.0.ports",
            [{"containerPort": 80, "hostPort": 80}],
            f"{AT}ports[0].hostPort is 80; must be unset; remove it and reach the pod through a Service",
        ),
        (
            "containers.0.livenessProbe",
            {"httpGet": {"port": 80, "host": "10.0.0.1"}},
            (
                f'{AT}livenessProbe.httpGet.host is "10.0.0.1"; must be unset; '
                "remove it: the kubelet asks the pod's own address"
            ),
        ),
        (
            "containers.0.lifecycle",
            {"preStop": {"tcpSocket": {"port": 80, "host": "db"}}},
            (
                f'{AT}lifecycle.preStop.tcpSocket.host is "db"; must be unset; '
                "remove it: the kubelet asks the pod's own address"
            ),
        ),
        (
            f"{C}.appArmorProfile",
            {"type": "Unconfined"},
            (
                f'{AT}securityContext.appArmorProfile.type is "Unconfined"; '
                "must be RuntimeDefault, Localhost or unset; remove the profile"
            ),
        ),
        (
            f"{C}.seLinuxOptions",
            {"type": "spc_t"},
            (
                f'{AT}securityContext.seLinuxOptions.type is "spc_t"; must be unset or one of container_t, '
                "container_init_t, container_kvm_t, container_engine_t; remove it"
            ),
        ),
        (
            f"{C}.seLinuxOptions",
            {"user": "root"},
            f'{AT}securityContext.seLinuxOptions.user is "root"; must be unset; remove it',
        ),
        (
            "securityContext.seLinuxOptions",
            {"role": "sysadm_r"},
            f'{POD}securityContext.seLinuxOptions.role is "sysadm_r"; must be unset; remove it',
        ),
        (
            "securityContext.sysctls",
            [{"name": "kernel.msgmax", "value": "1"}],
            (
                f'{POD}securityContext.sysctls[0].name is "kernel.msgmax"; must be one of kernel.shm_rmid_forced, '
                "net.ipv4.ip_local_port_range, net.ipv4.ip_unprivileged_port_start, net.ipv4.ping_group_range, "
                "net.ipv4.tcp_syncookies, net.ipv4.ip_local_reserved_ports, net.ipv4.tcp_fin_timeout, "
                "net.ipv4.tcp_keepalive_intvl, net.ipv4.tcp_keepalive_probes, net.ipv4.tcp_keepalive_time, "
                "net.ipv4.tcp_rmem, net.ipv4.tcp_wmem; remove the sysctl"
            ),
        ),
        (
            f"{C}.procMount",
            "Unmasked",
            f'{AT}securityContext.procMount is "Unmasked"; must be Default or unset; remove it',
        ),
        ("volumes", [{"name": "x", "hostPath": {"path": "/"}}], f'{POD}volumes[0] is "hostPath"; must be {VOLUMES}'),
        ("volumes", [{"name": "x"}], f"{POD}volumes[0] is not set; must be {VOLUMES}"),
        (
            f"{C}.allowPrivilegeEscalation",
            None,
            f"{AT}securityContext.allowPrivilegeEscalation is not set; must be false; set it to false",
        ),
        (
            f"{C}.capabilities.drop",
            ["NET_RAW"],
            f'{AT}securityContext.capabilities.drop is ["NET_RAW"]; must be a list with "ALL"; set it to ["ALL"]',
        ),
        (
            f"{C}.capabilities",
            None,
            f'{AT}securityContext.capabilities.drop is not set; must be a list with "ALL"; set it to ["ALL"]',
        ),
        (
            f"{C}.capabilities.add",
            ["NET_BIND_SERVICE", "CHOWN"],
            (
                f'{AT}securityContext.capabilities.add[1] is "CHOWN"; '
                "must be NET_BIND_SERVICE, the only one to add; remove it"
            ),
        ),
        (
            "securityContext.runAsNonRoot",
            False,
            f"{POD}securityContext.runAsNonRoot is false; must be true; set it to true",
        ),
        (f"{C}.runAsNonRoot", False, f"{AT}securityContext.runAsNonRoot is false; must be true; set it to true"),
        (
            f"{C}.runAsUser",
            0,
            f"{AT}securityContext.runAsUser is 0; must be unset or above 0; name a user, such as 65532",
        ),
        (
            "securityContext.runAsUser",
            0,
            f"{POD}securityContext.runAsUser is 0; must be unset or above 0; name a user, such as 65532",
        ),
        (
            f"{C}.seccompProfile",
            {"type": "Unconfined"},
            (
                f'{AT}securityContext.seccompProfile.type is "Unconfined"; '
                "must be RuntimeDefault or Localhost; set it to RuntimeDefault"
            ),
        ),
        (
            "securityContext.seccompProfile",
            {},
            (
                f'{POD}securityContext.seccompProfile.type is ""; '
                "must be RuntimeDefault or Localhost; set it to RuntimeDefault"
            ),
        ),
    ],
)
def test_one_broken_property_is_named_with_what_was_found_and_the_remedy(path: str, value: Any, message: str) -> None:
    assert said(changed(HAPPY, path, value)) == [message]


@pytest.mark.parametrize(("kind", "name"), [("initContainers", "setup"), ("ephemeralContainers", "debugger")])
def test_init_and_ephemeral_containers_are_held_to_the_same(kind: str, name: str) -> None:
    assert said(changed(HAPPY, f"{kind}.0.securityContext.allowPrivilegeEscalation", True)) == [
        (
            f'Pod ml/server, container "{name}": spec.{kind}[0].securityContext.allowPrivilegeEscalation is true; '
            "must be false; set it to false"
        )
    ]


@pytest.mark.parametrize(
    ("key", "required", "remedy"),
    [
        ("runAsNonRoot", "true", "set it to true"),
        ("seccompProfile", "RuntimeDefault or Localhost", "set it to RuntimeDefault"),
    ],
)
def test_a_setting_absent_from_the_pod_is_missed_in_each_container(key: str, required: str, remedy: str) -> None:
    field = key if key == "runAsNonRoot" else f"{key}.type"
    assert said(changed(pod(container("a"), container("b")), f"securityContext.{key}", None)) == [
        f'Pod ml/server, container "{name}": spec.containers[{index}].securityContext.{field} is not set; '
        f"must be {required} here or in spec.securityContext.{field}; {remedy}"
        for index, name in enumerate("ab")
    ]


def test_a_container_may_set_what_the_pod_leaves_out() -> None:
    own = container(
        securityContext={
            **container()["securityContext"],
            "runAsNonRoot": True,
            "seccompProfile": {"type": "Localhost"},
        }
    )
    assert said({"containers": [own]}) == []


def test_an_annotation_that_switches_app_armor_off_is_refused() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/server"
    found = violations({**METADATA, "annotations": {key: "unconfined"}}, HAPPY)
    assert [violation.message for violation in found] == [
        (
            f'Pod ml/server: metadata.annotations["{key}"] is "unconfined"; '
            "must be runtime/default, localhost/<profile> or unset; remove it"
        )
    ]


def test_a_windows_pod_is_not_asked_for_linux_settings() -> None:
    assert (
        said({"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": True}, "containers": [{"name": "a"}]})
        == []
    )


def test_a_pod_in_a_user_namespace_may_be_root_inside_it_from_version_1_35_on() -> None:
    root = changed(changed(HAPPY, "securityContext.runAsUser", 0), "hostUsers", False)
    assert said(root, version="v1.35") == []
    assert len(said(root, version="v1.34")) == 1


@pytest.mark.parametrize("version", ["v1.24", "1.35", "v2.0", ""])
def test_an_unknown_version_of_the_standard_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"is not supported: write v1\.25 or later, such as v1\.35"):
        violations(METADATA, HAPPY, version=version)


@pytest.mark.parametrize(
    "path",
    ["hostNetwork", "securityContext.runAsNonRoot", f"{C}.capabilities.drop", "containers", "volumes", "containers.0"],
)
def test_a_value_that_is_not_known_yet_is_never_passed(path: str) -> None:
    found = violations(METADATA, changed(HAPPY, path, Unknown(f"spec.{path}")))
    assert found
    assert not any(violation.known for violation in found)


def test_a_pod_that_is_not_known_at_all_is_never_passed() -> None:
    assert not any(violation.known for violation in violations(METADATA, Unknown("spec")))
    assert violations(METADATA, Unknown("spec"))


def test_an_unknown_value_reads_not_known_yet() -> None:
    assert said(changed(HAPPY, "hostNetwork", Unknown("spec.hostNetwork"))) == [
        f"{POD}hostNetwork is not known yet; must be false or unset"
    ]
