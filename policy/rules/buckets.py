"""Buckets are private, versioned, encrypted and answer over TLS alone, as resources beside them say."""

from collections.abc import Callable, Iterator
from typing import Any

from policy.iam_document import statements
from policy.manifest import Unknown, elements, get
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
PUBLIC_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "website")


def _public_access(companion: Resource) -> Iterator[tuple[str, Any, str]]:
    for key in PUBLIC_BLOCKS:
        if (found := get(companion.manifest, key)) is not True:
            yield key, found, "true"


def _encryption(companion: Resource) -> Iterator[tuple[str, Any, str]]:
    for path, rule in elements(get(companion.manifest, "rules"), "rules"):
        found = get(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm")
        if found not in ("AES256", "aws:kms", "aws:kms:dsse"):
            yield f"{path}.applyServerSideEncryptionByDefault.sseAlgorithm", found, "AES256 or aws:kms"


def _versioning(companion: Resource) -> Iterator[tuple[str, Any, str]]:
    if (found := get(companion.manifest, "versioningConfiguration", "status")) != "Enabled":
        yield "versioningConfiguration.status", found, "Enabled"


def _tls_only(companion: Resource) -> Iterator[tuple[str, Any, str]]:
    policy = get(companion.manifest, "policy")
    if isinstance(policy, Unknown) or not any(_denies_plain_http(each) for _, each in statements(policy, "policy")):
        yield "policy", policy, "a policy that denies all actions to everyone where aws:SecureTransport is false"


def _denies_plain_http(statement: Any) -> bool:
    return (
        get(statement, "Effect") == "Deny"
        and get(statement, "Principal") in ("*", {"AWS": "*"})
        and get(statement, "Action") in ("*", "s3:*", ["*"], ["s3:*"])
        and str(get(statement, "Condition", "Bool", "aws:SecureTransport")).lower() in ("false", "['false']")
    )


Judgement = Callable[[Resource], Iterator[tuple[str, Any, str]]]
COMPANIONS: dict[str, tuple[tuple[str, ...], Judgement]] = {
    "BucketPublicAccessBlock": (("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",), _public_access),
    "BucketServerSideEncryptionConfiguration": (
        (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
        ),
        _encryption,
    ),
    "BucketVersioning": (
        ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2"),
        _versioning,
    ),
    "BucketPolicy": (("aws:s3/bucketPolicy:BucketPolicy",), _tls_only),
}
"""What guards a bucket: the resource's name → its type tokens, and what must hold in it."""


def bucket_violations(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """For a bucket: each guard that is missing, and what each guard leaves open."""
    if resource.type not in BUCKETS:
        return
    if (acl := get(resource.manifest, "acl")) in PUBLIC_ACLS or isinstance(acl, Unknown):
        yield Violation(resource.name, "acl", acl, "unset or private", "remove it")
    for guard, (types, judge) in COMPANIONS.items():
        companions = [other for other in stack.resources if other.type in types and _guards(other, resource)]
        if not companions:
            yield Violation(
                resource.name, guard, None, "a resource of this stack", f"add an aws.s3.{guard} for the bucket"
            )
        for companion in companions:
            for field, found, required in judge(companion):
                yield Violation(companion.name, field, found, required, "set it so")


def _guards(companion: Resource, bucket: Resource) -> bool:
    """Whether it guards the bucket, by the output that it was made from, or by the name where that is known."""
    name = get(bucket.manifest, "bucket")
    return bucket.urn in companion.references.get("bucket", ()) or (
        isinstance(name, str) and get(companion.manifest, "bucket") == name
    )


PRIVATE_BUCKETS = Rule(
    name="private-buckets",
    description="Buckets are private, versioned, encrypted and reached over TLS alone.",
    check=bucket_violations,
    whole_stack=True,
)
