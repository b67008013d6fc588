"""IAM roles for service accounts of an EKS cluster, one for each: no key that could leak, and no use of the node's
role.

Two ways lead from a pod to its role. With EKS Pod Identity an agent on each node hands out credentials, by the names of
namespace and service account; with IAM roles for service accounts (IRSA) AWS believes the cluster's own signature on
the pod's token, and the account carries the role's ARN. External: the agent's add-on, or the identity provider in IAM.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.kit.network import EKS_POD_IDENTITY, Allowance
from components.kit.options import depending_on

ROLE_ARN: Final = "eks.amazonaws.com/role-arn"
"""Annotation that has EKS hand a pod the means to take its account's role."""
Statement = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PodIdentity:
    """Roles for the pods of the EKS cluster of this name."""

    cluster: str

    @property
    def egress(self) -> tuple[Allowance, ...]:
        return (EKS_POD_IDENTITY,)

    def trust(self, _namespace: str, _account: str) -> Statement:
        """Any association may use the role: `account_role` makes the only one."""
        return {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }


@dataclass(frozen=True, kw_only=True)
class Irsa:
    """Roles for the pods of the cluster whose tokens this OpenID Connect provider of IAM vouches for."""

    provider: str
    """Its ARN: arn:aws:iam::<account>:oidc-provider/<issuer without https://>."""

    @property
    def egress(self) -> tuple[Allowance, ...]:
        """Nothing more than S3's: STS answers at port 443, too."""
        return ()

    def trust(self, namespace: str, account: str) -> Statement:
        """Both conditions matter: the audience alone lets every service account of the cluster in."""
        issuer = self.provider.partition(":oidc-provider/")[2]
        return {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:aud": "sts.amazonaws.com",
                    f"{issuer}:sub": f"system:serviceaccount:{namespace}:{account}",
                }
            },
        }


@dataclass(frozen=True)
class Folder:
    """A part of a bucket, for one account."""

    name: str
    lists_bucket: bool = False
    """Whether the account may also read the names outside it: the client that writes backups first asks for the bucket
    itself (HeadBucket), which S3 grants only to accounts that may list all of it.
    """


def use(bucket_arn: str, folder: Folder) -> list[Statement]:
    """What the owner of a folder may do: list, read, write and delete in it."""
    prefixes = {"s3:prefix": [folder.name, f"{folder.name}/*"]}
    return [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn,
            "Condition": {"StringLikeIfExists" if folder.lists_bucket else "StringLike": prefixes},
        },
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts",
            ],
            "Resource": f"{bucket_arn}/{folder.name}/*",
        },
    ]


def document(*statements: Statement) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def account_role(
    name: str,
    identity: PodIdentity | Irsa,
    *,
    namespace: pulumi.Input[str],
    account: str,
    description: str,
    policy: Output[str],
    opts: ResourceOptions,
) -> Output[Mapping[str, str]]:
    """A role that may do `policy`, for the pods of one service account.

    Returns the annotations that the account needs, known once its pods may use the role.
    """
    role = aws.iam.Role(
        f"{name}-role",
        description=description,
        assume_role_policy=Output.from_input(namespace).apply(
            lambda known: document(identity.trust(known, account)),
        ),
        opts=opts,
    )
    granted = aws.iam.RolePolicy(f"{name}-policy", role=role.id, policy=policy, opts=opts)
    if isinstance(identity, Irsa):
        return Output.all(role.arn, granted.id).apply(lambda known: {ROLE_ARN: str(known[0])})
    association = aws.eks.PodIdentityAssociation(
        f"{name}-association",
        cluster_name=identity.cluster,
        namespace=namespace,
        service_account=account,
        role_arn=role.arn,
        # Pods that start before it would be refused.
        opts=depending_on(opts, granted),
    )
    return association.association_id.apply(lambda _: {})
