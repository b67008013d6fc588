"""Where the logs of a model's trainings go: a folder of an S3 bucket that Argo's executor writes when a step ends.

The executor's containers alone see a key, where there is one. They add objects and can do nothing else in the store
(docs/decisions/0018-logs-outlive-pods.md).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pulumi import Output

from components.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket

FOLDER: Final = "logs"


def folder(model: str) -> str:
    """The model's part of the bucket. In it: `<workflow>/<pod>/main.log`, one for each attempt of each step."""
    return f"{FOLDER}/{model}"


def address(logs: Bucket, model: str) -> Output[str]:
    """The folder as a URL for S3 clients, known once it can be written to."""
    return Output.concat("s3://", logs.name, "/", folder(model))


def archive_location(logs: Bucket, model: str) -> Output[Mapping[str, Any]]:
    """The `archiveLocation` of a template, in Argo's spelling. It wins over what the controller's config says."""
    known = Output.all(name=logs.name, endpoint=logs.endpoint, secret=logs.credentials_secret)
    return known.apply(lambda it: _location(model, logs.region, it["name"], it["endpoint"], it["secret"]))


def _location(model: str, region: str, bucket: str, endpoint: str | None, secret: str | None) -> Mapping[str, Any]:
    url = urlsplit(endpoint or f"https://s3.{region}.amazonaws.com")
    place = {
        "endpoint": url.netloc,
        "insecure": url.scheme == "http",
        # Without it the executor asks the store for the bucket's region, which it has no right to.
        "region": region,
        "bucket": bucket,
        "key": f"{folder(model)}/{{{{workflow.name}}}}/{{{{pod.name}}}}",
    }
    if secret is None:
        return {"archiveLogs": True, "s3": {**place, "useSDKCreds": True}}
    keys = {"accessKeySecret": ACCESS_KEY_ID, "secretKeySecret": SECRET_ACCESS_KEY}
    selectors = {field: {"name": secret, "key": key} for field, key in keys.items()}
    return {"archiveLogs": True, "s3": {**place, **selectors}}
