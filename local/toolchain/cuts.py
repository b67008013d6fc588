"""What is left out of Go tools before they are built: clients of services that the built-in cluster does not have.

A cut removes lines, blocks or files and adds no code. The compiler finds an unused import and a missing name, and `cut`
a pattern without a match: a new version is built with the cuts that were meant, or not at all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.steps import StepError


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A file of the module that is left out, or parts of one."""

    file: str
    gone: tuple[str, ...] = ()
    """Patterns that a line begins with after its indentation. The line is removed with what is indented below it and
    its closing bracket: an import, an element, a statement, a function. None: the file is removed.
    """


def imports(*paths: str) -> tuple[str, ...]:
    """Patterns of Go imports, whatever names they get."""
    return tuple(rf'(\S+ )?"{re.escape(path)}"' for path in paths)


EVENTS: Final = "github.com/argoproj/argo-events/pkg"
EVENT_SOURCES: Final = {
    "alibabacloudmns": "MNS",
    "amqp": "AMQP",
    "awssns": "SNS",
    "awssqs": "SQS",
    "azureeventshub": "AzureEventsHub",
    "azurequeuestorage": "AzureQueueStorage",
    "azureservicebus": "AzureServiceBus",
    "bitbucket": "Bitbucket",
    "bitbucketserver": "BitbucketServer",
    "emitter": "Emitter",
    "gcppubsub": "PubSub",
    "gerrit": "Gerrit",
    "github": "Github",
    "gitlab": "Gitlab",
    "hdfs": "HDFS",
    "minio": "Minio",
    "mqtt": "MQTT",
    "nsq": "NSQ",
    "pulsar": "Pulsar",
    "redis": "Redis",
    "redis_stream": "RedisStream",
    "sftp": "SFTP",
    "slack": "Slack",
    "storagegrid": "StorageGrid",
    "stripe": "Stripe",
}
"""Event sources left out: package → field of an EventSource. Kafka, NATS, calendars, webhooks, files, resources of
Kubernetes and generic sources are left."""
TRIGGERS: Final = {
    "apache-openwhisk": "OpenWhisk",
    "aws-lambda": "AWSLambda",
    "azure-event-hubs": "AzureEventHubs",
    "azure-service-bus": "AzureServiceBus",
    "email": "Email",
    "pulsar": "Pulsar",
    "slack": "Slack",
}
"""Triggers left out: package → field of a trigger. Workflows, objects of Kubernetes, HTTP, Kafka, NATS, logs and custom
ones are left."""
CLIENTS: Final = ("eventhubs", "servicebus", "pulsar", "lambda", "whisk")
ARTIFACTS: Final = {"azure": "Azure", "gcs": "GCS", "git": "Git", "hdfs": "HDFS", "oss": "OSS"}
"""Stores of artifacts left out: package → field of an artifact. S3, HTTP, raw and plugins are left."""
WORKFLOWS: Final = "github.com/argoproj/argo-workflows/v4/workflow/artifacts"
PULUMI: Final = "github.com/pulumi/pulumi/pkg/v3"
API: Final = ("api", "describe", "describe_markdown", "encoding", "fields", "format", "list", "output", "paginate")

