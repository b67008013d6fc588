"""Who writes which topic of brokers that others run, in the whole program."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.program import program

SASL = {
    "secretName": "loop-user",
    "detectorSecretName": "detector-user",
    "serversSecretName": "servers-user",
    "outcomesSecretName": "outcomes-user",
}


def test_each_topic_s_writers_alone_have_the_account_that_writes_it(tmp_path: Path) -> None:
    models: dict[str, Any] = yaml.safe_load((program.ROOT / "Pulumi.local.yaml").read_text())["config"][
        "ml-loop:models"
    ]
    models["recommender"]["outcomes"] = {}
    kafka = {"bootstrapServers": "kafka.example.com:9094", "tls": {}, "sasl": SASL}
    recording = program.run("local", tmp_path / "config", {"kafka": kafka, "models": models})
    holders = {
        secret: {
            (each.inputs["kind"], each.inputs["metadata"]["name"])
            for each in recording.resources
            if secret in json.dumps(each.inputs, default=str)
        }
        for secret in SASL.values()
    }
    watchers = {("Deployment", "recommender-drift"), ("Deployment", "recommender-performance")}
    assert holders["detector-user"] == watchers
    assert {kind for kind, _ in holders["servers-user"]} == {"ServingRuntime"}
    assert holders["outcomes-user"] == {("Deployment", "outcomes")}
    assert ("Deployment", "recommender-recorder") in holders["loop-user"]
    assert not watchers & holders["loop-user"]
    assert "EventSource" in {kind for kind, _ in holders["loop-user"]}
