"""The bundled store: its server, its accounts, and what each may do."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.storage.record_bucket import RecordBucketArgs
from tests.components.arguments import versitygw_args
from tests.components.given import SECRET_TEXT
from tests.components.storage.recorded import versitygw
from tests.program.mocks import Recording, Secret


@pytest.fixture(scope="module")
def bundled() -> Recording:
    return versitygw(versitygw_args())


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
