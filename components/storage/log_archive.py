"""Where the logs of a model's trainings go: a folder of an S3 bucket that Argo's executor writes when a step ends.

Only the executor's containers see a key, where there is one. They can add objects to the store and do nothing else
(docs/decisions/0018-logs-outlive-pods.md).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pulumi import Output

from components.kit.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket

FOLDER: Final = "logs"


def folder(model: str) -> str:
    """The model's part of the bucket. In it: `<workflow>/<pod>/main.log`, one for each attempt of each step."""
    return f"{FOLDER}/{model}"


def address(logs: Bucket, model: str) -> Output[str]:
    """The folder as a URL for S3 clients, known once it can be written to."""
    return Output.concat("s3://", logs.name, "/", folder(model))


def archived(spec: Mapping[str, Any], logs: Bucket, model: str) -> dict[str, Any]:
    """The spec of a workflow whose pods leave their logs there.

    Only the place itself may still be unknown in a preview: the policy pack sees all the rest.
    """
    location = _location(logs, model)
    templates = [{**each, "archiveLocation": location} if "container" in each else each for each in spec["templates"]]
    return {**spec, "templates": templates}


def _location(logs: Bucket, model: str) -> Mapping[str, Any]:
    """In Argo's spelling. The location in Argo's spelling overrides the controller's config."""
    url = Output.from_input(logs.endpoint or f"https://s3.{logs.region}.amazonaws.com").apply(urlsplit)
    place: dict[str, Any] = {
        "endpoint": url.apply(lambda known: known.netloc),
        "insecure": url.apply(lambda known: known.scheme == "http"),
        # Without it the executor asks the store for the bucket's region, which it has no right to.
        "region": logs.region,
        "bucket": logs.name,
        "key": f"{folder(model)}/{{{{workflow.name}}}}/{{{{pod.name}}}}",
    }
    if logs.ca_secret is not None:
        place["caSecret"] = {"name": logs.ca_secret, "key": "ca.crt"}
    if logs.credentials_secret is None:
        return {"archiveLogs": True, "s3": {**place, "useSDKCreds": True}}
    keys = {"accessKeySecret": ACCESS_KEY_ID, "secretKeySecret": SECRET_ACCESS_KEY}
    selectors = {field: {"name": logs.credentials_secret, "key": key} for field, key in keys.items()}
    return {"archiveLogs": True, "s3": {**place, **selectors}}
