"""A bucket on AWS: its rules, and the roles that reach its folders."""

import json
from dataclasses import replace
from typing import Any

import pytest

from components.storage.iam import Folder, Irsa
from components.storage.s3_bucket import S3BucketArgs
from tests.components.arguments import s3_bucket_args
from tests.components.storage.recorded import archive, build, s3, trained
from tests.program.mocks import Recording


@pytest.fixture(scope="module")
def bucket() -> Recording:
    return s3(s3_bucket_args())


def document(recording: Recording, kind: str, key: str, name: str = "it-mlflow") -> list[dict[str, Any]]:
    """The statements of what belongs to the role `name`; of the only one, where the kind is not a role's."""
    of_roles = {"Role": f"{name}-role", "RolePolicy": f"{name}-policy"}
    return json.loads(recording.inputs(kind, of_roles.get(kind, ""))[key])["Statement"]


def test_a_service_account_s_role_reaches_its_folder_and_nothing_else(bucket: Recording) -> None:
    listing, objects = document(bucket, "RolePolicy", "policy")
    assert listing == {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:::it-bucket",
        "Condition": {"StringLike": {"s3:prefix": ["artifacts", "artifacts/*"]}},
    }
    assert objects == {
        "Effect": "Allow",
        "Action": [
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
        ],
        "Resource": "arn:aws:::it-bucket/artifacts/*",
    }


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_key_of_one_s_own_encrypts_the_bucket_and_roles_may_use_it_through_s3_alone() -> None:
    recording = s3(replace(s3_bucket_args(), kms_key=KEY))
    (rule,) = recording.inputs("BucketServerSideEncryptionConfiguration")["rules"]
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert rule == {"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}
    assert document(recording, "RolePolicy", "policy")[2:] == [
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": KEY,
            "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
        }
    ]


def test_only_pods_of_the_cluster_take_the_role(bucket: Recording) -> None:
    (trust,) = document(bucket, "Role", "assumeRolePolicy")
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    association = bucket.inputs("PodIdentityAssociation", "it-mlflow-association")
    found = (association["clusterName"], association["namespace"], association["serviceAccount"])
    assert found == ("example", "mlflow", "mlflow")


ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"


PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"


def irsa() -> S3BucketArgs:
    return replace(s3_bucket_args(), identity=Irsa(provider=PROVIDER))


def test_with_irsa_only_tokens_of_the_one_account_made_out_to_aws_take_the_role() -> None:
    recording = s3(irsa())
    assert document(recording, "Role", "assumeRolePolicy") == [
        {
            "Effect": "Allow",
            "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{ISSUER}:aud": "sts.amazonaws.com",
                    f"{ISSUER}:sub": "system:serviceaccount:mlflow:mlflow",
                }
            },
        }
    ]
    assert recording.of("PodIdentityAssociation") == []


def test_with_irsa_a_role_may_do_the_same(bucket: Recording) -> None:
    assert document(s3(irsa()), "RolePolicy", "policy") == document(bucket, "RolePolicy", "policy")


def test_with_irsa_clients_need_no_agent() -> None:
    _, store = build(irsa())
    assert [rule.ports for rule in store.bucket("mlflow").egress] == [(443,)]


def test_each_service_account_has_a_role_of_its_own() -> None:
    folders = {"mlflow": Folder("artifacts"), "mlflow-db": Folder("postgres", lists_bucket=True)}
    recording = s3(replace(s3_bucket_args(), folders=folders))
    names = {role.name for role in recording.of("Role")}
    assert names == {"it-mlflow-role", "it-mlflow-db-role", "it-recommender-train-role"}


WRITER = "it-recommender-train"


def test_a_training_s_role_adds_logs_of_its_model_and_can_do_nothing_else(bucket: Recording) -> None:
    assert document(bucket, "RolePolicy", "policy", WRITER) == [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": "arn:aws:::it-bucket/logs/recommender/*",
        }
    ]
    association = bucket.inputs("PodIdentityAssociation", f"{WRITER}-association")
    assert (association["namespace"], association["serviceAccount"]) == ("loop", "recommender-train")


def test_with_irsa_a_training_s_role_is_for_its_account_in_the_loop_s_namespace() -> None:
    (trust,) = document(s3(irsa()), "Role", "assumeRolePolicy", WRITER)
    subject = trust["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == "system:serviceaccount:loop:recommender-train"


def test_on_aws_trainings_log_by_their_role() -> None:
    recording = trained(s3_bucket_args())
    assert "store-s3-recommender-train-association" in recording.only("WorkflowTemplate").depends_on
    assert archive(recording) == {
        "endpoint": "s3.eu-west-1.amazonaws.com",
        "insecure": False,
        "region": "eu-west-1",
        "bucket": "example-artifacts",
        "key": "logs/recommender/{{workflow.name}}/{{pod.name}}",
        "useSDKCreds": True,
    }


def test_with_irsa_a_training_s_account_names_its_role() -> None:
    account = trained(irsa()).inputs("ServiceAccount", "training-account")
    role = "arn:aws:::store-s3-recommender-train-role"
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}


def test_plain_http_is_denied_to_everyone(bucket: Recording) -> None:
    (statement,) = document(bucket, "BucketPolicy", "policy")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws:::it-bucket", "arn:aws:::it-bucket/*"]


def test_old_versions_and_broken_uploads_are_forgotten(bucket: Recording) -> None:
    rule, _ = bucket.inputs("BucketLifecycleConfiguration")["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert "expiration" not in rule


def test_logs_are_forgotten_after_their_days_with_their_old_versions(bucket: Recording) -> None:
    _, rule = bucket.inputs("BucketLifecycleConfiguration")["rules"]
    assert (rule["filter"], rule["status"]) == ({"prefix": "logs/"}, "Enabled")
    assert (rule["expiration"], rule["noncurrentVersionExpiration"]) == ({"days": 30}, {"noncurrentDays": 1})


def test_a_bucket_without_name_gets_one_from_pulumi() -> None:
    assert "bucket" not in s3(replace(s3_bucket_args(), bucket=None)).inputs("Bucket")


def test_clients_on_aws_may_reach_s3_and_the_agent_with_their_credentials() -> None:
    _, store = build(s3_bucket_args())
    bucket = store.bucket("mlflow")
    assert [rule.ports for rule in bucket.egress] == [(443,), (80,)]
    assert bucket.credentials_secret is None
    assert [variable["name"] for variable in bucket.access.env] == ["AWS_DEFAULT_REGION"]
