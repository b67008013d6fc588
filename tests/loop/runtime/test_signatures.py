"""Whom a signature says to have registered which files."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from signing_keys import new_key

from contract.names import Env, Tag
from loop.runtime import signatures
from loop.runtime.signatures import SignatureError, Signatures, sign, verify


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "code" / "model.bin").write_bytes(bytes(100))
    (folder / ".gitignore").write_text("*.tmp")
    return folder


def test_what_was_signed_is_verified_also_beside_the_file_that_mlflow_s_client_adds(
    model: Path, tmp_path: Path
) -> None:
    key, public = new_key(tmp_path / "key")
    signature = sign(model, key)
    (model / "registered_model_meta").write_text("model_name: books")
    verify(model, "books", signature, public)


def change(folder: Path) -> None:
    (folder / "code" / "model.bin").write_bytes(bytes(99) + b"1")


def change_what_git_hides(folder: Path) -> None:
    (folder / ".gitignore").write_text("#")


def add(folder: Path) -> None:
    (folder / "code" / "evil.py").write_text("")


def remove(folder: Path) -> None:
    (folder / "MLmodel").unlink()


def link(folder: Path) -> None:
    (folder / "elsewhere").symlink_to("/etc/passwd")


@pytest.mark.parametrize("attack", [change, change_what_git_hides, add, remove, link])
def test_other_files_are_not_what_was_signed(model: Path, tmp_path: Path, attack: Callable[[Path], None]) -> None:
    key, public = new_key(tmp_path / "key")
    signature = sign(model, key)
    attack(model)
    with pytest.raises(SignatureError, match=r"^its signature does not hold: "):
        verify(model, "books", signature, public)


def test_another_key_s_signature_and_another_model_s_are_refused(model: Path, tmp_path: Path) -> None:
    (key, public), (_, other) = new_key(tmp_path / "key"), new_key(tmp_path / "other")
    signature = sign(model, key)
    with pytest.raises(SignatureError, match=r"^its signature does not hold: "):
        verify(model, "books", signature, other)
    with pytest.raises(SignatureError, match=r"^its signature was made for the model books$"):
        verify(model, "films", signature, public)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("spelled", ["dsse_envelope", "dsse-envelope"])
def test_another_model_s_signature_is_refused_under_a_second_name_too(
    model: Path, tmp_path: Path, spelled: str, first: bool
) -> None:
    key, public = new_key(tmp_path / "key")
    bundle = json.loads(sign(model, key))
    said = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    said["subject"][0]["name"] = "films"
    forged = bundle["dsseEnvelope"] | {"payload": base64.b64encode(json.dumps(said).encode()).decode()}
    real = {spelled: bundle.pop("dsseEnvelope")}
    both = {**real, "dsseEnvelope": forged} if first else {"dsseEnvelope": forged, **real}
    with pytest.raises(SignatureError, match=r"^its signature does not hold: "):
        verify(model, "films", json.dumps(bundle | both), public)


@pytest.mark.parametrize("text", ["", "no JSON", "{}", "[]", "null", '{"dsseEnvelope": {"payload": "e30="}}', "\0"])
def test_what_is_no_signature_is_refused(model: Path, tmp_path: Path, text: str) -> None:
    _, public = new_key(tmp_path / "key")
    with pytest.raises(SignatureError, match=r"^its signature does not hold: "):
        verify(model, "books", text, public)


def test_a_key_that_is_none_is_told(model: Path, tmp_path: Path) -> None:
    key = tmp_path / "private.pem"
    key.write_text("no key")
    with pytest.raises(SignatureError, match=r"^the model cannot be signed with /.*/private\.pem: "):
        sign(model, key)


def test_a_signature_that_no_tag_takes_is_told(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = new_key(tmp_path / "key")
    monkeypatch.setattr(signatures, "MOST", 10)
    with pytest.raises(SignatureError, match=r"^the signature of the model has \d+ characters, and a tag takes 10$"):
        sign(model, key)


def test_a_version_without_a_signature_is_refused_where_one_is_asked_for(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Signatures.from_environment().refusal({Tag.SIGNATURE: "anything"}, model, "books") is None
    monkeypatch.setenv(Env.SIGNATURE_KEY, new_key(tmp_path / "key")[1])
    assert Signatures.from_environment().refusal({}, model, "books") is None
    assert Signatures.from_environment().refusal({Tag.SIGNATURE: "anything"}, model, "books") is not None
    monkeypatch.setenv(Env.SIGNATURE_REQUIRED, "true")
    assert Signatures.from_environment().refusal({}, model, "books") == (
        "it has no signature, and this stack asks for one: train it again, or set signing.required to false"
    )
