"""MLflow: tracking server, model registry and their database."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from settings.problem import Problem, one_of
from settings.resources import Resources, default_resources
from settings.section import Section
from settings.values.cron import BackupCron
from settings.values.moment import Moment
from settings.values.names import ArchiveName, Namespace, ObjectName, OidcName
from settings.values.network import Host, IssuerUrl, NodePort
from settings.values.number import Count, Replicas
from settings.values.quantity import Size
from settings.values.secret import SecretName


class Delivery(StrEnum):
    """Who applies MLflow's servers. Not which MLflow runs: image, database, artifact store and rules are the same."""

    PULUMI = "pulumi"
    """This stack, object by object."""
    ARGOCD = "argocd"
    """Argo CD, from an Application with the community chart that this stack makes."""


class ArgoCd(Section):
    """The Argo CD that applies MLflow's servers. It runs in the stack's cluster."""

    namespace: Namespace = "argocd"
    """Where it looks for Applications."""
    project: ObjectName = "default"
    """The AppProject; it must allow the chart's repository and MLflow's namespace."""


class Restore(Section):
    """What a new database begins with: an archive in the artifact store."""

    archive: ArchiveName
    """Name of the archive that is read."""
    until: Moment | None = None
    """The moment it is restored to (UTC). Unset: the last one in the archive."""


class Backup(Section):
    """Base backups and the write-ahead log, kept in the artifact store: any moment since the oldest can be restored."""

    schedule: BackupCron = "0 3 * * *"
    """When base backups are taken (UTC)."""
    retention_days: Count = 30
    """How many days back a moment can be restored."""
    archive: ArchiveName = "mlflow-db"
    """Name of the archive that is written. A restored database must not write to the one that it was restored from."""
    restore: Restore | None = None
    """Begin a new database with what an archive holds; has no effect on an existing one."""

    def contradictions(self) -> Iterator[Problem]:
        if self.restore is not None and self.restore.archive == self.archive:
            expected = "a name other than that of restore.archive: the plugin writes to no archive that has a history"
            yield Problem.with_value(("archive",), self.archive, expected, f"Set it to {self.archive}-2 or so")


class Postgres(Section):
    """MLflow's database, run by CloudNativePG."""

    instances: Count = 3
    """One primary, the others standbys. 3 survives the loss of a node."""
    storage: Size = "20Gi"
    """Size of each instance's volume."""
    backup: Backup | None = None
    """Backups to the artifact store. Unset: none."""


class Oidc(Section):
    """A login at an OpenID Connect issuer, for people who come to MLflow's host. Pods have a way of their own."""

    issuer_url: IssuerUrl
    """URL of the issuer."""
    client_id: OidcName
    """Name of the client that is registered there, with the redirect https://HOST/oauth2/callback."""
    client_secret_name: SecretName
    """Secret in the tracking namespace with the keys client-secret and cookie-secret (16, 24 or 32 characters)."""
    allowed_groups: tuple[OidcName, ...] = ()
    """Groups that may come in. Empty: everyone whom the issuer lets use the client."""


class Tracking(Section):
    """MLflow: tracking server and model registry."""

    namespace: Namespace = "mlflow"
    """Namespace of MLflow, its database and the bundled artifact store."""
    replicas: Replicas = 2
    """MLflow servers."""
    delivery: Annotated[Delivery, one_of(Delivery, "Set it to pulumi unless Argo CD runs in the cluster")] = (
        Delivery.PULUMI
    )
    """Who applies MLflow's servers."""
    argocd: ArgoCd = ArgoCd()
    """Which Argo CD, where delivery is argocd."""
    host: Host | None = None
    """Host name of MLflow at the gateway. Unset: it is reached inside the cluster only."""
    oidc: Oidc | None = None
    """Login before the host. Unset: anyone who reaches the gateway reaches MLflow."""
    node_port: NodePort | None = None
    """Port of MLflow on every node, without TLS. For a one-machine cluster."""
    postgres: Postgres = Postgres()
    """MLflow's database."""
    resources: Resources = default_resources(cpu="250m", memory="1Gi", memory_limit="2Gi")
    """CPU and memory of each MLflow server."""

    def contradictions(self) -> Iterator[Problem]:
        if self.delivery is not Delivery.ARGOCD and "argocd" in self.model_fields_set:
            expected = "nothing while tracking.delivery is pulumi"
            yield Problem.with_value(("argocd",), self.argocd, expected, "Remove it, or set the delivery to argocd")
        if self.oidc is not None and self.host is None:
            expected = "the host name that people log in for"
            yield Problem.missing(("host",), expected, "Add it, or remove oidc")
        if self.oidc is not None and self.node_port is not None:
            expected = "no nodePort together with oidc: nobody logs in there"
            yield Problem.with_value(("nodePort",), self.node_port, expected, "Remove it, or remove oidc")
