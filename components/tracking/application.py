"""MLflow's servers by way of Argo CD: an Application with the community chart, with values made from our own
Deployment.

Everything else (migration, Service, ServiceAccount, Secret, policies, disruption budget) stays Pulumi's, as the chart
has no budget, migrates in every replica at once, and keeps no key between two syncs.

External: an Argo CD in the same cluster that reaches the chart's repository.
Not carried over, as the chart has no value for it: the pause before a server ends (`preStop`, and the longer grace for
it), and the start-up probe, for which the liveness probe begins later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

import versions
from components.kit.connections import Bucket, Database
from components.kit.custom import custom_resource, spelled
from components.kit.labels import labels
from components.kit.tokens import SOURCES, TOKEN_MOUNT, VOLUME

API_VERSION: Final = "argoproj.io/v1alpha1"
SYNCED: Final = '["jsonpath={.status.sync.status}=Synced", "jsonpath={.status.health.status}=Healthy"]'
CASCADE: Final = "resources-finalizer.argocd.argoproj.io"
"""Without it the servers would outlive the Application, and answer beside the servers of another delivery."""
PATH: Final = "/opt/app/identity/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The image's PATH, after the folder with the command that the chart calls."""
SET_BY_CHART: Final = ("host", "port", "artifacts-destination")
"""Options of the server that the chart gives it."""
SELECTED: Final = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
"""Labels that the chart sets on pods, to its own name and the release's; both equal ours."""
URIS: Final = ("MLFLOW_BACKEND_STORE_URI", "ARTIFACTS_DESTINATION")
"""Variables that our command refers to; the chart's command has the values in it."""
DATABASE_LOGIN: Final = ("PGUSER", "PGPASSWORD")
BUCKET_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
TOKEN: Final[Mapping[str, Any]] = {"name": VOLUME, "projected": {"sources": [*SOURCES]}}
"""The token for the API server, to review callers' tokens. The account hands out none; the chart cannot ask for one."""


@dataclass(frozen=True, kw_only=True)
class ArgoCdTarget:
    """The Argo CD that gets the Application."""

    namespace: str = "argocd"
    project: str = "default"
    chart_mirror: str | None = None
    """`oci://` folder where the chart comes from instead of its own repository."""


