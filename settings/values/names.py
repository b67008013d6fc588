"""Names: Kubernetes objects (DNS-1123) and labels, S3 buckets, MLflow metrics, features."""

from typing import Annotated

from pydantic import AfterValidator, Field

from settings.problem import Allowed
from settings.values.templates import untemplated

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def _not_the_clusters_own(namespace: str) -> str:
    if namespace == "default" or namespace.startswith("kube-"):
        raise ValueError
    return namespace


def _not_kubernetes_own(resource: str) -> str:
    if resource.partition("/")[0].endswith("kubernetes.io"):
        raise ValueError
    return resource


Namespace = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}$", max_length=63),
    AfterValidator(_not_the_clusters_own),
    Allowed(
        "at most 63 lowercase letters, digits and inner hyphens, and neither default nor kube-*",
        "Choose a namespace that is this stack's own: it becomes restricted and denies all traffic by default",
    ),
]

OtherNamespace = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}$", max_length=63),
    Allowed("the name of a namespace", "Write it as `kubectl get namespaces` prints it"),
]
"""A namespace that is not the stack's, and in which it makes nothing."""

ModelName = Annotated[
    str,
    Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=30),
    Allowed(
        "at most 30 lowercase letters, digits and inner hyphens, a letter first",
        "Shorten or respell it: Services such as NAME-production-predictor must stay within 63 characters",
    ),
]
"""Name of a registered model; the prefix of its objects in Kubernetes."""

ObjectName = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253),
    Allowed("the name of a Kubernetes object: lowercase letters, digits, inner hyphens and dots", "Respell it"),
]

ArchiveName = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}$", max_length=63),
    Allowed("the name of an archive: lowercase letters, digits and inner hyphens", "Respell it"),
]

BucketName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"),
    Allowed(
        "an S3 bucket name: 3 to 63 lowercase letters, digits and inner hyphens",
        "Respell it, without dots: TLS certificates of S3 do not cover names with dots",
    ),
]

AwsRegion = Annotated[
    str,
    Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$"),
    Allowed("an AWS region such as eu-west-1", "Set it to the region the bucket is, or shall be, in"),
]

S3Region = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$"),
    Allowed("the region that the S3 service is asked for, such as fr-par", "Write it as the service's own manual does"),
]
"""A region of a service other than AWS, whatever that service calls its regions."""

EksCluster = Annotated[
    str,
    Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$"),
    Allowed("the name of an EKS cluster", "Write the name that `aws eks list-clusters` prints"),
]

OidcProvider = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[a-z0-9.-]+(/[0-9A-Za-z]+)*$"),
    Allowed(
        "the ARN of an OpenID Connect provider in IAM",
        "Write the ARN with the cluster's issuer that `aws iam list-open-id-connect-providers` prints",
    ),
]

KmsKey = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-f-]+$"),
    Allowed("the ARN of a KMS key", "Write the key's ARN: an alias can be moved to another key"),
]

OidcName = Annotated[
    str,
    Field(pattern=r"^[^\s,]([^,\n]*[^\s,])?$"),
    Allowed("a name that the OpenID Connect issuer knows, without comma", "Write it as the issuer does"),
]
"""The name of a client or of a group."""

MetricName = Annotated[
    str,
    Field(pattern=r"^[\w./ -]+$", max_length=250),
    Allowed("the name of a metric that the evaluation logs, such as auc", "Use letters, digits and _ - . / only"),
]

FeatureName = Annotated[
    str,
    Field(min_length=1, max_length=250),
    AfterValidator(untemplated),
    Allowed(
        "the name of a feature, without {{",
        "Name a column of the training data, in quotes where YAML would read a number",
    ),
]

LabelKey = Annotated[
    str,
    Field(pattern=rf"^({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$", max_length=317),
    Allowed("the key of a Kubernetes label, such as release or example.com/team", "Respell it"),
]

LabelValue = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"),
    Allowed(
        "the value of a Kubernetes label: at most 63 letters, digits and inner - . _",
        "Respell it, in quotes",
    ),
]

ExtendedResource = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})+/[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$", max_length=253),
    AfterValidator(_not_kubernetes_own),
    Allowed(
        "a resource that a device plugin offers, such as nvidia.com/gpu",
        "Write it as `kubectl describe node` lists it under Allocatable",
    ),
]