CUTS: Final[Mapping[str, tuple[Cut, ...]]] = {
    "argo-events": (
        Cut(
            file="pkg/eventsources/eventing.go",
            gone=(
                *imports(*(f"{EVENTS}/eventsources/sources/{package}" for package in EVENT_SOURCES)),
                *(rf"if len\(eventSource\.Spec\.{field}\) != 0 {{" for field in EVENT_SOURCES.values()),
            ),
        ),
        Cut(
            file="pkg/sensors/trigger.go",
            gone=(
                *imports(*(f"{EVENTS}/sensors/triggers/{package}" for package in TRIGGERS)),
                *(rf"if trigger\.Template\.{field} != nil {{" for field in TRIGGERS.values()),
            ),
        ),
        Cut(
            file="pkg/sensors/context.go",
            gone=(
                *imports(
                    "github.com/Azure/azure-event-hubs-go/v3",
                    "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus",
                    "github.com/apache/openwhisk-client-go/whisk",
                    "github.com/apache/pulsar-client-go/pulsar",
                    "github.com/aws/aws-sdk-go/service/lambda",
                ),
                *(rf"\w+:? +sharedutil\.\w+\[\*?{client}\." for client in CLIENTS),
            ),
        ),
        Cut(file="pkg/sensors/artifacts/git.go"),
        Cut(file="pkg/sensors/artifacts/store.go", gone=(r"if loc\.Git != nil {",)),
    ),
    "argo-workflows": (
        Cut(
            file="workflow/artifacts/artifacts.go",
            gone=(
                *imports(*(f"{WORKFLOWS}/{package}" for package in ARTIFACTS)),
                *(rf"if art\.{field} != nil {{" for field in ARTIFACTS.values()),
            ),
        ),
        Cut(
            file="workflow/validate/validate.go",
            gone=(*imports(f"{WORKFLOWS}/hdfs"), r"if art\.HDFS != nil {"),
        ),
    ),
    # The manager takes only names of protocols from this package.
    "kserve": tuple(Cut(file=f"pkg/agent/storage/{client}.go") for client in ("azure", "gcs", "https", "s3", "utils")),
    "pulumi": (
        Cut(
            file="backend/diy/backend.go",
            gone=(
                *imports(*(f"gocloud.dev/blob/{store}" for store in ("azureblob", "gcsblob", "s3blob"))),
                *imports(f"{PULUMI}/authhelpers"),
                r"if p\.Scheme == (gcs|azure)blob\.Scheme {",
            ),
        ),
        Cut(
            file="secrets/cloud/manager.go",
            gone=(
                *imports(*(f"gocloud.dev/secrets/{s}" for s in ("awskms", "azurekeyvault", "gcpkms", "hashivault"))),
                *imports("google.golang.org/api/cloudkms/v1", f"{PULUMI}/authhelpers"),
                r"case gcpkms\.Scheme:",
            ),
        ),
        # `pulumi api`, for Pulumi's own service.
        *(Cut(file=f"cmd/pulumi/cloud/{name}.go") for name in (*API, "pathmatch", "schema", "spec", "spec_fetch")),
        Cut(file="cmd/pulumi/cloud/envelope.go", gone=(r"type describe\w+ struct {",)),
        Cut(
            file="cmd/pulumi/pulumi.go",
            gone=(*imports(f"{PULUMI}/cmd/pulumi/cloud"), r"cloud\.NewAPICmd\(\),"),
        ),
    ),
    # Its tests of itself, with which it compares other stores.
    "versitygw": (
        Cut(file="cmd/versitygw/test.go"),
        Cut(file="cmd/versitygw/main.go", gone=(r"testCommand\(\),",)),
    ),
}
"""Tool → its cuts."""


def apply(cuts: Sequence[Cut], source: Path) -> None:
    """Cuts a module's copy. Raises StepError for a cut that does not fit, as after a change of its version."""
    for each in cuts:
        file = source / each.file
        if not file.exists():
            raise StepError(f"local/toolchain/cuts.py: {each.file} is not in this version; look where it went")
        if each.gone:
            file.write_text(cut(file.read_text(), each))
        else:
            file.unlink()


def cut(text: str, of: Cut) -> str:
    """The text without what is removed."""
    patterns = {pattern: re.compile(pattern) for pattern in of.gone}
    missing = dict.fromkeys(of.gone)
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    place = 0
    while place < len(lines):
        found = [pattern for pattern, compiled in patterns.items() if compiled.match(lines[place].strip())]
        for pattern in found:
            missing.pop(pattern, None)
        if not found:
            kept.append(lines[place])
        place = end_of_block(lines, place) if found else place + 1
    if missing:
        pattern = next(iter(missing))
        raise StepError(f"local/toolchain/cuts.py: {of.file} has no {pattern!r} in this version; look how it is said")
    return "".join(kept)


def end_of_block(lines: Sequence[str], start: int) -> int:
    """Where the next statement begins, by gofmt's indentation: after what is below a line, and its bracket."""
    opening = lines[start].rstrip()[-1]
    end = start + 1
    if opening not in "({:":
        return end
    while end < len(lines) and (not lines[end].strip() or indentation(lines[end]) > indentation(lines[start])):
        end += 1
    return end if opening == ":" else end + 1


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip("\t"))
