"""Where MLflow's servers may be reached: the Host headers that they answer, and the pages that may write to them.

MLflow compares as texts, with a pattern where there is an asterisk (mlflow.server.security_utils).
"""


def allowed_hosts(service: str, namespace: str, *public: str | None) -> list[str]:
    """Host headers that the server accepts; it takes any other for DNS rebinding.

    `public` are the names and addresses it has outside the cluster. An explicit list replaces MLflow's own, so
    localhost is in it again, and each name stands with and without port. No pod's address is in it: only the kubelet's
    probes use one, and they ask for /health, which MLflow answers under any name.
    """
    names = [
        *("localhost", "127.0.0.1"),
        *(service, f"{service}.{namespace}", f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local"),
        *(name for name in public if name),
    ]
    return [*names, *(f"{name}:*" for name in names)]


def allowed_origins(external_url: str | None, host: str | None, scheme: str) -> list[str]:
    """Pages whose scripts may write: those that the server shows itself, which a browser names in each POST.

    MLflow knows only those on localhost (mlflow#22612), so its own pages could list nothing at any other address. A
    host at the gateway may have any port, and its TLS may end before the gateway; a host with TLS has no pages without
    it.
    """
    schemes = {"https", scheme} if host else set[str]()
    behind = [f"{each}://{host}{port}" for each in sorted(schemes) for port in ("", ":*")]
    return [*([external_url] if external_url else []), *behind]
