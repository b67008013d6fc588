"""What a version was registered with is what `fetch` brings, however the store was changed since."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from mlflow_server import MlflowServer
from serving_helpers import COLUMNS, refusal
from signing_keys import new_key
from sklearn.linear_model import LinearRegression

from contract.names import Env, Tag
from loop.runtime.registry import Registry
from loop.runtime.signatures import sign
from loop.serving.fetch import fetch
from loop.serving.served import REFERENCE, reference_of


@dataclass
class Bound:
    """A version of a model of its own, registered with the digests of its files; its reference is the run's."""

    server: MlflowServer
    name: str
    run_id: str
    model_id: str

    @property
    def uri(self) -> str:
        return f"mlflow://{self.name}/1"

    def files(self, what: str) -> Path:
        """Where the store keeps them."""
        pattern = f"**/{self.model_id}/artifacts" if what == "model" else f"**/{self.run_id}/artifacts/{what}"
        (found,) = (self.server.folder / "artifacts").glob(pattern)
        return found


def register_bound(server: MlflowServer, **references: str) -> Bound:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=COLUMNS)
    signature = infer_signature(frame, [1.0])
    with mlflow.start_run() as run:
        model = LinearRegression().fit(frame, [1.0])
        logged = log_model(model, name="model", signature=signature, pip_requirements=["scikit-learn"])
        for kind, text in references.items():
            mlflow.log_text(text, f"reference/window.{kind}")
    bound = Bound(server, f"bound-{run.info.run_id[:8]}", run.info.run_id, str(logged.model_id))
    source, client = f"models:/{bound.model_id}", MlflowClient()
    tags: dict[str, str] = {**Registry().digests(source, bound.run_id)}
    client.create_registered_model(bound.name)
    client.create_model_version(bound.name, source, bound.run_id, tags, model_id=bound.model_id)
    return bound


@pytest.fixture
def bound(registry: MlflowServer) -> Bound:
    return register_bound(registry, csv="price,rating,pages\n1,2,3\n")


def replace(folder: Path) -> None:
    (file,) = (each for each in folder.iterdir() if each.name in {"requirements.txt", "window.csv"})
    file.write_bytes(file.read_bytes()[::-1])  # of the same size


def add(folder: Path) -> None:
    (folder / "evil.py").write_text("print('what is served')")


def remove(folder: Path) -> None:
    next(each for each in folder.iterdir() if each.name in {"requirements.txt", "window.csv"}).unlink()


@pytest.mark.parametrize("what", ["model", "reference"])
@pytest.mark.parametrize("attack", [replace, add, remove])
def test_files_that_are_not_those_the_version_was_registered_with_are_refused(
    bound: Bound, tmp_path: Path, what: str, attack: Callable[[Path], None]
) -> None:
    attack(bound.files(what))
    folder = tmp_path / "models"
    said = refusal(bound.uri, folder)
    assert said.startswith(
        f"version 1 of {bound.name} is refused: the files of its {what} in the store are not those it was "
        "registered with: their SHA-256 is "
    )
    assert not (folder / "MLmodel").exists()
    assert reference_of(folder) is None or what == "model"


def test_the_files_the_version_was_registered_with_are_served_without_a_warning(
    bound: Bound, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(bound.uri, tmp_path)
    assert reference_of(tmp_path) == tmp_path / REFERENCE / "window.csv"
    assert "warning: version" not in capfd.readouterr().err


def test_of_two_references_the_typed_one_is_tried(registry: MlflowServer, tmp_path: Path) -> None:
    both = register_bound(registry, csv="price,rating,pages\n1,2,3\n", parquet="any bytes: fetch does not read them")
    fetch(both.uri, tmp_path)
    assert reference_of(tmp_path) == tmp_path / REFERENCE / "window.parquet"


def test_a_version_without_digests_is_served_with_a_warning(
    registry: MlflowServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert fetch("mlflow://books/1", tmp_path).version == "1"
    assert reference_of(tmp_path) is None
    assert (
        "warning: version 1 of books has no tag ml-loop.model-digest and no ml-loop.reference-digest, "
        "so its files are not compared with what was registered\n"
    ) in capfd.readouterr().err


def sign_by(bound: Bound, key: Path, scratch: Path) -> None:
    copy = shutil.copytree(bound.files("model"), scratch / bound.name)
    MlflowClient().set_model_version_tag(bound.name, "1", Tag.SIGNATURE, sign(copy, key))


def test_a_version_is_served_by_its_gate_s_signature_and_by_no_other(
    bound: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, public), (other, _) = new_key(tmp_path / "key"), new_key(tmp_path / "other")
    monkeypatch.setenv(Env.SIGNATURE_KEY, public)
    monkeypatch.setenv(Env.SIGNATURE_REQUIRED, "true")
    asked = f"version 1 of {bound.name} is refused: it has no signature, and this stack asks for one"
    assert refusal(bound.uri, tmp_path / "unsigned").startswith(asked)
    sign_by(bound, other, tmp_path / "a")
    said = refusal(bound.uri, tmp_path / "forged")
    assert said.startswith(f"version 1 of {bound.name} is refused: its signature does not hold: ")
    assert not (tmp_path / "forged" / "MLmodel").exists()
    sign_by(bound, key, tmp_path / "b")
    assert fetch(bound.uri, tmp_path / "models").version == "1"
    # Whoever may write tags and files, too: digests that fit, and a signature that was made for others.
    add(bound.files("model"))
    digests = Registry().digests(f"models:/{bound.model_id}", bound.run_id)
    MlflowClient().set_model_version_tag(bound.name, "1", Tag.MODEL_DIGEST, digests[Tag.MODEL_DIGEST])
    assert "Extra files found" in refusal(bound.uri, tmp_path / "replaced")
