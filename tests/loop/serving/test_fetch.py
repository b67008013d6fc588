import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow_server import MlflowServer
from serving_helpers import COLUMNS, ROOT, Entrance, free_port, refusal

from loop.runtime import command
from loop.runtime.registry import Registry, RegistryError
from loop.serving import fetch as fetch_module
from loop.serving.fetch import fetch, main
from loop.serving.resolve import resolve
from loop.serving.served import ServedModel
from loop.serving.uri import ModelRef


def test_an_alias_is_downloaded_as_the_version_it_names(registry: MlflowServer, tmp_path: Path) -> None:
    served = fetch("mlflow://books@staging", tmp_path)
    version = MlflowClient().get_model_version("books", "2")
    assert served == ServedModel("books", "2", version.run_id or "", "staging")
    assert json.loads((tmp_path / "served-model.json").read_text()) == {
        "name": "books",
        "version": "2",
        "run_id": version.run_id,
        "alias": "staging",
    }
    answer = mlflow.pyfunc.load_model(str(tmp_path)).predict(pd.DataFrame([[3.0, 1.0, 1.0]], columns=COLUMNS))
    assert answer == pytest.approx([6.0])


def test_a_version_is_downloaded_without_an_alias(registry: MlflowServer, tmp_path: Path) -> None:
    served = fetch("mlflow://books/1", tmp_path)
    assert (served.version, served.alias) == ("1", None)


def test_models_uri_means_the_alias(registry: MlflowServer, tmp_path: Path) -> None:
    assert fetch("models://books/production", tmp_path).version == "1"


