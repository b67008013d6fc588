"""Where models and other artifacts are stored: AWS S3, another S3 service, or the one that the stack brings."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Tag
from pydantic.alias_generators import to_camel

from settings.problem import Problem, one_of
from settings.section import Section, kind_of
from settings.values.names import AwsRegion, BucketName, EksCluster, KmsKey, OidcProvider, S3Region
from settings.values.network import Endpoint
from settings.values.number import Count, Flag
from settings.values.quantity import Size
from settings.values.secret import SecretName


class AwsS3(Section):
    """A bucket on AWS that this stack makes: private, encrypted, versioned; pods reach it by IAM roles."""

    kind: Literal["aws-s3"]
    """Kind of the artifact store."""
    region: AwsRegion
    """Region of the bucket."""
    bucket: BucketName | None = None
    """Name of the bucket. Unset: a unique name made by Pulumi."""
    eks_cluster: EksCluster | None = None
    """EKS cluster whose pods get the roles by Pod Identity. Unset: the last part of the context's name, as EKS names
    contexts."""
    oidc_provider: OidcProvider | None = None
    """ARN of the cluster's OpenID Connect provider in IAM: pods get the roles by IRSA. Excludes eksCluster."""
    kms_key: KmsKey | None = None
    """ARN of the key that encrypts the bucket. Unset: S3's own key, which every reader of the bucket may use."""
    log_retention_days: Count = 30
    """How many days logs of trainings are kept."""

    def contradictions(self) -> Iterator[Problem]:
        if self.eks_cluster is not None and self.oidc_provider is not None:
            expected = "no eksCluster together with oidcProvider"
            remedy = "Remove it to use IRSA, or remove oidcProvider to use EKS Pod Identity"
            yield Problem.with_value(("eksCluster",), self.eks_cluster, expected, remedy)


class BundledStore(Section):
    """One S3 server in the tracking namespace, for laptops and development: no replicas, no backups."""

    storage: Size = "10Gi"
    """Size of its volume."""
    log_retention_days: Count = 30
    """How many days logs of trainings are kept."""
    record_retention_days: Count = 90
    """How many days predictions and outcomes of models with outcomes are kept."""


class LogBucket(Section):
    """A bucket of yours for the logs of trainings, with credentials of its own: no model is in it."""

    bucket: BucketName
    """Bucket at the endpoint; it must exist. Your own lifecycle rule decides how long logs are kept."""
    credentials_secret: SecretName
    """Secret in the loop's namespace with the keys access-key-id and secret-access-key, for an account that may add
    objects to this bucket."""


class ServiceRecord(Section):
    """A bucket of yours for predictions and outcomes, of models that take outcomes: in it one folder for each model."""

    bucket: BucketName
    """Bucket at the endpoint; it must exist. Your own lifecycle rule decides how long files are kept."""
    credentials_secret: SecretName
    """Secret in the loop's namespace with the keys access-key-id and secret-access-key, for an account that may list
    this bucket, read it and add to it."""
    training_secret: SecretName | None = None
    """The same for the code that trains: an account that may read <model>/trainings/ and nothing else. Needed by
    models with training.data."""


class Checksums(StrEnum):
    """Whether AWS's SDK adds checksums of its own to what it sends and asks for, as it does since 2025."""

    WHEN_REQUIRED = "when_required"
    """Only where S3 demands one: every service understands this."""
    WHEN_SUPPORTED = "when_supported"
    """Always: for services that support AWS's newer checksums."""


class S3Compatible(Section):
    """An S3 service other than AWS: the bundled one, or yours at an endpoint."""

    kind: Literal["s3-compatible"]
    """Kind of the artifact store."""
    bundled: BundledStore | None = None
    """Run the bundled server; excludes the other keys but kind."""
    endpoint: Endpoint | None = None
    """URL of your service; excludes bundled."""
    bucket: BucketName | None = None
    """Bucket at the endpoint; it must exist."""
    credentials_secret: SecretName | None = None
    """Secret in the tracking namespace with the keys access-key-id and secret-access-key."""
    region: S3Region = "us-east-1"
    """Region of your service, which requests are signed for."""
    ca_secret: SecretName | None = None
    """Secret with the key ca.crt, in the tracking namespace and, with logs, in the loop's as well: the authority that
    signed the service's certificate. Unset: the public certificate authorities."""
    checksums: Annotated[Checksums, one_of(Checksums, "Set it to when_required unless the service knows them")] = (
        Checksums.WHEN_REQUIRED
    )
    """Whether clients add checksums that only newer services support."""
    path_style: Flag = True
    """Whether the bucket is in the path of URLs. false: in the host name, without backups and logs."""
    logs: LogBucket | None = None
    """Where logs of trainings go. Unset: they stay with their pods; the bundled server has a bucket for them."""
    record: ServiceRecord | None = None
    """Where predictions and outcomes are kept. Unset: they are not; the bundled server has a bucket for them."""

    def contradictions(self) -> Iterator[Problem]:
        if self.bundled is not None:
            yield from self._own_service_excluded()
        elif self.endpoint is None:
            remedy = "Add endpoint: https://s3.example.com, or bundled: {storage: 10Gi} for development"
            yield Problem.missing(("endpoint",), "the URL of your S3 service, or bundled", remedy)
        else:
            if self.bucket is None:
                yield Problem.missing(("bucket",), "the bucket at the endpoint", "Add the name of a bucket that exists")
            if self.logs is not None and self.logs.bucket == self.bucket:
                expected = "another bucket than that of the models: code that trains writes logs"
                remedy = "Make one for logs, and an account that may add to it alone"
                yield Problem.with_value(("logs", "bucket"), self.logs.bucket, expected, remedy)
            if self.record is not None and self.record.bucket in (self.bucket, self.logs and self.logs.bucket):
                expected = "another bucket than that of the models or the logs: it holds what users were asked about"
                remedy = "Make one for the record, and an account for it alone"
                yield Problem.with_value(("record", "bucket"), self.record.bucket, expected, remedy)
            if self.ca_secret is not None and not str(self.endpoint).startswith("https"):
                expected = "no caSecret with an endpoint of http"
                yield Problem.with_value(("caSecret",), self.ca_secret, expected, "Remove it, or write https")
            if self.logs is not None and not self.path_style:
                remedy = "Remove it, or remove logs: the part that writes them puts the bucket in the path"
                yield Problem.with_value(("pathStyle",), False, "true together with logs", remedy)
            if self.credentials_secret is None:
                remedy = "Create it with the keys access-key-id and secret-access-key, and add its name"
                expected = "the name of a Secret in the tracking namespace"
                yield Problem.missing(("credentialsSecret",), expected, remedy)

    def _own_service_excluded(self) -> Iterator[Problem]:
        own = (
            "endpoint",
            "bucket",
            "credentials_secret",
            "region",
            "ca_secret",
            "checksums",
            "path_style",
            "logs",
            "record",
        )
        for name in own:
            key, value = to_camel(name), getattr(self, name)
            if value is not None and name in self.model_fields_set:
                remedy = "Remove it to run the bundled store, or remove bundled to use your own service"
                yield Problem.with_value((key,), value, f"no {key} together with bundled", remedy)


Artifacts = Annotated[
    Annotated[AwsS3, Tag("aws-s3")] | Annotated[S3Compatible, Tag("s3-compatible")],
    kind_of(),
]
"""The artifact store, chosen by its key `kind`."""
