"""The bundled store as its accounts see it, asked from MLflow's server: that pod may call it."""

import base64
import json
from typing import Any, Final

from local.node.node import Node
from local.shell import run
from tests.e2e.closed_loop import NAMESPACE as LOOP
from tests.e2e.station import NAMESPACE

ENDPOINT: Final = f"http://s3.{NAMESPACE}.svc.cluster.local:7070"
MODELS, LOGS = "mlflow", "ml-loop-logs"
SECRET: Final = "artifacts-s3-logs"
"""In the loop's namespace: the account that trainings log with."""
MLFLOW: Final[dict[str, str]] = {}
"""Credentials of the pod itself."""
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


def key(node: Node, secret: str = SECRET, namespace: str = LOOP) -> dict[str, str]:
    """The data of an account's Secret, as the API has it."""
    return json.loads(run(*node.kubectl, "get", "secret", secret, "-n", namespace, "-o", "json"))["data"]


def credentials_of(held: dict[str, str]) -> dict[str, str]:
    """Those of boto3's client, from the data of a Secret."""
    names = {"access-key-id": "aws_access_key_id", "secret-access-key": "aws_secret_access_key"}
    return {ours: base64.b64decode(held[theirs]).decode() for theirs, ours in names.items()}


def ask(node: Node, *calls: Call, credentials: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """What S3 answers to calls of boto3's client: text, keys and buckets, or an error's code. By default as root."""
    if credentials is None:
        credentials = credentials_of(key(node, "artifacts-s3-root", NAMESPACE))
    given = json.dumps({"calls": calls, "credentials": credentials})
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
