"""Every pin of the stack: charts and images, their licenses, and why a version is held where it is.

External: the registries and chart repositories named here. `ml-loop:images` replaces an image, and
`ml-loop:platform.chartMirror` the chart repositories. No digest is here yet, as none could be read from a registry when
these pins were written: a stack whose policy asks for images by digest names them in `ml-loop:images`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One exact version of a Helm chart."""

    name: str
    version: str
    repository: str
    """URL of an HTTP repository, or the `oci://` folder that holds the chart."""
    license: str
    """SPDX identifier of what the chart installs."""
    why: str
    """Why this version: what an older or a newer one breaks."""
    app: str = ""
    """Version of the program that it installs, where `known_as` names that."""
    known_as: str | None = None
    """`ecosystem:name` of the program in OSV's advisories."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Image:
    """One exact version of a container image."""

    repository: str
    tag: str
    license: str
    """SPDX identifier of the main program inside."""
    why: str
    digest: str | None = None
    """`sha256:<64 hex digits>`."""
    known_as: str | None = None
    """`ecosystem:name` of the main program in OSV's advisories; its version begins the tag."""

    @property
    def reference(self) -> str:
        """What goes into a pod: `repository:tag`, with `@digest` where it is known."""
        return self.mirrored(self.repository.partition("/")[0])

    def mirrored(self, registry: str) -> str:
        """The reference at another registry, which may have a path: everything after the original host stays."""
        tagged = f"{registry}/{self.repository.partition('/')[2]}:{self.tag}"
        return f"{tagged}@{self.digest}" if self.digest else tagged


# renovate: datasource=helm depName=argo-workflows registryUrl=https://argoproj.github.io/argo-helm
ARGO_WORKFLOWS = Chart(
    name="argo-workflows",
    version="1.0.18",
    app="4.0.6",
    known_as="Go:github.com/argoproj/argo-workflows/v4",
    repository="https://argoproj.github.io/argo-helm",
    license="Apache-2.0",
    why="Argo Workflows 4.0.6, the oldest without a published advisory.",
)

# renovate: datasource=helm depName=argo-events registryUrl=https://argoproj.github.io/argo-helm
ARGO_EVENTS = Chart(
    name="argo-events",
    version="2.4.22",
    app="1.9.10",
    known_as="Go:github.com/argoproj/argo-events",
    repository="https://argoproj.github.io/argo-helm",
    license="Apache-2.0",
    why="Argo Events 1.9.10; anything before 1.9.6 lets whoever writes a Sensor take the node (CVE-2025-32445).",
)

# renovate: datasource=helm depName=cert-manager registryUrl=https://charts.jetstack.io
CERT_MANAGER = Chart(
    name="cert-manager",
    version="v1.21.1",
    app="1.21.1",
    known_as="Go:github.com/cert-manager/cert-manager",
    repository="https://charts.jetstack.io",
    license="Apache-2.0",
    why="Past CVE-2026-25518; issues the certificates of KServe's webhooks and of the barman-cloud plugin.",
)

# renovate: datasource=helm depName=knative-operator registryUrl=https://knative.github.io/operator
KNATIVE_OPERATOR = Chart(
    name="knative-operator",
    version="v1.23.0",
    repository="https://knative.github.io/operator",
    license="Apache-2.0",
    why="Brings the manifests of Knative Serving 1.20 to 1.23, of which KNATIVE_SERVING is one.",
)

# renovate: datasource=github-releases depName=knative/serving
KNATIVE_SERVING: Final = "1.21.3"
"""Held at 1.21, the line that KServe 0.20 is tested with. It needs Kubernetes 1.33; 1.22 would need 1.34."""

# renovate: datasource=docker depName=ghcr.io/kserve/charts/kserve-crd
KSERVE_CRD = Chart(
    name="kserve-crd",
    version="v0.20.0",
    repository="oci://ghcr.io/kserve/charts",
    license="Apache-2.0",
    why="Moves with kserve-resources. Its CRDs go with the release, and every InferenceService with them: protect it.",
)

# renovate: datasource=docker depName=ghcr.io/kserve/charts/kserve-resources
KSERVE_RESOURCES = Chart(
    name="kserve-resources",
    version="v0.20.0",
    app="0.20.0",
    known_as="Go:github.com/kserve/kserve",
    repository="oci://ghcr.io/kserve/charts",
    license="Apache-2.0",
    why="The first whose controller passes Pod Security restricted as it comes.",
)

# renovate: datasource=helm depName=cloudnative-pg registryUrl=https://cloudnative-pg.github.io/charts
CLOUDNATIVE_PG = Chart(
    name="cloudnative-pg",
    version="0.29.0",
    app="1.30.0",
    known_as="Go:github.com/cloudnative-pg/cloudnative-pg",
    repository="https://cloudnative-pg.github.io/charts",
    license="Apache-2.0",
    why="CloudNativePG 1.30.0: the oldest line without CVE-2026-44477 and the one the barman-cloud plugin asks for.",
)

# renovate: datasource=helm depName=plugin-barman-cloud registryUrl=https://cloudnative-pg.github.io/charts
BARMAN_CLOUD = Chart(
    name="plugin-barman-cloud",
    version="0.7.0",
    app="0.13.0",
    known_as="Go:github.com/cloudnative-pg/plugin-barman-cloud",
    repository="https://cloudnative-pg.github.io/charts",
    license="Apache-2.0",
    why="Plugin 0.13.0, for CloudNativePG 1.26 and later; in-tree backups leave the operator in 1.31.",
)

