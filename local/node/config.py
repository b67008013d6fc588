"""Addresses and names of the built-in node, and the configuration files its daemons read."""

import json
from pathlib import Path
from typing import Final

import yaml

BRIDGE: Final = "mlloop0"
NODE: Final = "ml-loop"
CONTEXT: Final = "ml-loop-local"
POD_RANGE: Final = "10.173.0.0/16"
SERVICE_RANGE: Final = "10.174.0.0/16"
ADDRESS: Final = "10.173.0.1"
"""The bridge's address: the API server, the kubelet and NodePorts answer here and nowhere else."""
API_SERVICE: Final = "10.174.0.1"
DNS_SERVICE: Final = "10.174.0.10"
API_PORT: Final = 6443
ETCD_PORT: Final = 2379
ETCD_PEER_PORT: Final = 2380
PAUSE_IMAGE: Final = "ml-loop.local/pause:1"
PORTS: Final = {
    "API server": (ADDRESS, API_PORT),
    "kubelet": (ADDRESS, 10250),
    "etcd": ("127.0.0.1", ETCD_PORT),
    "etcd's peer port": ("127.0.0.1", ETCD_PEER_PORT),
    "controller manager": ("127.0.0.1", 10257),
    "scheduler": ("127.0.0.1", 10259),
    "kube-proxy": ("127.0.0.1", 10249),
}


def write_configs(node: Path) -> None:
    """Writes every configuration file below the node's folder; same input, same bytes."""
    for folder in ("cni", "containerd", "log", "run", "volumes", "etcd"):
        (node / folder).mkdir(parents=True, exist_ok=True)
    (node / "etcd").chmod(0o700)
    (node / "cni" / "10-ml-loop.conflist").write_text(json.dumps(cni(node), indent=2))
    (node / "containerd" / "config.toml").write_text(containerd(node))
    (node / "kubelet.yaml").write_text(yaml.safe_dump(kubelet(node)))
    (node / "resolv.conf").write_text(f"nameserver {DNS_SERVICE}\n")
    for user in ("admin", "controller-manager", "scheduler", "kubelet", "proxy"):
        path = node / f"{user}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(kubeconfig(node, user)))


def cni(node: Path) -> dict[str, object]:
    """Pods on one bridge, without masquerading: they reach nothing outside this machine."""
    ipam = {
        "type": "host-local",
        "dataDir": str(node / "cni" / "addresses"),
        "ranges": [[{"subnet": POD_RANGE, "gateway": ADDRESS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": False, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "1.0.0", "name": "ml-loop", "plugins": [bridge]}


def containerd(node: Path) -> str:
    """containerd apart from any other on this machine.

    `restrict_oom_score_adj`: inside a container the kernel forbids lowering the score, and pods would not start.
    `netns_mounts_under_state_dir`: network namespaces stay below our folder, so that taking them away finds them all.
    """
    return f'''version = 2
root = "{node}/containerd/root"
state = "{node}/containerd/state"
[grpc]
  address = "{node}/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/containerd/opt"
'''


def kubelet(node: Path) -> dict[str, object]:
    """The kubelet's configuration.

    Images are never garbage-collected: no registry could bring them back. Control groups of version 1 are accepted:
    machines with them still exist.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{node}/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{node}/containerd/containerd.sock",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "makeIPTablesUtilChains": False,
        "maxPods": 110,
        "podLogsDir": f"{node}/log/pods",
        "resolvConf": f"{node}/resolv.conf",
        "tlsCertFile": f"{node}/pki/kubelet.crt",
        "tlsPrivateKeyFile": f"{node}/pki/kubelet.key",
    }


def kubeconfig(node: Path, user: str) -> dict[str, object]:
    """A kubeconfig with one context; keys stay in the node's folder, readable by root only."""
    pki = node / "pki"
    server = {"server": f"https://{ADDRESS}:{API_PORT}", "certificate-authority": str(pki / "ca.crt")}
    keys = {"client-certificate": str(pki / f"{user}.crt"), "client-key": str(pki / f"{user}.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": server}],
        "users": [{"name": user, "user": keys}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
