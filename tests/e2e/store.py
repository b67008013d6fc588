"""The bundled store as its accounts see it, asked from MLflow's server: that pod may call it, and has root's key."""

import json
from typing import Any, Final

from local.node.node import Node
from local.shell import run
from tests.e2e.closed_loop import NAMESPACE as LOOP
from tests.e2e.station import NAMESPACE

ENDPOINT: Final = f"http://s3.{NAMESPACE}.svc.cluster.local:7070"
MODELS, LOGS = "mlflow", "ml-loop-logs"
SECRET: Final = "artifacts-s3-logs"
"""In the loop's namespace."""
ASK: Final = """\
import json, sys, boto3
from botocore.exceptions import ClientError
given = json.load(sys.stdin)
s3 = boto3.client("s3", **given["credentials"])
def ask(operation, arguments):
    try:
        answer = getattr(s3, operation)(**arguments)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    body = answer.get("Body")
    return {
        "text": body.read().decode() if body else "",
        "keys": [each["Key"] for each in answer.get("Contents", [])],
        "buckets": [each["Name"] for each in answer.get("Buckets", [])],
    }
print(json.dumps([ask(*call) for call in given["calls"]]))
"""
Call = tuple[str, dict[str, Any]]


def key(node: Node) -> dict[str, str]:
    """The data of the Secret with which trainings log, as the API has it."""
    return json.loads(run(*node.kubectl, "get", "secret", SECRET, "-n", LOOP, "-o", "json"))["data"]


def ask(node: Node, *calls: Call, credentials: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """What S3 answers to calls of boto3's client: text, keys and buckets, or an error's code. By default as root."""
    given = json.dumps({"calls": calls, "credentials": credentials or {}})
    return json.loads(
        run(*node.kubectl, "exec", "-i", "-n", NAMESPACE, "deployment/mlflow", "--", "python3", "-c", ASK, stdin=given)
    )


def logs(node: Node, model: str, workflow: str) -> dict[str, str]:
    """Pod → what its step said, of one workflow."""
    folder = f"logs/{model}/{workflow}/"
    (listed,) = ask(node, ("list_objects_v2", {"Bucket": LOGS, "Prefix": folder}))
    keys: list[str] = listed["keys"]
    answers = ask(node, *(("get_object", {"Bucket": LOGS, "Key": key}) for key in keys))
    return {
        key.removeprefix(folder).removesuffix("/main.log"): it["text"] for key, it in zip(keys, answers, strict=True)
    }
