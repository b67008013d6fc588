"""A bucket with all its guards, then one guard missing or open a test."""

import json
from typing import Any

import pytest

from policy.manifest import Unknown
from policy.rule import Resource
from policy.rules.buckets import PRIVATE_BUCKETS
from tests.policy.manifests import changed, messages

DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::models", "arn:aws:s3:::models/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
INPUTS: dict[str, dict[str, Any]] = {
    "BucketPublicAccessBlock": dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    ),
    "BucketServerSideEncryptionConfiguration": {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    },
    "BucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
    "BucketPolicy": {"policy": json.dumps({"Statement": [DENY]})},
}
BUCKET = Resource({"bucket": "models"}, type="aws:s3/bucket:Bucket", urn="urn:models", label="Bucket models")


def guard(kind: str, inputs: dict[str, Any] | None = None) -> Resource:
    """A guard made from the bucket's id, which no preview knows."""
    return Resource(
        {**(inputs or INPUTS[kind]), "bucket": Unknown("bucket")},
        type=f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        label=f"{kind} models",
        references={"bucket": (BUCKET.urn,)},
    )


def said(**guards: Resource | None) -> list[str]:
    everything = {kind: guard(kind) for kind in INPUTS} | guards
    return messages(PRIVATE_BUCKETS, BUCKET, *(one for one in everything.values() if one))


def test_a_bucket_with_all_its_guards_passes() -> None:
    assert said() == []


@pytest.mark.parametrize("kind", INPUTS)
def test_a_missing_guard_is_named(kind: str) -> None:
    assert said(**{kind: None}) == [
        f"Bucket models: {kind} is not set; must be a resource of this stack; add an aws.s3.{kind} for the bucket"
    ]


@pytest.mark.parametrize("kind", INPUTS)
def test_a_guard_of_another_bucket_does_not_count(kind: str) -> None:
    other = Resource({**INPUTS[kind], "bucket": "other"}, type=guard(kind).type, label="other")
    assert len(said(**{kind: other})) == 1


@pytest.mark.parametrize("key", INPUTS["BucketPublicAccessBlock"])
def test_a_way_to_the_public_is_named(key: str) -> None:
    block = guard("BucketPublicAccessBlock", changed(INPUTS["BucketPublicAccessBlock"], key, False))
    assert said(BucketPublicAccessBlock=block) == [
        f"BucketPublicAccessBlock models: {key} is false; must be true; set it so"
    ]


def test_a_bucket_without_encryption_is_named() -> None:
    encryption = guard("BucketServerSideEncryptionConfiguration", {"rules": [{}]})
    assert said(BucketServerSideEncryptionConfiguration=encryption) == [
        (
            "BucketServerSideEncryptionConfiguration models: "
            "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm is not set; must be AES256 or aws:kms; set it so"
        )
    ]


def test_a_bucket_without_versions_is_named() -> None:
    versioning = guard("BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})
    assert said(BucketVersioning=versioning) == [
        'BucketVersioning models: versioningConfiguration.status is "Suspended"; must be Enabled; set it so'
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [("Effect", "Allow"), ("Principal", {"AWS": "arn:x"}), ("Action", "s3:GetObject"), ("Condition", None)],
)
def test_a_policy_that_lets_plain_http_pass_is_named(path: str, value: Any) -> None:
    text = json.dumps({"Statement": [changed(DENY, path, value)]})
    assert said(BucketPolicy=guard("BucketPolicy", {"policy": text})) == [
        (
            f"BucketPolicy models: policy is {json.dumps(text)}; must be a policy that denies all actions to everyone "
            "where aws:SecureTransport is false; set it so"
        )
    ]


def test_a_policy_that_is_not_known_yet_is_not_passed() -> None:
    assert said(BucketPolicy=guard("BucketPolicy", {"policy": Unknown("policy")})) == [
        (
            "BucketPolicy models: policy is not known yet; must be a policy that denies all actions to everyone "
            "where aws:SecureTransport is false"
        )
    ]


def test_a_public_acl_is_named() -> None:
    public = Resource(
        {"bucket": "models", "acl": "public-read"}, type=BUCKET.type, urn=BUCKET.urn, label="Bucket models"
    )
    assert messages(PRIVATE_BUCKETS, public, *map(guard, INPUTS)) == [
        'Bucket models: acl is "public-read"; must be unset or private; remove it'
    ]
