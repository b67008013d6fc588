"""Who writes which topic of brokers that others run, in the whole program."""

import json
from pathlib import Path

from tests.program import program

SASL = {"secretName": "loop-user", "detectorSecretName": "detector-user", "serversSecretName": "servers-user"}


def test_the_detector_alone_has_the_account_that_writes_drift_and_the_servers_theirs(tmp_path: Path) -> None:
    kafka = {"bootstrapServers": "kafka.example.com:9094", "tls": {}, "sasl": SASL}
    recording = program.run("local", tmp_path / "config", {"kafka": kafka})
    holders = {
        secret: {each.inputs["kind"] for each in recording.resources if secret in json.dumps(each.inputs, default=str)}
        for secret in SASL.values()
    }
    assert holders["detector-user"] == {"Deployment"}
    assert holders["servers-user"] == {"ServingRuntime"}
    assert "EventSource" in holders["loop-user"]
