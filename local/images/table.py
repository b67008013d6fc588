"""Every image of the built-in cluster as data: name, layers, entry point, user."""

from dataclasses import dataclass, field
from typing import Final

from local.images.layers import Apt, Base, Files, Layer, Maven, Programs
from local.images.packages import Environment, Python

NONROOT: Final = "65532"
PYTHON_ENV: Final = {
    "HOME": "/tmp",  # noqa: S108  # the only writable place of a pod with a read-only root
    "PYTHONPATH": "/opt/python:/opt/app",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True, kw_only=True)
class LocalImage:
    """One image. Named `ml-loop.local/<name>` and referred to by digest, so that a pod never runs an older build."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    user: str = NONROOT
    env: dict[str, str] = field(default_factory=dict[str, str])
    stack: bool = False
    """Whether the stack's settings name this image; the others belong to the cluster."""
    trains: bool = False
    """Whether models are trained in it, so that earlier builds are kept for the versions that came from them."""
    tag: str | None = None
    """A fixed tag instead of the digest, where the reader accepts no digest."""


BASE = Base(suite="bookworm", packages=("python3", "ca-certificates"))

POSTGRES = Apt(
    name="postgres",
    base=BASE,
    packages=("postgresql-15",),
    # On installation the package would make a cluster; CloudNativePG makes its own.
    before="mkdir -p /etc/postgresql-common;"
    " echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf",
    # CloudNativePG runs the server as user and group 26 (Debian's `tape`) and calls its programs by name.
    after="groupdel tape; groupmod -g 26 postgres; usermod -u 26 -g 26 postgres;"
    " ln -sf /usr/lib/postgresql/15/bin/* /usr/local/bin/; chown -R 26:26 /var/lib/postgresql /var/run/postgresql",
)

JRE = Apt(name="jre", base=BASE, packages=("openjdk-17-jre-headless",), before="mkdir -p /usr/share/man/man1")
LOOP_CODE = Files(name="loop-code", folders=("contract", "loop"), entry_points="images/loop/ml_loop.dist-info")
IDENTITY = Files(
    name="identity-code", folders=("contract", "identity"), entry_points="images/mlflow/ml_loop_identity.dist-info"
)
MLFLOW_PACKAGES, LOOP_PACKAGES = Environment(project="images/mlflow"), Environment(project="images/loop")
# Two thirds of both images: MLflow, its client and what both compute with.
SHARED = Python(name="shared-packages", environments=(MLFLOW_PACKAGES, LOOP_PACKAGES))
LOOP = (BASE, SHARED, Python(name="loop", environments=(LOOP_PACKAGES,), above=SHARED), LOOP_CODE)


def python(name: str, project: str, *part: str) -> Python:
    environment = Environment(project=project, part=part) if part else Environment(project=project)
    return Python(name=name, environments=(environment,))


# The example's data, without pandas, which the loop's own layer has.
DATA = python("data", "images/loop", "--only-group", "recommender", "--prune", "pandas")
CENSUS = python("census", "images/census")
"""The second example's data."""


def programs(name: str, *binaries: tuple[str, str], links: tuple[tuple[str, str], ...] = ()) -> Programs:
    return Programs(name=name, binaries=binaries, links=links)


BARMAN_CLOUD = programs("barman-cloud", ("barman-cloud-manager", "/manager"))

IMAGES: Final = (
    LocalImage(name="pause", tag="1", layers=(programs("pause", ("pause", "/pause")),), entrypoint=("/pause",)),
    LocalImage(name="coredns", layers=(programs("coredns", ("coredns", "/coredns")),), entrypoint=("/coredns",)),
    LocalImage(
        name="metrics-server",
        layers=(programs("metrics-server", ("metrics-server", "/metrics-server")),),
        entrypoint=("/metrics-server",),
    ),
    LocalImage(
        name="cloudnative-pg",
        # The operator finds itself at operator/manager_ARCH and copies /manager into the database's pods.
        layers=(
            programs(
                "cloudnative-pg",
                ("cnpg-manager", "/operator/manager_amd64"),
                links=(("/manager", "operator/manager_amd64"),),
            ),
        ),
        entrypoint=("/manager",),
    ),
    LocalImage(
        name="versitygw",
        stack=True,
        layers=(programs("versitygw", ("versitygw", "/versitygw")),),
        entrypoint=("/versitygw",),
    ),
    LocalImage(
        name="workflow-controller",
        layers=(programs("workflow-controller", ("workflow-controller", "/bin/workflow-controller")),),
        entrypoint=("/bin/workflow-controller",),
    ),
    # Workflow pods call `argoexec` by name.
    LocalImage(
        name="argoexec", layers=(programs("argoexec", ("argoexec", "/bin/argoexec")),), entrypoint=("/bin/argoexec",)
    ),
    LocalImage(name="kserve", layers=(programs("kserve", ("kserve-manager", "/manager")),), entrypoint=("/manager",)),
    LocalImage(
        name="argo-events",
        layers=(programs("argo-events", ("argo-events", "/bin/argo-events")),),
        entrypoint=("/bin/argo-events",),
    ),
    LocalImage(name="traefik", layers=(programs("traefik", ("traefik", "/traefik")),), entrypoint=("/traefik",)),
    LocalImage(
        name="nats",
        stack=True,
        layers=(programs("nats", ("nats-server", "/nats-server")),),
        entrypoint=("/nats-server",),
    ),
    # CloudNativePG reads PostgreSQL's major version from the tag.
    LocalImage(name="postgres", stack=True, tag="15", layers=(BASE, POSTGRES), user="26"),
    LocalImage(
        name="mlflow",
        stack=True,
        layers=(BASE, SHARED, Python(name="mlflow", environments=(MLFLOW_PACKAGES,), above=SHARED), IDENTITY),
        env=PYTHON_ENV,
    ),
    LocalImage(name="loop", stack=True, layers=LOOP, env=PYTHON_ENV),
    LocalImage(
        name="recommender",
        stack=True,
        trains=True,
        layers=(*LOOP, DATA, CENSUS, Files(name="examples", folders=("examples",))),
        env=PYTHON_ENV,
    ),
    LocalImage(
        name="detector",
        stack=True,
        layers=(BASE, python("detector", "images/detector"), LOOP_CODE),
        env=PYTHON_ENV,
    ),
    LocalImage(
        name="page",
        stack=True,
        layers=(
            BASE,
            python("page", "images/loop", "--only-group", "page"),
            Maven(name="page-scripts", pom="images/page/pom.xml", place="/opt/page"),
            LOOP_CODE,
        ),
        env=PYTHON_ENV,
    ),
    LocalImage(
        name="kafka",
        stack=True,
        layers=(BASE, JRE, Maven(name="kafka", pom="images/kafka/pom.xml", place="/opt/kafka/libs")),
        env={"CLASSPATH": "/opt/kafka/libs/*"},
    ),
)

BACKUP_IMAGES: Final = (
    LocalImage(name="plugin-barman-cloud", layers=(BARMAN_CLOUD,), entrypoint=("/manager",)),
    # Beside a database: the same program, which calls Barman's commands by name.
    LocalImage(
        name="plugin-barman-cloud-sidecar",
        # The base comes late, as its user names must win over those of an image without a distribution.
        layers=(BARMAN_CLOUD, BASE, python("barman", "images/barman")),
        entrypoint=("/manager",),
        user="26",
        env=PYTHON_ENV | {"PATH": "/opt/python/bin:/usr/local/bin:/usr/bin:/bin"},
    ),
)
"""The plugin that archives databases: only for a stack that asks for backups, which most on one machine do not."""
