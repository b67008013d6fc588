"""What a component tells others about a service it offers: how to reach it, with which Secret, past which policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pulumi_kubernetes as k8s
from pulumi import Output

from components.kit.access import Access
from components.kit.network import Allowance
from components.kit.pod import SCRATCH, Env, Mount, Volume, plain_env, secret_env
from components.kit.tokens import TRACKING_TOKEN, TRACKING_TOKEN_ENV, TRACKING_TOKEN_MOUNT
from contract.names import DRIFT_TOPIC, OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from settings.kafka import Sasl

ACCESS_KEY_ID: Final = "access-key-id"
SECRET_ACCESS_KEY: Final = "secret-access-key"  # noqa: S105  a name, not a secret
"""The keys of a Secret with S3 credentials."""

CA_FOLDER: Final = "/etc/postgresql"
"""Where clients have the certificate of the database's authority."""

BUCKET_CA_FOLDER: Final = "/etc/s3-ca"
"""Where clients have the certificate of the S3 service's authority."""

KAFKA_CA_FOLDER: Final = "/etc/kafka-ca"
"""Where clients have the certificate of the brokers' authority."""

KAFKA_CLIENT_FOLDER: Final = "/etc/kafka-client"
"""Where clients have the certificate that they show to the brokers, and its key."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL database. No password passes through Pulumi: pods read it from the Secret."""

    host: Output[str]
    """Its primary's name, with namespace and cluster domain. Known once the database answers."""
    port: int
    name: str
    credentials_secret: str
    """Secret with keys `username` and `password`, in the clients' namespace."""
    ca_secret: str
    """Secret whose key `ca.crt` is the authority that signed the server's certificate."""
    client_labels: Mapping[str, str]
    """Labels of the pods that the database lets in."""
    egress: tuple[Allowance, ...]
    """What a client's NetworkPolicy has to allow."""

    @property
    def access(self) -> Access:
        """A client's."""
        return Access(
            env=self._env(),
            mounts=[{"name": "database-ca", "mount_path": CA_FOLDER, "read_only": True}],
            volumes=[_certificate("database-ca", self.ca_secret)],
            labels=self.client_labels,
            egress=self.egress,
        )

    def _env(self) -> list[Env]:
        """What libpq reads by itself: no password in a URL, which an error message could show."""
        return [
            secret_env("PGUSER", self.credentials_secret, "username"),
            secret_env("PGPASSWORD", self.credentials_secret, "password"),
            *plain_env({"PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{CA_FOLDER}/ca.crt"}),
        ]


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An S3 bucket, and how pods of one namespace use it."""

    name: Output[str]
    """Known once the bucket exists."""
    region: str
    endpoint: Output[str] | None
    """URL of an S3-compatible service; None: AWS itself."""
    ca_secret: str | None = None
    """Secret whose key `ca.crt` is the authority that signed the service's certificate; None: the public ones."""
    checksums: str | None = None
    """When AWS's SDK adds checksums of its own: `when_required` or `when_supported`; None: the SDK's own default."""
    path_style: bool = True
    """Whether the bucket is in the path of URLs, as SDKs do by themselves at any endpoint but AWS's."""
    credentials_secret: Output[str] | None
    """Secret with `ACCESS_KEY_ID` and `SECRET_ACCESS_KEY`; None: pods get a role by their service account."""
    client_labels: Mapping[str, str]
    """Labels of the pods that the service lets in."""
    egress: tuple[Allowance, ...]
    """What a client's NetworkPolicy has to allow."""
    annotations: Mapping[str, Output[Mapping[str, str]]] = field(default_factory=dict[str, Output[Mapping[str, str]]])
    """Service account → the annotations that bring its pods their role; none where there are no roles."""

    @property
    def access(self) -> Access:
        """What a client uses; where there are roles, its service account needs its `annotations` as well."""
        reached = Access(env=self._env(), labels=self.client_labels, egress=self.egress)
        if self.ca_secret is None:
            return reached
        mount: Mount = {"name": "s3-ca", "mount_path": BUCKET_CA_FOLDER, "read_only": True}
        return replace(reached, mounts=[mount], volumes=[_certificate("s3-ca", self.ca_secret)])

    def _env(self) -> list[Env]:
        """What boto3 reads by itself."""
        env = plain_env({"AWS_DEFAULT_REGION": self.region})
        if self.endpoint is not None:
            env += plain_env({"AWS_ENDPOINT_URL_S3": self.endpoint})
        env += plain_env(self.client_settings())
        if self.ca_secret is not None:
            env += plain_env({"AWS_CA_BUNDLE": f"{BUCKET_CA_FOLDER}/ca.crt"})
        if not self.path_style:
            env += plain_env({"MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE": "virtual"})
        if self.credentials_secret is not None:
            env += [
                secret_env("AWS_ACCESS_KEY_ID", self.credentials_secret, ACCESS_KEY_ID),
                secret_env("AWS_SECRET_ACCESS_KEY", self.credentials_secret, SECRET_ACCESS_KEY),
            ]
        return env

    def client_settings(self) -> dict[str, str]:
        """Variables by which AWS's SDK speaks in the way that the service understands."""
        if self.checksums is None:
            return {}
        # boto3#4398: since 1.36 it sends trailing checksums, which Ceph, B2, Wasabi and others refuse.
        return dict.fromkeys(("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"), self.checksums)


