"""The Go programs of the built-in cluster as data: each pinned to a module version, with what its build needs.

Every entry has a module of ours in `local/go/tools/<name>` whose go.mod and go.sum pin the whole dependency graph.
`python -m local.toolchain.pin NAME` writes those files anew after a version changes.
"""

from dataclasses import dataclass, field

OWN = "./"
"""Stands in place of a package of the module for the command whose `main.go` is beside our go.mod."""
STAGING = ("api", "apimachinery", "apiserver", "client-go", "component-base", "kms", "metrics")
"""Modules that Kubernetes releases with each of its versions, and that metrics-server is built from."""
NEWER_THAN_KUBERNETES = (
    "github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc",
    "github.com/go-openapi/jsonreference v0.21.0",
    "go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.35.0",
    "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.35.0",
    "golang.org/x/exp v0.0.0-20250106191152-7588d65b2ba8",
    "golang.org/x/time v0.11.0",
)
"""Requirements of metrics-server that Kubernetes does not have: a third of its packages depends on them."""


@dataclass(frozen=True, kw_only=True)
class GoTool:
    """One Go module and the commands built from it."""

    name: str
    module: str
    version: str
    licence: str
    commands: dict[str, str]
    """Package path within the module, or `OWN` → name of the binary."""
    ldflags: str = ""
    # Not in the text that keys are made of: a tool without tags keeps its key, and is not built anew.
    tags: str = field(default="", repr=False)
    """Build tags, separated by commas."""
    replaces: dict[str, str] = field(default_factory=dict[str, str])
    """Module path → `path version` that takes its place."""
    # Neither are these: go.mod, which keys are made of too, has them.
    requires: tuple[str, ...] = field(default=(), repr=False)
    """Modules that must be at least as new: `path version`."""
    excludes: tuple[str, ...] = field(default=(), repr=False)
    """Requirements of others that do not count: `path version`. Replaces would not do, as they change packages."""
    links: dict[str, str] = field(default_factory=dict[str, str])
    """Symbolic links that module zips drop: path in the module → its target, restored before the build."""
    blanks: tuple[str, ...] = ()
    """Empty files put where the module embeds what its release process would have made."""


TOOLS = {
    tool.name: tool
    for tool in (
        GoTool(
            name="pulumi",
            # renovate: datasource=go depName=github.com/pulumi/pulumi/pkg/v3
            module="github.com/pulumi/pulumi/pkg/v3",
            version="v3.259.0",
            licence="Apache-2.0",
            commands={"cmd/pulumi": "pulumi"},
            ldflags="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
            # Upstream replaces this module by a fork; a dependency's replaces do not apply by themselves.
            replaces={
                "github.com/atotto/clipboard": "github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e"
            },
        ),
        GoTool(
            name="coredns",
            # renovate: datasource=go depName=github.com/coredns/coredns
            module="github.com/coredns/coredns",
            version="v1.15.0",
            licence="Apache-2.0",
            commands={OWN: "coredns"},
        ),
        GoTool(
            name="metrics-server",
            # renovate: datasource=go depName=sigs.k8s.io/metrics-server
            module="sigs.k8s.io/metrics-server",
            # v0.9.0 is written for Kubernetes 1.36.
            version="v0.8.0",
            licence="Apache-2.0",
            commands={OWN: "metrics-server"},
            ldflags="-X k8s.io/client-go/pkg/version.gitVersion=v0.8.0",
            # Written for 0.33; with the cluster's own version, the packages of both programs are compiled once.
            requires=(*(f"k8s.io/{name} v0.35.8" for name in STAGING), "go.etcd.io/etcd/server/v3 v3.6.16"),
            excludes=NEWER_THAN_KUBERNETES,
        ),
        GoTool(
            name="cloudnative-pg",
            # renovate: datasource=go depName=github.com/cloudnative-pg/cloudnative-pg
            module="github.com/cloudnative-pg/cloudnative-pg",
            # v1.30.1 needs machinery and barman-cloud v0.6.0, which the module proxy does not serve.
            version="v1.30.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "cnpg-manager"},
            ldflags="-X github.com/cloudnative-pg/cloudnative-pg/pkg/versions.buildVersion=1.30.0",
        ),
        GoTool(
            name="versitygw",
            # renovate: datasource=go depName=github.com/versity/versitygw
            module="github.com/versity/versitygw",
            version="v1.8.0",
            licence="Apache-2.0",
            commands={"cmd/versitygw": "versitygw"},
        ),
        GoTool(
            name="argo-workflows",
            # renovate: datasource=go depName=github.com/argoproj/argo-workflows/v4
            module="github.com/argoproj/argo-workflows/v4",
            version="v4.0.7",
            licence="Apache-2.0",
            commands={"cmd/workflow-controller": "workflow-controller", "cmd/argoexec": "argoexec", "cmd/argo": "argo"},
            ldflags="-X github.com/argoproj/argo-workflows/v4.version=v4.0.7",
            links={"workflow/executor/osspecific/signal_linux.go": "signal_darwin.go"},
            # The web interface is built by npm at release; the `argo` command embeds it and never shows it.
            blanks=("ui/dist/app/index.html",),
        ),
        GoTool(
            name="argo-events",
            # renovate: datasource=go depName=github.com/argoproj/argo-events
            module="github.com/argoproj/argo-events",
            version="v1.9.10",
            licence="Apache-2.0",
            commands={"cmd": "argo-events"},
        ),
        GoTool(
            name="nats-server",
            # renovate: datasource=go depName=github.com/nats-io/nats-server/v2
            module="github.com/nats-io/nats-server/v2",
            version="v2.15.2",
            licence="Apache-2.0",
            commands={".": "nats-server"},
        ),
        GoTool(
            name="kserve",
            # renovate: datasource=go depName=github.com/kserve/kserve
            module="github.com/kserve/kserve",
            version="v0.20.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "kserve-manager"},
        ),
        GoTool(
            name="gateway-api",
            # The version that Traefik (pyproject.toml, group programs) is written for.
            # renovate: datasource=go depName=sigs.k8s.io/gateway-api
            module="sigs.k8s.io/gateway-api",
            version="v1.6.1",
            licence="Apache-2.0",
            # Its definitions are read, nothing is built.
            commands={},
        ),
        GoTool(
            name="promtool",
            # renovate: datasource=go depName=github.com/prometheus/prometheus
            module="github.com/prometheus/prometheus",
            version="v0.311.3",
            licence="Apache-2.0",
            commands={"cmd/promtool": "promtool"},
            # It evaluates rules and finds no services: without all clouds' clients it is built in half the time.
            tags="remove_all_sd",
        ),
        GoTool(
            name="actionlint",
            # renovate: datasource=go depName=github.com/rhysd/actionlint
            module="github.com/rhysd/actionlint",
            version="v1.7.12",
            licence="MIT",
            commands={"cmd/actionlint": "actionlint"},
        ),
        GoTool(
            name="plugin-barman-cloud",
            # Held at what the chart BARMAN_CLOUD of `versions` installs.
            # renovate: datasource=go depName=github.com/cloudnative-pg/plugin-barman-cloud
            module="github.com/cloudnative-pg/plugin-barman-cloud",
            version="v0.13.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "barman-cloud-manager"},
        ),
    )
}
