"""The store's accounts: what each can do, and what goes each day. The logs themselves: test_training.py."""

import os
import time

import pytest

from local.node.node import Node
from tests.e2e.station import NAMESPACE, Station
from tests.e2e.store import LOGS, MLFLOW, MODELS, Call, ask, credentials_of, key

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PROBE = f"e2e/{time.time_ns()}"


@pytest.fixture(scope="module")
def node(station: Station) -> Node:
    return Node(station.paths)


def test_the_key_in_the_loop_s_namespace_adds_logs_and_reaches_no_model(node: Node) -> None:
    account = credentials_of(key(node))
    model, log = {"Bucket": MODELS, "Key": PROBE}, {"Bucket": LOGS, "Key": PROBE}
    assert ask(node, ("put_object", {**model, "Body": "a model"}))[0]["text"] == ""
    refused: list[Call] = [
        ("get_object", model),
        ("put_object", {**model, "Body": "another model"}),
        ("delete_object", model),
        ("copy_object", {**log, "CopySource": f"{MODELS}/{PROBE}"}),
        ("list_objects_v2", {"Bucket": MODELS}),
        ("put_bucket_policy", {"Bucket": LOGS, "Policy": "{}"}),
        ("create_bucket", {"Bucket": "e2e-mine"}),
        ("get_object", log),
        ("delete_object", log),
        ("list_objects_v2", {"Bucket": LOGS}),
    ]
    allowed: list[Call] = [("put_object", {**log, "Body": "a log"}), ("list_buckets", {})]
    answers = ask(node, *allowed, *refused, credentials=account)
    assert answers[:2] == [{"text": "", "keys": [], "buckets": []}] * 2
    assert [answer.get("error") for answer in answers[2:]] == ["AccessDenied"] * len(refused)
    ours = ask(node, ("get_object", model), ("get_object", log), ("delete_object", model), ("delete_object", log))
    assert [answer["text"] for answer in ours[:2]] == ["a model", "a log"]


def test_mlflow_s_own_key_reaches_its_folder_and_neither_logs_nor_backups(node: Node) -> None:
    backup, log = {"Bucket": MODELS, "Key": f"postgres/{PROBE}"}, {"Bucket": LOGS, "Key": f"logs/{PROBE}"}
    own = {"Bucket": MODELS, "Key": f"artifacts/{PROBE}"}
    ask(node, ("put_object", {**backup, "Body": "a backup"}), ("put_object", {**log, "Body": "a log"}))
    refused: list[Call] = [
        *((operation, place) for place in (backup, log) for operation in ("get_object", "delete_object")),
        *(("put_object", {**place, "Body": "another"}) for place in (backup, log)),
        *(("copy_object", {**own, "CopySource": f"{place['Bucket']}/{place['Key']}"}) for place in (backup, log)),
        ("list_objects_v2", {"Bucket": MODELS}),
        ("list_objects_v2", {"Bucket": MODELS, "Prefix": "postgres/"}),
        ("list_objects_v2", {"Bucket": LOGS}),
        ("put_bucket_policy", {"Bucket": MODELS, "Policy": "{}"}),
        ("create_bucket", {"Bucket": "e2e-mine"}),
    ]
    allowed: list[Call] = [
        ("put_object", {**own, "Body": "an artifact"}),
        ("get_object", own),
        ("list_objects_v2", {"Bucket": MODELS, "Prefix": f"artifacts/{PROBE}"}),
        ("delete_object", own),
    ]
    answers = ask(node, *allowed, *refused, credentials=MLFLOW)
    assert ["error" in each for each in answers[: len(allowed)]] == [False] * len(allowed)
    assert (answers[1]["text"], answers[2]["keys"]) == ("an artifact", [own["Key"]])
    assert [each.get("error") for each in answers[len(allowed) :]] == ["AccessDenied"] * len(refused)
    left = ask(node, ("get_object", backup), ("get_object", log), ("delete_object", backup), ("delete_object", log))
    assert [each["text"] for each in left[:2]] == ["a backup", "a log"]


def test_what_is_past_its_days_goes_and_what_is_not_stays(node: Node, station: Station) -> None:
    old, new = (f"{PROBE}/{name}/main.log" for name in ("old", "new"))
    ask(node, *(("put_object", {"Bucket": LOGS, "Key": name, "Body": name}) for name in (old, new)))
    (file,) = station.paths.volumes.glob(f"*/buckets/{LOGS}/{old}")
    month_ago = time.time() - 31 * 24 * 3600
    os.utime(file, (month_ago, month_ago))
    job = f"expiry-{time.time_ns()}"
    station.kubectl("create", "job", job, "--from=cronjob/artifacts-s3-expiry", "-n", NAMESPACE)
    station.kubectl("wait", f"job/{job}", "--for=condition=Complete", "--timeout=120s", "-n", NAMESPACE)
    station.kubectl("delete", "job", job, "-n", NAMESPACE)
    (left,) = ask(node, ("list_objects_v2", {"Bucket": LOGS, "Prefix": PROBE}))
    assert left["keys"] == [new]
    ask(node, ("delete_object", {"Bucket": LOGS, "Key": new}))
