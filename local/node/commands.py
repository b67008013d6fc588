"""The daemons' argument lists, in the order they start."""

import sys
from pathlib import Path

from local.node.config import ADDRESS, API_PORT, ETCD_PEER_PORT, ETCD_PORT, NODE, POD_RANGE, SERVICE_RANGE
from local.node.daemons import Daemon
from local.paths import REPOSITORY


def daemons(node: Path, kubernetes: Path) -> dict[str, Daemon]:
    """All daemons by name. Argument lists hold file names only, never a secret."""
    pki = node / "pki"

    def daemon(name: str, *arguments: str) -> Daemon:
        return Daemon(name, [str(kubernetes), name, *arguments], node)

    return {
        "containerd": Daemon("containerd", ["containerd", "-c", str(node / "containerd" / "config.toml")], node),
        "etcd": daemon("etcd", *etcd(node, pki)),
        "apiserver": daemon("apiserver", *apiserver(pki)),
        "controller-manager": daemon(
            "controller-manager",
            f"--kubeconfig={node}/controller-manager.kubeconfig",
            "--bind-address=127.0.0.1",
            f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={pki}/ca.crt",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--use-service-account-credentials",
            "--leader-elect=false",
            # The default of 15 s would come on top of the metrics' own.
            "--horizontal-pod-autoscaler-sync-period=5s",
        ),
        "scheduler": daemon(
            "scheduler", f"--kubeconfig={node}/scheduler.kubeconfig", "--bind-address=127.0.0.1", "--leader-elect=false"
        ),
        "kubelet": daemon(
            "kubelet",
            f"--config={node}/kubelet.yaml",
            f"--kubeconfig={node}/kubelet.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
            f"--root-dir={node}/kubelet",
            f"--cert-dir={pki}",
        ),
        "proxy": daemon(
            "proxy",
            f"--kubeconfig={node}/proxy.kubeconfig",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_RANGE}",
            f"--hostname-override={NODE}",
            f"--nodeport-addresses={ADDRESS}/32",
            "--metrics-bind-address=127.0.0.1:10249",
            "--healthz-bind-address=127.0.0.1:10256",
            # The kernel's own limit stays: the machine is not ours alone.
            "--conntrack-max-per-core=0",
        ),
        # Through `env`, which is replaced by the program: it is found wherever the daemon's folder is.
        "policies": Daemon(
            "policies",
            ["env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-m", "local.policies", f"{node}/admin.kubeconfig"],
            node,
        ),
    }


def etcd(node: Path, pki: Path) -> list[str]:
    client, peer = f"https://127.0.0.1:{ETCD_PORT}", f"https://127.0.0.1:{ETCD_PEER_PORT}"
    return [
        f"--data-dir={node}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        f"--trusted-ca-file={pki}/ca.crt",
        "--client-cert-auth",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        f"--peer-trusted-ca-file={pki}/ca.crt",
        "--peer-client-cert-auth",
    ]


def apiserver(pki: Path) -> list[str]:
    """The API server's flags.

    The `requestheader` and `proxy-client` flags turn the aggregation layer on, which some webhooks ask for.
    InternalIP first: the node's name is in no DNS, and `kubectl logs` would fail.
    """
    return [
        f"--etcd-servers=https://127.0.0.1:{ETCD_PORT}",
        f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd.key",
        f"--bind-address={ADDRESS}",
        f"--advertise-address={ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
    ]
