"""Who has the key that signs versions, and who verifies with its public half, in the whole program."""

import json
from pathlib import Path
from typing import Any

import pytest

from settings import SettingsError
from tests.program import program
from tests.program.mocks import Recording

PUBLIC = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
GATE = {"training": {"image": "registry.example.com/books:1", "gate": {"metric": "auc", "minimum": 0.7}}}


def run(folder: Path, **signing: Any) -> Recording:
    changes = {"signing": {"keySecret": "model-signing", "publicKey": PUBLIC} | signing}
    return program.run("local", folder / "config", {**changes, "models": {"books": {**GATE, "production": 1}}})


def test_the_step_that_registers_has_the_key_and_no_other_pod(tmp_path: Path) -> None:
    recording = run(tmp_path)
    holders = [each for each in recording.resources if "model-signing" in json.dumps(each.inputs, default=str)]
    assert [each.inputs["kind"] for each in holders] == ["WorkflowTemplate"]
    templates = holders[0].inputs["spec"]["templates"]
    (register,) = [each for each in templates if "model-signing" in json.dumps(each)]
    assert (register["name"], register["serviceAccountName"]) == ("register", "books-gate")
    assert register["container"]["command"] == ["python3", "-m", "loop", "register"]
    assert register["container"]["image"] != GATE["training"]["image"]
    environment = {each["name"]: each["value"] for each in register["container"]["env"]}
    (mount,) = [each for each in register["container"]["volumeMounts"] if each["name"] == "signing"]
    assert environment["ML_LOOP_SIGNING_KEY_FILE"] == f"{mount['mountPath']}/private.pem"
    assert mount["readOnly"] is True


@pytest.mark.parametrize("required", [True, False])
def test_whoever_serves_or_promotes_verifies(tmp_path: Path, required: bool) -> None:
    recording = run(tmp_path, required=required)
    (promote,) = [
        each.inputs["spec"]["template"]["spec"]["containers"][0]
        for each in recording.of("Job")
        if "promote" in each.name or "promotion" in each.name
    ]
    fetch = recording.inputs("ClusterStorageContainer")["spec"]["container"]
    for container in (promote, fetch):
        environment = {each["name"]: each.get("value") for each in container["env"]}
        assert environment["ML_LOOP_SIGNATURE_KEY"] == PUBLIC
        assert environment["ML_LOOP_SIGNATURE_REQUIRED"] == str(required).lower()


def test_a_private_key_in_the_stack_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError,
        match=r"ml-loop:signing\.publicKey: this text \(not shown\) is not allowed; expected a public key in PEM",
    ):
        run(tmp_path, publicKey="-----BEGIN PRIVATE KEY-----\nMFkw\n-----END PRIVATE KEY-----\n")
