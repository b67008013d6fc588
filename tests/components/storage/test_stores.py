"""Where artifacts are: on AWS, at a service that exists, or in the bundled one."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.storage.artifact_store import ArtifactStore, ArtifactStoreArgs, Store
from components.storage.iam import Folder, Irsa
from components.storage.record_bucket import RecordBucketArgs
from components.storage.s3_bucket import S3Bucket, S3BucketArgs
from components.storage.versitygw import VersityGw, VersityGwArgs
from components.training.training import Training
from tests.components.table import (
    SECRET_TEXT,
    external_s3_args,
    providers,
    s3_bucket_args,
    training_args,
    versitygw_args,
)
from tests.program.mocks import Recording, Secret, record


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
    assert [(rule.ports, rule.peers) for rule in store.bucket("mlflow").egress] == [((port,), None)]


def test_logs_go_to_a_bucket_of_their_own_at_the_service_by_another_secret() -> None:
    _, store = build(external_s3_args())
    assert store.logs
    assert store.logs.egress == store.bucket("mlflow").egress
    place = archive(trained(external_s3_args()))
    assert (place["endpoint"], place["insecure"], place["bucket"]) == ("s3.example.com", False, "training-logs")
    assert place["secretKeySecret"] == {"name": "training-logs-s3", "key": "secret-access-key"}


def test_at_a_service_without_a_bucket_for_logs_they_stay_with_their_pods() -> None:
    _, store = build(replace(external_s3_args(), logs=None))
    assert store.logs is None


def test_a_service_elsewhere_is_used_as_it_is() -> None:
    recording, _ = build(external_s3_args())
    outputs = {"bucket": "artifacts", "endpoint": "https://s3.example.com"}
    assert recording.only("ArtifactStore").outputs == outputs


def test_the_root_key_is_a_secret_in_the_state_and_in_the_cluster(bundled: Recording) -> None:
    data = bundled.inputs("Secret", "it-root")["stringData"]
    assert data == Secret({"access-key-id": "ml-loop", "secret-access-key": SECRET_TEXT})


def test_the_server_reads_its_key_from_the_secret(bundled: Recording) -> None:
    container = server(bundled)
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
        "logs": "ml-loop-logs",
        "endpoint": "http://s3.mlflow.svc.cluster.local:7070",
    }
    assert "it-service" in bundled.only("Job").depends_on


def test_only_labelled_clients_reach_the_server(bundled: Recording) -> None:
    rules = bundled.inputs("NetworkPolicy", "it-server")["spec"]["ingress"]
    clients = {"ml-loop.dev/client-of-it": "true"}
    here = {"podSelector": {"matchLabels": clients}}
    there = {**here, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "loop"}}}
    assert [rule["from"] for rule in rules] == [[here, there]]
    labels = [
        bundled.inputs("Job")["spec"]["template"]["metadata"]["labels"],
        bundled.inputs("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"],
    ]
    assert [clients.items() <= each.items() for each in labels] == [True, True]


def test_pods_that_an_operator_makes_reach_the_server_by_its_labels() -> None:
    args = replace(versitygw_args(), further_clients=[{"cnpg.io/cluster": "db"}])
    (rule,) = versitygw(args).inputs("NetworkPolicy", "it-server")["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": {"cnpg.io/cluster": "db"}}} in rule["from"]


def test_another_bucket_is_another_job_as_jobs_cannot_change(bundled: Recording) -> None:
    args = versitygw_args()
    others = [replace(args, bucket="other"), replace(args, logs=replace(args.logs, bucket="other"))]
    names = {each.inputs("Job")["metadata"]["name"] for each in (bundled, *map(versitygw, others))}
    assert len(names) == 3


def test_a_larger_volume_changes_the_claim_and_nothing_else(bundled: Recording) -> None:
    larger = versitygw(replace(versitygw_args(), storage="20Gi"))
    assert bundled.changed(larger) == ["PersistentVolumeClaim spec.resources.requests.storage"]


def server(bundled: Recording) -> dict[str, Any]:
    (container,) = bundled.inputs("Deployment")["spec"]["template"]["spec"]["containers"]
    return container


def accounts(bundled: Recording) -> dict[str, dict[str, str]]:
    return json.loads(bundled.inputs("Secret", "it-users")["stringData"].value["users.json"])["accessAccounts"]


def test_no_account_is_an_admin_and_each_has_a_key_of_its_own(bundled: Recording) -> None:
    found = accounts(bundled)
    assert {name: (each["access"], each["role"]) for name, each in found.items()} == {
        name: (name, "user") for name in ("ml-loop-mlflow", "ml-loop-mlflow-db", "ml-loop-logs")
    }
    keys = {name: each["secret"] for name, each in found.items()}
    assert keys.pop("ml-loop-logs") == SECRET_TEXT
    assert len({SECRET_TEXT, *keys.values()}) == 3
    assert all(len(key) == 64 for key in keys.values())


def policies(bundled: Recording) -> dict[str, Any]:
    (container,) = bundled.inputs("Job")["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def test_mlflow_s_account_uses_its_folder_and_lists_nothing_else(bundled: Recording) -> None:
    statements = json.loads(policies(bundled)["POLICY"])["Statement"]
    ours = [each for each in statements if each["Principal"] == {"AWS": ["ml-loop-mlflow"]}]
    assert [(each["Resource"], each.get("Condition")) for each in ours] == [
        ("arn:aws:s3:::mlflow", {"StringLike": {"s3:prefix": ["artifacts", "artifacts/*"]}}),
        ("arn:aws:s3:::mlflow/artifacts/*", None),
    ]
    assert all("*" not in action for each in statements for action in each["Action"])


def test_the_database_s_account_uses_its_folder_and_asks_for_the_bucket_first(bundled: Recording) -> None:
    statements = json.loads(policies(bundled)["POLICY"])["Statement"]
    ours = [each for each in statements if each["Principal"] == {"AWS": ["ml-loop-mlflow-db"]}]
    assert [(each["Resource"], each.get("Condition")) for each in ours] == [
        ("arn:aws:s3:::mlflow", {"StringLikeIfExists": {"s3:prefix": ["postgres", "postgres/*"]}}),
        ("arn:aws:s3:::mlflow/postgres/*", None),
    ]


def test_only_the_server_and_the_jobs_for_its_buckets_have_the_root_key(bundled: Recording) -> None:
    holders = {
        each.name
        for kind in ("Deployment", "Job", "CronJob", "StatefulSet")
        for each in bundled.of(kind)
        if '"it-root"' in json.dumps(each.inputs)
    }
    assert holders == {"it-server", "it-bucket", "it-expiry"}


def test_the_server_reads_its_accounts_from_a_volume_that_it_cannot_write(bundled: Recording) -> None:
    (mount,) = [each for each in server(bundled)["volumeMounts"] if each["name"] == "users"]
    assert mount == {"name": "users", "mountPath": "/etc/versitygw", "readOnly": True}
    arguments = server(bundled)["args"]
    assert arguments[arguments.index("--iam-dir") + 1] == mount["mountPath"]
    volumes = bundled.inputs("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "users", "secret": {"secretName": "it-users"}} in volumes


def test_the_loop_s_namespace_has_the_key_of_the_account_for_logs_and_no_other(bundled: Recording) -> None:
    held = {each.name: each.inputs["metadata"]["namespace"] for each in bundled.of("Secret")}
    ours = {"it-root": "mlflow", "it-users": "mlflow", "it-mlflow": "mlflow", "it-mlflow-db": "mlflow"}
    assert held == {**ours, "it-logs": "loop"}
    data = bundled.inputs("Secret", "it-logs")["stringData"]
    assert data == Secret({"access-key-id": "ml-loop-logs", "secret-access-key": SECRET_TEXT})


def test_the_account_for_logs_may_add_to_their_bucket_and_nothing_else(bundled: Recording) -> None:
    (container,) = bundled.inputs("Job")["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert (env["BUCKET"], env["LOG_BUCKET"]) == ("mlflow", "ml-loop-logs")
    assert json.loads(env["LOG_POLICY"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["ml-loop-logs"]},
            "Action": ["s3:PutObject"],
            "Resource": ["arn:aws:s3:::ml-loop-logs/*"],
        }
    ]


class Pages(list[dict[str, Any]]):
    """A bucket's listing as boto3 gives it, and what is deleted from it."""

    def client(self, _: str) -> "Pages":
        return self

    def get_paginator(self, _: str) -> "Pages":
        return self

    def paginate(self, **_: str) -> "Pages":
        return self

    def delete_object(self, **what: str) -> None:
        for page in self:
            page["Contents"] = [each for each in page.get("Contents", []) if each["Key"] != what["Key"]]