def application(
    name: str, argo_cd: ArgoCdTarget, namespace: pulumi.Input[str], values: Mapping[str, Any], opts: ResourceOptions
) -> k8s.apiextensions.CustomResource:
    """The Application `<namespace>-<name>`, which counts as created once its servers answer.

    An update of a healthy Application does not wait: its status is the old one until Argo CD has looked at it.
    """
    pin = versions.MLFLOW_CHART
    # Argo CD spells a registry without its scheme.
    repository = (argo_cd.chart_mirror or pin.repository).removeprefix("oci://")
    return custom_resource(
        f"{name}-application",
        API_VERSION,
        "Application",
        {
            # Two stacks on one cluster differ in MLflow's namespace.
            "name": Output.concat(namespace, "-", name),
            "namespace": argo_cd.namespace,
            "labels": labels(pin.name, name),
            "finalizers": [CASCADE],
        },
        {
            "project": argo_cd.project,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "source": {
                "repoURL": repository,
                "chart": pin.name,
                "targetRevision": pin.version,
                "helm": {"releaseName": name, "valuesObject": values},
            },
            # Healed, as an edited Deployment could run without the identity plugin.
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
        wait_for=SYNCED,
        opts=opts,
    )


def chart_values(
    name: str, server: k8s.apps.v1.DeploymentSpecArgsDict, *, database: Database, bucket: Bucket, folder: str
) -> dict[str, Any]:
    """The values with which the chart makes the pods of our own Deployment `server`.

    Artifacts are kept in `folder` of the bucket. Raises ValueError for a variable from a Secret that the chart has no
    value for.
    """
    spec = cast("dict[str, Any]", spelled(server))
    template, pod = spec["template"]["metadata"], spec["template"]["spec"]
    (container,) = pod["containers"]
    (port,) = (each["containerPort"] for each in container["ports"] if each["name"] == "http")
    # The chart joins both by a colon, whatever the reference has on its right: tag or digest.
    repository, _, tag = container["image"].rpartition(":")
    user = pod["securityContext"]
    return {
        # The Service of the release's name is Pulumi's, the same for every delivery; nothing uses the chart's own.
        "fullnameOverride": f"{name}-server",
        "replicaCount": spec["replicas"],
        "strategy": spec["strategy"],
        "image": {"repository": repository, "tag": tag, "pullPolicy": container["imagePullPolicy"]},
        "serviceAccount": {"create": False, "name": pod["serviceAccountName"]},
        "service": {"port": port, "containerPort": port, "containerPortName": "http"},
        "podAnnotations": template["annotations"],
        "extraPodLabels": {key: text for key, text in template["labels"].items() if key not in SELECTED},
        "podSecurityContext": user,
        # The chart's own user would win over the pod's.
        "securityContext": container["securityContext"] | {key: user[key] for key in ("runAsUser", "runAsGroup")},
        "resources": container["resources"],
        "affinity": pod["affinity"],
        **_stores(_secret_keys(container["env"]), database, bucket, folder),
        "extraArgs": dict(_options(container["command"])),
        "extraEnvVars": _plain(container["env"]) | {"PATH": PATH, "MLFLOW_PORT": str(port)},
        "extraVolumes": [*_without_scratch(pod["volumes"]), TOKEN],
        "extraVolumeMounts": [*_without_scratch(container["volumeMounts"]), TOKEN_MOUNT],
        **_probes(container),
    }


def _stores(
    secrets: Mapping[str, Mapping[str, Any]], database: Database, bucket: Bucket, folder: str
) -> dict[str, Any]:
    """Database, bucket and session key, with all that the server reads from Secrets."""
    user, password = (secrets[key] for key in DATABASE_LOGIN)
    access, key = (secrets.get(key) for key in BUCKET_KEYS)
    sessions = [variable for variable in secrets if variable not in (*DATABASE_LOGIN, *BUCKET_KEYS)]
    # The chart takes whole Secrets, so the key in them must have the variable's name.
    if strange := [variable for variable in sessions if secrets[variable]["key"] != variable]:
        raise ValueError(f"the chart has no value for {', '.join(strange)}: name the Secret's key like the variable")
    keys = {"keyOfAccessKeyId": access["key"], "keyOfSecretAccessKey": key["key"]} if access and key else {}
    return {
        "backendStore": {
            "postgres": {
                "enabled": True,
                "host": database.host,
                "port": database.port,
                "database": database.name,
                # SQLAlchemy 2.1 takes plain postgresql:// for psycopg 3, which the image doesn't have.
                "driver": "psycopg2",
            },
            "existingDatabaseSecret": {
                "name": user["name"],
                "usernameKey": user["key"],
                "passwordKey": password["key"],
            },
        },
        "artifactRoot": {
            "proxiedArtifactStorage": True,
            "s3": {
                "enabled": True,
                "bucket": bucket.name,
                "path": folder,
                **({"existingSecret": {"name": access["name"], **keys}} if access else {}),
            },
        },
        # Later ones win: the chart's own key comes first, and differs at each sync.
        "extraSecretNamesForEnvFrom": [secrets[variable]["name"] for variable in sessions],
    }


def _secret_keys(env: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Variable → `name` and `key` of the Secret's entry that it is read from."""
    return {each["name"]: each["valueFrom"]["secretKeyRef"] for each in env if "valueFrom" in each}


def _plain(env: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in env if "value" in each and each["name"] not in URIS}


def _options(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The server's options that have a value and that the chart does not set, as `--app-name`; it adds hyphens."""
    for option, value in pairwise(command):
        name = option.removeprefix("--")
        if option.startswith("--") and not value.startswith("--") and name not in SET_BY_CHART:
            first, *others = name.split("-")
            yield first + "".join(word.capitalize() for word in others), value


def _without_scratch(named: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The chart brings its own /tmp, by the same name."""
    return [each for each in named if each["name"] != "tmp"]


def _probes(container: Mapping[str, Any]) -> dict[str, Any]:
    """Every number of both probes: the chart's own would stay otherwise. The chart's probes ask for /health, too."""
    start, ready, live = (container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    begin = start["periodSeconds"] * start["failureThreshold"]

    def numbers(probe: Mapping[str, Any], after: int) -> dict[str, int]:
        kept = {key: number for key, number in probe.items() if key != "httpGet"}
        return {"initialDelaySeconds": after, "failureThreshold": 3} | kept

    return {"readinessProbe": numbers(ready, 0), "livenessProbe": numbers(live, begin)}
