"""Where artifacts are: on AWS, at a service that exists, or in the bundled one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from components.artifact_store import ArtifactStore, ArtifactStoreArgs, Store
from components.iam import Irsa
from components.s3_bucket import S3Bucket, S3BucketArgs
from components.versitygw import VersityGw, VersityGwArgs
from tests.unit.components.table import (
    SECRET_TEXT,
    external_s3_args,
    providers,
    s3_bucket_args,
    versitygw_args,
)
from tests.unit.mocks import Recording, Secret, record


def build(store: Store) -> tuple[Recording, ArtifactStore]:
    made: list[ArtifactStore] = []
    recording = record(lambda: made.append(ArtifactStore("store", ArtifactStoreArgs(store=store), providers())))
    return recording, made[0]


def versitygw(args: VersityGwArgs) -> Recording:
    return record(lambda: VersityGw("it", args, providers()))


def s3(args: S3BucketArgs) -> Recording:
    return record(lambda: S3Bucket("it", args, providers()))


@pytest.fixture(scope="module")
def bundled() -> Recording:
    return versitygw(versitygw_args())


@pytest.fixture(scope="module")
def bucket() -> Recording:
    return s3(s3_bucket_args())


@pytest.mark.parametrize(
    ("store", "made"),
    [(s3_bucket_args(), ["S3Bucket"]), (versitygw_args(), ["VersityGw"]), (external_s3_args(), [])],
    ids=["aws", "bundled", "external"],
)
def test_the_kind_of_the_arguments_decides_what_is_made(store: Store, made: list[str]) -> None:
    recording, _ = build(store)
    components = [resource.type.rpartition(":")[2] for resource in recording.resources if resource.component]
    assert components == ["ArtifactStore", *made]


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://s3.example.com", 443), ("http://s3.example.com", 80), ("https://s3.example.com:9000/base", 9000)],
)
def test_clients_of_a_service_elsewhere_may_reach_its_port_only(endpoint: str, port: int) -> None:
    _, store = build(replace(external_s3_args(), endpoint=endpoint))
    assert [(rule.ports, rule.peers) for rule in store.bucket.egress] == [((port,), None)]


def test_a_service_elsewhere_is_used_as_it_is() -> None:
    recording, _ = build(external_s3_args())
    outputs = {"bucket": "artifacts", "endpoint": "https://s3.example.com"}
    assert recording.only("ArtifactStore").outputs == outputs


def test_the_root_key_is_a_secret_in_the_state_and_in_the_cluster(bundled: Recording) -> None:
    data = bundled.inputs("Secret")["stringData"]
    assert data == Secret({"access-key-id": "ml-loop", "secret-access-key": SECRET_TEXT})


def test_the_server_reads_its_key_from_the_secret(bundled: Recording) -> None:
    (container,) = bundled.inputs("Deployment")["spec"]["template"]["spec"]["containers"]
    keys = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"]}
    assert keys == {
        "ROOT_ACCESS_KEY_ID": {"name": "it-root", "key": "access-key-id"},
        "ROOT_SECRET_ACCESS_KEY": {"name": "it-root", "key": "secret-access-key"},
    }


def test_one_pod_writes_the_volume_at_a_time(bundled: Recording) -> None:
    spec = bundled.inputs("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_bucket_is_known_once_the_job_that_makes_it_has_finished(bundled: Recording) -> None:
    assert bundled.only("VersityGw").outputs == {
        "bucket": "mlflow",
        "endpoint": "http://s3.mlflow.svc.cluster.local:7070",
    }
    assert "it-service" in bundled.only("Job").depends_on


def test_only_labelled_clients_reach_the_server(bundled: Recording) -> None:
    rules = bundled.inputs("NetworkPolicy", "it-server")["spec"]["ingress"]
    clients = {"ml-loop.dev/client-of-it": "true"}
    assert [rule["from"] for rule in rules] == [[{"podSelector": {"matchLabels": clients}}]]
    labels = bundled.inputs("Job")["spec"]["template"]["metadata"]["labels"]
    assert clients.items() <= labels.items()


def test_another_bucket_is_another_job_as_jobs_cannot_change(bundled: Recording) -> None:
    other = versitygw(replace(versitygw_args(), bucket="other"))
    assert bundled.inputs("Job")["metadata"]["name"] != other.inputs("Job")["metadata"]["name"]


def test_a_larger_volume_changes_the_claim_and_nothing_else(bundled: Recording) -> None:
    larger = versitygw(replace(versitygw_args(), storage="20Gi"))
    assert bundled.changed(larger) == ["PersistentVolumeClaim spec.resources.requests.storage"]


def document(recording: Recording, kind: str, key: str) -> list[dict[str, Any]]:
    return json.loads(recording.inputs(kind)[key])["Statement"]


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
    association = bucket.inputs("PodIdentityAssociation")
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
    assert [rule.ports for rule in store.bucket.egress] == [(443,)]


def test_each_service_account_has_a_role_of_its_own() -> None:
    folders = {"mlflow": "artifacts", "mlflow-db": "postgres"}
    recording = s3(replace(s3_bucket_args(), folders=folders))
    assert {role.name for role in recording.of("Role")} == {"it-mlflow-role", "it-mlflow-db-role"}


def test_plain_http_is_denied_to_everyone(bucket: Recording) -> None:
    (statement,) = document(bucket, "BucketPolicy", "policy")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws:::it-bucket", "arn:aws:::it-bucket/*"]


def test_old_versions_and_broken_uploads_are_forgotten(bucket: Recording) -> None:
    (rule,) = bucket.inputs("BucketLifecycleConfiguration")["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert "expiration" not in rule


def test_a_bucket_without_name_gets_one_from_pulumi() -> None:
    assert "bucket" not in s3(replace(s3_bucket_args(), bucket=None)).inputs("Bucket")


def test_clients_on_aws_may_reach_s3_and_the_agent_with_their_credentials() -> None:
    _, store = build(s3_bucket_args())
    assert [rule.ports for rule in store.bucket.egress] == [(443,), (80,)]
    assert store.bucket.credentials_secret is None
    assert [variable["name"] for variable in store.bucket.env()] == ["AWS_DEFAULT_REGION"]