def test_each_day_logs_past_their_days_go_and_the_others_stay(
    bundled: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = bundled.inputs("CronJob")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    for each in container["env"]:
        monkeypatch.setenv(each["name"], each.get("value", ""))
    ages = {"of-today": 0, "of-last-month": 29.9, "old": 30.1, "older": 400}
    now = datetime.now(UTC)
    listed = [{"Key": key, "LastModified": now - timedelta(days=age)} for key, age in ages.items()]
    pages = Pages([{"Contents": listed[:3]}, {"Contents": listed[3:]}, {}])
    monkeypatch.setitem(sys.modules, "boto3", pages)
    exec(container["command"][2], {})  # noqa: S102  what the pod runs
    assert [each["Key"] for page in pages for each in page.get("Contents", [])] == ["of-today", "of-last-month"]


def trained(store: Store) -> Recording:
    """A store and a training that logs there."""

    def program() -> None:
        opts = providers()
        logs = ArtifactStore("store", ArtifactStoreArgs(store=store), opts).logs
        Training("training", replace(training_args(), logs=logs), opts)

    return record(program)


def archive(recording: Recording) -> dict[str, Any]:
    return recording.inputs("WorkflowTemplate")["spec"]["templates"][0]["archiveLocation"]["s3"]


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


def test_of_a_record_one_account_adds_the_other_reads_and_neither_deletes() -> None:
    kept = versitygw(replace(versitygw_args(), record=RecordBucketArgs(namespace="loop", days=90)))
    job = kept.inputs("Job", "it-record")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (text,) = (each["value"] for each in container["env"] if each["name"] == "POLICY")
    statements = json.loads(text)["Statement"]
    may = {(each["Principal"]["AWS"][0], each["Action"][0], each["Resource"][0]) for each in statements}
    arn = "arn:aws:s3:::ml-loop-record"
    assert may == {
        ("ml-loop-record", "s3:PutObject", f"{arn}/*"),
        ("ml-loop-performance", "s3:ListBucket", arn),
        ("ml-loop-performance", "s3:GetObject", f"{arn}/*"),
        ("ml-loop-performance", "s3:PutObject", f"{arn}/*/performance/*"),
    }
    homes = {each.inputs["metadata"]["namespace"] for each in kept.of("Secret") if each.name in RECORD_SECRETS}
    assert homes == {"loop"}


RECORD_SECRETS = {"it-record", "it-performance"}