def test_the_rollouts_version_wins_over_an_alias_that_has_moved(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_LOOP_MODEL_VERSION", "1")
    assert fetch("mlflow://books@staging", tmp_path).version == "1"


def test_a_uri_whose_version_contradicts_the_rollouts_is_refused(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_LOOP_MODEL_VERSION", "1")
    assert refusal("mlflow://books/2", tmp_path) == (
        "mlflow://books/2 names version 2 but the rollout pinned 1: name an alias in storageUri"
    )


def test_what_an_earlier_try_left_behind_is_replaced(registry: MlflowServer, tmp_path: Path) -> None:
    fetch("mlflow://books/1", tmp_path)
    fetch("mlflow://books/2", tmp_path)
    answer = mlflow.pyfunc.load_model(str(tmp_path)).predict(pd.DataFrame([[3.0, 1.0, 1.0]], columns=COLUMNS))
    assert answer == pytest.approx([6.0])


@pytest.mark.timeout(60)
def test_the_first_version_of_an_alias_is_waited_for(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch_module, "PAUSE", 0.2)
    client = MlflowClient()
    staging = threading.Timer(1, client.set_registered_model_alias, ("books", "first", "1"))
    staging.start()
    try:
        assert fetch("mlflow://books@first", tmp_path).version == "1"
    finally:
        staging.join()
        client.delete_registered_model_alias("books", "first")
    assert capfd.readouterr().out == (
        "waiting for the first version of books@first: "
        "model 'books' has no alias 'first'; its aliases: production, staging\n"
    )


def test_a_waiting_pod_ends_when_it_is_told_to(registry: MlflowServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loop", "fetch", "mlflow://none-yet@staging", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == (
            "waiting for the first version of none-yet@staging: "
            "the registry has no model 'none-yet': train and register one first\n"
        )
        waiting.terminate()
        assert waiting.wait(timeout=10) == 143


def test_an_alias_that_is_not_there_is_no_version_to_roll_to(registry: MlflowServer) -> None:
    with pytest.raises(RegistryError) as caught:
        resolve(Registry(), ModelRef("books", alias="previous"))
    assert str(caught.value) == "model 'books' has no alias 'previous'; its aliases: production, staging"


def test_an_unknown_version_is_named(registry: MlflowServer, tmp_path: Path) -> None:
    assert refusal("mlflow://books/99", tmp_path) == "model 'books' has no version 99"


@contextmanager
def asked_at(address: str, registry: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow.set_tracking_uri(address)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(registry.url)


def test_a_forbidden_registry_ends_the_fetch_at_once(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"http://localhost:{registry.port}"  # a host name this server does not allow: 403
    with asked_at(elsewhere, registry, monkeypatch):
        message = refusal("mlflow://books@production", tmp_path, patience=60)
    assert message == (
        f"MLflow at {elsewhere} forbids reading mlflow://books@production: "
        "Invalid Host header - possible DNS rebinding attack detected"
    )


def test_an_unreachable_registry_is_waited_for_and_then_named(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with asked_at(nowhere, registry, monkeypatch):
        message = refusal("mlflow://books@production", tmp_path, patience=1)
    assert message.startswith(f"gave up after 1 s: MLflow at {nowhere} does not answer: ")
    assert f"waiting for the registry: MLflow at {nowhere} does not answer" in capfd.readouterr().out


def test_a_registry_that_comes_back_is_waited_for(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Entrance(registry.port) as entrance, asked_at(entrance.url, registry, monkeypatch):
        opening = threading.Timer(1, entrance.open)
        opening.start()
        try:
            assert fetch("mlflow://books@production", tmp_path, patience=60).version == "1"
        finally:
            opening.join()
    assert "waiting for the registry: " in capfd.readouterr().out


def test_a_registry_that_nobody_named_is_asked_for(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert refusal("mlflow://books@production", tmp_path) == (
        "MLFLOW_TRACKING_URI is not set: set it to the MLflow server's URL"
    )


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_too_small_is_told_before_the_download(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nearly_full(_path: object) -> Usage:
        return Usage(1000, 990, 10)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    message = refusal("mlflow://books/1", tmp_path)
    assert message.startswith("version 1 of books needs ")
    assert message.endswith(f" bytes, {tmp_path} has 10 left: give the pod more ephemeral storage")


def test_a_disk_that_fills_up_during_the_download_is_told(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise MlflowException("##### File model.skops #####\n[Errno 28] No space left on device")

    monkeypatch.setattr(ModelsArtifactRepository, "download_artifacts", full)
    assert refusal("mlflow://books/1", tmp_path) == (
        f"no space left in {tmp_path} for version 1 of books: give the pod more ephemeral storage"
    )


def test_a_damaged_download_is_tried_again_and_then_told(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = ModelsArtifactRepository.download_artifacts

    def damaged(repository: ModelsArtifactRepository, path: str, dst_path: str) -> str:
        result = download(repository, path, dst_path)
        (Path(dst_path) / "MLmodel").write_text("cut")
        return result

    monkeypatch.setattr(ModelsArtifactRepository, "download_artifacts", damaged)
    message = refusal("mlflow://books/1", tmp_path, patience=1)
    assert message.startswith("gave up after 1 s: the download of version 1 of books is damaged: MLmodel has ")
    assert message.endswith(" bytes, got 3 bytes")


def test_a_model_without_a_signature_is_refused_before_it_serves(registry: MlflowServer, tmp_path: Path) -> None:
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="model",
            # A type would become the signature.
            python_model=lambda model_input: model_input,  # pyright: ignore[reportUnknownLambdaType]
            registered_model_name="unsigned",
            pip_requirements=["mlflow"],
        )
    assert refusal("mlflow://unsigned/1", tmp_path) == (
        "version 1 of unsigned has no signature, so no request can be checked: log it with one"
    )


def test_the_command_leaves_its_reason_as_the_containers_termination_message(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(command, "TERMINATION_LOG", log)
    monkeypatch.setattr(sys, "argv", ["loop fetch", "mlflow://books/99", str(tmp_path / "models")])
    assert main() == 1
    assert log.read_text() == "model 'books' has no version 99"
    assert capsys.readouterr().err == f"error: {log.read_text()}\n"


def test_the_command_says_which_version_it_fetched(
    registry: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loop fetch", "mlflow://books@production", str(tmp_path)])
    assert main() == 0
    run = ServedModel.read(tmp_path).run_id
    assert capsys.readouterr().out == f"mlflow://books@production: version 1, run {run}, in {tmp_path}\n"
