"""A webhook in the cluster, and the notifier that tells it what happens to one model."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
import standardwebhooks
from pulumi import ResourceOptions

from components.kit.connections import Tracking
from components.kit.labels import labels, selector
from components.kit.network import Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import pod, resources, restricted_container
from components.observability.notifier import LoopNotifier, LoopNotifierArgs
from contract.page import PageContent, PageModel
from settings.notifications import Notifications

APP: Final = "webhook"
PORT: Final = 8080
KEY: Final = "whsec_" + base64.b64encode(b"a key of tests, and no other").decode()
TAKE: Final = """\
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(json.dumps([dict(self.headers), body]), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass

HTTPServer(("", 8080), Handler).serve_forever()
"""


def notified(model: str, namespace: pulumi.Input[str], image: str, tracking: Tracking, here: ResourceOptions) -> None:
    """A pod that takes notices, and the notifier. The namespace and the model have the same name."""
    its, found = labels(APP, model), selector(APP, model)
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": APP, "namespace": namespace, "labels": its}
    address = {"url": f"http://{APP}.{model}.svc:{PORT}/", "signing": KEY}
    secret = k8s.core.v1.Secret("webhook-secret", metadata=metadata, string_data=address, opts=here)
    policy = allow(
        "webhook-pods",
        namespace=namespace,
        selector=found,
        ingress=[Allowance(ports=(PORT,), peers=(pods({}),))],
        opts=here,
    )
    taking = restricted_container("webhook", image, resources(cpu="10m", memory="32Mi", memory_limit="64Mi"))
    server = k8s.apps.v1.Deployment(
        "webhook",
        metadata=metadata,
        spec={
            "replicas": 1,
            "selector": {"match_labels": found},
            "template": {"metadata": {"labels": its}, "spec": pod({**taking, "command": ["python3", "-c", TAKE]})},
        },
        opts=depending_on(here, policy),
    )
    port: k8s.core.v1.ServicePortArgsDict = {"port": PORT}
    service = k8s.core.v1.Service(
        "webhook-service",
        metadata=metadata,
        spec={"selector": found, "ports": [port]},
        opts=depending_on(here, server),
    )
    told = Notifications.model_validate(
        {
            "url": {"name": APP, "key": "url"},
            "signing": {"name": APP, "key": "signing"},
            "egress": [{"podLabels": dict(found), "ports": [PORT]}],
        }
    )
    content = PageContent(
        stack="promotion", namespace=model, apply="pulumi up", settings="", models=(PageModel(name=model),)
    )
    args = LoopNotifierArgs(
        namespace=namespace, image=image, content=content.to_json(), tracking=tracking, settings=told
    )
    LoopNotifier("notifier", args, depending_on(here, secret, service))


def notices(log: str) -> Sequence[dict[str, Any]]:
    """What the webhook was sent, oldest first, each with the signature that its key makes."""
    found: list[dict[str, Any]] = []
    for line in log.splitlines():
        headers, body = json.loads(line)
        # Not `verify`, which refuses what is older than five minutes: the story lasts longer.
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signature = standardwebhooks.Webhook(KEY).sign(headers["webhook-id"], at, body)
        assert headers["webhook-signature"] == signature
        found.append(json.loads(body))
    return found