# renovate: datasource=helm depName=mlflow registryUrl=https://community-charts.github.io/helm-charts
MLFLOW_CHART = Chart(
    name="mlflow",
    version="1.11.5",
    repository="https://community-charts.github.io/helm-charts",
    license="MIT",
    why="For Argo CD only, with our image. Any before 1.11.0 has pods that cannot pass Pod Security restricted.",
)

# renovate: datasource=docker depName=ghcr.io/cloudnative-pg/postgresql versioning=docker
POSTGRES = Image(
    repository="ghcr.io/cloudnative-pg/postgresql",
    tag="18.6-system-trixie",
    known_as="Bitnami:postgresql",
    license="PostgreSQL",
    why="18.6 closes 28 published holes of 18.4, the default of CloudNativePG 1.30.0. A new major version upgrades the "
    "data in place, so it is never automatic.",
)

# renovate: datasource=docker depName=ghcr.io/versity/versitygw
VERSITYGW = Image(
    repository="ghcr.io/versity/versitygw",
    tag="v1.8.0",
    known_as="Go:github.com/versity/versitygw",
    license="Apache-2.0",
    why="The release the bundled store was tried with, on file systems without user attributes (`--sidecar`).",
)

# renovate: datasource=pypi depName=mlflow versioning=pep440
MLFLOW = Image(
    repository="ghcr.io/ml-loop/mlflow",
    tag="3.17.2",
    known_as="PyPI:mlflow",
    license="Apache-2.0",
    why="Built from images/mlflow: upstream's has neither psycopg2 nor boto3. 3.18.0 lacks its mlflow-skinny on PyPI.",
)

# renovate: datasource=docker depName=ghcr.io/ml-loop/loop
LOOP = Image(
    repository="ghcr.io/ml-loop/loop",
    tag="0.1.0",
    license="Apache-2.0",
    why="Built from images/loop, released with the stack.",
)

# renovate: datasource=docker depName=ghcr.io/ml-loop/detector
DETECTOR = Image(
    repository="ghcr.io/ml-loop/detector",
    tag="0.1.0",
    license="Apache-2.0",
    why="Built from images/detector, with alibi-detect 0.11.4: later ones (BSL) must not run in production.",
)

# renovate: datasource=docker depName=ghcr.io/ml-loop/page
PAGE = Image(
    repository="ghcr.io/ml-loop/page",
    tag="0.1.0",
    license="Apache-2.0",
    why="Built from images/page and loop/page, released with the stack; htmx (0BSD) is inside.",
)

# renovate: datasource=docker depName=ghcr.io/ml-loop/recommender
RECOMMENDER = Image(
    repository="ghcr.io/ml-loop/recommender",
    tag="0.1.0",
    license="Apache-2.0",
    why="Built from examples/recommender, released with the stack.",
)

# renovate: datasource=docker depName=apache/kafka
KAFKA = Image(
    repository="docker.io/apache/kafka",
    tag="4.3.1",
    known_as="Bitnami:kafka",
    license="Apache-2.0",
    why="The release the bundled broker was tried with.",
)

# renovate: datasource=docker depName=nats
NATS = Image(
    repository="docker.io/library/nats",
    tag="2.15.2",
    known_as="Go:github.com/nats-io/nats-server/v2",
    license="Apache-2.0",
    why="The release the event bus was tried with; Argo Events' own default is a tag that moves.",
)

# renovate: datasource=docker depName=quay.io/oauth2-proxy/oauth2-proxy
OAUTH2_PROXY = Image(
    repository="quay.io/oauth2-proxy/oauth2-proxy",
    tag="v7.15.4",
    known_as="Go:github.com/oauth2-proxy/oauth2-proxy/v7",
    license="MIT",
    why="Past the bypasses of authentication fixed in 7.15.2 (CVE-2026-34457, CVE-2026-40575, CVE-2026-41059).",
)

# renovate: datasource=docker depName=natsio/prometheus-nats-exporter
NATS_EXPORTER = Image(
    repository="docker.io/natsio/prometheus-nats-exporter",
    tag="0.14.0",
    license="Apache-2.0",
    why="What Argo Events 1.9.10 puts beside an event bus by default.",
)

# renovate: datasource=docker depName=natsio/nats-server-config-reloader
NATS_RELOADER = Image(
    repository="docker.io/natsio/nats-server-config-reloader",
    tag="0.14.0",
    license="Apache-2.0",
    why="What Argo Events 1.9.10 puts beside an event bus by default.",
)

# renovate: datasource=docker depName=envoyproxy/envoy
ENVOY = Image(
    repository="docker.io/envoyproxy/envoy",
    tag="v1.37.10",
    known_as="Bitnami:envoy",
    license="Apache-2.0",
    why="The oldest line with fixes. Kourier of Knative Serving 1.21 was made with 1.36, which gets none any more.",
)

IMAGES: Final[Mapping[str, Image]] = {
    "mlflow": MLFLOW,
    "loop": LOOP,
    "detector": DETECTOR,
    "page": PAGE,
    "recommender": RECOMMENDER,
    "postgres": POSTGRES,
    "versitygw": VERSITYGW,
    "kafka": KAFKA,
    "nats": NATS,
    "oauth2-proxy": OAUTH2_PROXY,
}
"""The images by their names in `ml-loop:images`."""
