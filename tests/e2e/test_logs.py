"""The store's bucket for logs: what its account can do, and what goes each day. What is in it: test_training.py."""

import base64
import os
import time

import pytest

from local.node.node import Node
from tests.e2e.station import NAMESPACE, Station
from tests.e2e.store import LOGS, MODELS, Call, ask, key

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PROBE = f"e2e/{time.time_ns()}"


@pytest.fixture(scope="module")
def node(station: Station) -> Node:
    return Node(station.paths)


def test_the_key_in_the_loop_s_namespace_adds_logs_and_reaches_no_model(node: Node) -> None:
    held = {name: base64.b64decode(value).decode() for name, value in key(node).items()}
    account = {"aws_access_key_id": held["access-key-id"], "aws_secret_access_key": held["secret-access-key"]}
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