@dataclass(frozen=True, kw_only=True)
class RecordStore:
    """Where records of predictions and outcomes are: for each model the folder of its name."""

    recorder: Bucket
    """The bucket for the pods that add to it, and can do nothing else."""
    watcher: Bucket
    """The bucket for the pod that reads it, and adds what it found."""
    freezers: Mapping[str, Bucket] = field(default_factory=dict[str, Bucket])
    """Model → the bucket for the pod that sets down the rows of its trainings: it reads this model's record alone."""
    trainers: Mapping[str, Bucket] = field(default_factory=dict[str, Bucket])
    """Model → the bucket for the code that trains it: it reads what was set down for this model, no more."""

    def folder(self, bucket: Bucket, model: str) -> Output[str]:
        """A model's record, as `loop.runtime.objects` takes it."""
        return Output.concat("s3://", bucket.name, f"/{model}")


@dataclass(frozen=True, kw_only=True)
class KafkaConnection:
    """Kafka's brokers, and how pods of the loop's namespace reach them."""

    bootstrap_servers: Output[str]
    """`host:port`, separated by commas. Known once a bundled broker answers."""
    tls: bool
    ca_secret: str | None = None
    """Secret whose key `ca.crt` is the authority that signed the brokers' certificates; None: the public ones."""
    client_secret: str | None = None
    """Secret with `tls.crt` and `tls.key`, which clients show; None: none."""
    sasl: Sasl | None = None
    """How clients log in; None: they don't."""
    client_labels: Mapping[str, str]
    """Labels of the pods that the brokers let in."""
    egress: tuple[Allowance, ...]
    """What a client's NetworkPolicy has to allow."""

    @property
    def access(self) -> Access:
        """A client's."""
        access = Access(labels=self.client_labels, egress=self.egress, env=self._env())
        if self.ca_secret is not None:
            access += Access(
                mounts=[{"name": "kafka-ca", "mount_path": KAFKA_CA_FOLDER, "read_only": True}],
                volumes=[_certificate("kafka-ca", self.ca_secret)],
            )
        if self.client_secret is not None:
            access += Access(
                mounts=[{"name": "kafka-client", "mount_path": KAFKA_CLIENT_FOLDER, "read_only": True}],
                volumes=[_certificate("kafka-client", self.client_secret, "tls.crt", "tls.key")],
            )
        return access

    @property
    def writers(self) -> Mapping[str, str]:
        """Topic → the Secret of the account that alone writes it, where that is not the account of all pods."""
        if self.sasl is None:
            return {}
        secrets = {
            DRIFT_TOPIC: self.sasl.detector_secret_name,
            PREDICTIONS_TOPIC: self.sasl.servers_secret_name,
            OUTCOMES_TOPIC: self.sasl.outcomes_secret_name,
        }
        return {topic: secret for topic, secret in secrets.items() if secret is not None}

    def writing(self, topic: str) -> "KafkaConnection":
        """The connection of the account that writes the topic."""
        if self.sasl is None or topic not in self.writers:
            return self
        return replace(self, sasl=self.sasl.model_copy(update={"secret_name": self.writers[topic]}))

    def _env(self) -> list[Env]:
        """What the loop's pods read (`loop.runtime.kafka.client_settings`). The password stays in its Secret."""
        protocol = ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        env = plain_env({"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers, "KAFKA_SECURITY_PROTOCOL": protocol})
        if self.ca_secret is not None:
            env += plain_env({"KAFKA_SSL_CA_LOCATION": f"{KAFKA_CA_FOLDER}/ca.crt"})
        if self.client_secret is not None:
            shown = {"CERTIFICATE": "tls.crt", "KEY": "tls.key"}
            env += plain_env({f"KAFKA_SSL_{k}_LOCATION": f"{KAFKA_CLIENT_FOLDER}/{file}" for k, file in shown.items()})
        if self.sasl is not None:
            env += [
                *plain_env({"KAFKA_SASL_MECHANISM": str(self.sasl.mechanism)}),
                secret_env("KAFKA_SASL_USERNAME", self.sasl.secret_name, "username"),
                secret_env("KAFKA_SASL_PASSWORD", self.sasl.secret_name, "password"),
            ]
        return env


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """MLflow, and how pods of the loop's namespace reach it."""

    url: Output[str]
    """Known once it answers."""
    egress: tuple[Allowance, ...]
    """What a client's NetworkPolicy has to allow."""

    @property
    def reading(self) -> Access:
        """What an anonymous client uses. MLflow's client keeps files in its home."""
        return Access(env=plain_env({"MLFLOW_TRACKING_URI": self.url, "HOME": SCRATCH}), egress=self.egress)

    @property
    def writing(self) -> Access:
        """What a client uses that MLflow knows by its service account."""
        return self.reading + Access(
            env=plain_env(TRACKING_TOKEN_ENV), mounts=[TRACKING_TOKEN_MOUNT], volumes=[TRACKING_TOKEN]
        )


def _certificate(name: str, secret: str, *files: str) -> Volume:
    """An authority's certificate, or these files, and nothing else: the Secret may hold the authority's key as well."""
    items: list[k8s.core.v1.KeyToPathArgsDict] = [{"key": file, "path": file} for file in files or ("ca.crt",)]
    return {"name": name, "secret": {"secret_name": secret, "items": items}}
