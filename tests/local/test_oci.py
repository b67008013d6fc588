"""Images as OCI layouts: what containerd imports, and a digest that only content changes."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.images.layers import Files, digest_file, layer_tar
from local.images.oci import Archive, BuiltArchive, Importer, sha256
from local.images.table import LocalImage
from local.paths import Paths

BASE, APP = Files(name="base", folders=()), Files(name="app", folders=())


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A cache with two built layers."""
    paths = Paths(tmp_path)
    paths.images.mkdir()
    for layer in (BASE, APP):
        tar = layer_tar(layer, paths)
        tar.write_bytes(f"content of {layer.name}".encode())
        digest_file(tar).write_text(hashlib.sha256(tar.read_bytes()).hexdigest())
    return paths


@pytest.fixture
def image() -> LocalImage:
    return LocalImage(name="server", layers=(BASE, APP), entrypoint=("/serve", "--all"), env={"HOME": "/tmp"})  # noqa: S108


def written(image: LocalImage, paths: Paths) -> dict[str, bytes]:
    """The archive's files by name."""
    stream = io.BytesIO()
    Archive(image, paths).write(stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def documents(files: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Index, manifest and config, found as a reader finds them: by following digests."""
    index = json.loads(files["index.json"])
    manifest = json.loads(files[blob(index["manifests"][0]["digest"])])
    return index, manifest, json.loads(files[blob(manifest["config"]["digest"])])


def test_blobs_that_the_reader_holds_are_not_written(image: LocalImage, paths: Paths) -> None:
    stream = io.BytesIO()
    held = f"sha256:{digest_file(layer_tar(BASE, paths)).read_text()}"
    Archive(image, paths).write(stream, [held])
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        assert {member.name for member in tar} == written(image, paths).keys() - {blob(held)}


def blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def test_the_archive_is_an_oci_layout(image: LocalImage, paths: Paths) -> None:
    assert json.loads(written(image, paths)["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_every_blob_has_the_digest_and_size_that_it_is_described_by(image: LocalImage, paths: Paths) -> None:
    files = written(image, paths)
    index, manifest, _ = documents(files)
    described = [*index["manifests"], manifest["config"], *manifest["layers"]]
    for entry in described:
        content = files[blob(entry["digest"])]
        assert (f"sha256:{sha256(content)}", len(content)) == (entry["digest"], entry["size"])
    assert {name for name in files if name.startswith("blobs/")} == {blob(entry["digest"]) for entry in described}


def test_layers_lie_over_each_other_in_the_order_of_the_table(image: LocalImage, paths: Paths) -> None:
    files = written(image, paths)
    _, manifest, config = documents(files)
    contents = [files[blob(layer["digest"])] for layer in manifest["layers"]]
    assert contents == [b"content of base", b"content of app"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]


def test_the_config_says_what_runs_as_whom(image: LocalImage, paths: Paths) -> None:
    _, _, config = documents(written(image, paths))
    assert config["config"]["User"] == "65532"
    assert config["config"]["Entrypoint"] == ["/serve", "--all"]
    assert "HOME=/tmp" in config["config"]["Env"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_the_same_image_has_the_same_bytes_every_time(image: LocalImage, paths: Paths) -> None:
    assert written(image, paths) == written(image, paths)


def test_the_reference_is_the_digest_of_the_manifest(image: LocalImage, paths: Paths) -> None:
    digest = documents(written(image, paths))[0]["manifests"][0]["digest"]
    assert Archive(image, paths).reference == f"ml-loop.local/server@{digest}"


@pytest.mark.parametrize(
    "changed",
    [{"user": "26"}, {"env": {}}, {"entrypoint": ("/serve",)}, {"layers": (BASE,)}],
    ids=lambda c: next(iter(c)),
)
def test_an_image_that_would_run_differently_has_another_reference(
    image: LocalImage, paths: Paths, changed: dict[str, Any]
) -> None:
    assert Archive(replace(image, **changed), paths).reference != Archive(image, paths).reference


def test_a_rebuilt_layer_changes_the_reference(image: LocalImage, paths: Paths) -> None:
    before = Archive(image, paths).reference
    layer_tar(APP, paths).write_bytes(b"another content")
    digest_file(layer_tar(APP, paths)).write_text(sha256(b"another content"))
    assert Archive(image, paths).reference != before


def test_an_image_with_a_tag_is_named_by_tag_and_by_digest(image: LocalImage, paths: Paths) -> None:
    tagged = replace(image, tag="15")
    index, _, _ = documents(written(tagged, paths))
    digest = index["manifests"][0]["digest"]
    names = [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]]
    assert names == [f"ml-loop.local/server@{digest}", "ml-loop.local/server:15"]
    assert {entry["digest"] for entry in index["manifests"]} == {digest}
    assert Archive(tagged, paths).reference == f"ml-loop.local/server:15@{digest}"


class Node(Importer):
    """An importer whose containerd is a set of names."""

    def __init__(self, paths: Paths, names: set[str]) -> None:
        super().__init__(paths.cache / "containerd.sock", paths)
        self.names = names

    def present(self) -> set[str]:
        return self.names

    def remove(self, names: list[str]) -> None:
        self.names -= set(names)


def test_a_layer_is_once_on_disk_after_the_import_of_any_number_of_images(
    image: LocalImage, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = tmp_path / "root" / "io.containerd.content.v1.content" / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def imported(_node: Importer, archive: Archive) -> None:
        for value, layer in zip(archive.digests, archive.layers, strict=True):
            if not (blobs / value).exists():
                (blobs / value).write_bytes(layer.read_bytes())

    monkeypatch.setattr(Importer, "_stream", imported)
    importer = Node(Paths(tmp_path), set())
    before = {path.name: path.read_bytes() for path in paths.images.iterdir()}
    for name in ("server", "books"):
        importer.load(replace(image, name=name))
    assert {path.name: path.read_bytes() for path in paths.images.iterdir()} == before
    for layer in (BASE, APP):
        tar = layer_tar(layer, paths)
        assert tar.samefile(blobs / digest_file(tar).read_text())


def test_earlier_builds_go_but_those_that_something_runs_in_or_was_trained_in(image: LocalImage, paths: Paths) -> None:
    (current,) = Archive(image, paths).names
    idle, running = "ml-loop.local/server@sha256:0", "ml-loop.local/server@sha256:1"
    trained_in, others = "ml-loop.local/books@sha256:2", "registry.example.com/server@sha256:3"
    node = Node(paths, {current, idle, running, trained_in, others})
    node.prune((image, replace(image, name="books", trains=True)), named=json.dumps({"image": running}))
    assert node.names == {current, running, trained_in, others}


def test_a_layout_to_build_on_links_the_layers_and_tells_a_history(
    image: LocalImage, paths: Paths, tmp_path: Path
) -> None:
    folder = tmp_path / "layout"
    Archive(image, paths).lay_out(folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    _, manifest, config = documents(files)
    assert [entry["created_by"] for entry in config["history"]] == ["base", "app"]
    assert [files[blob(layer["digest"])] for layer in manifest["layers"]] == [b"content of base", b"content of app"]
    assert (folder / blob(manifest["layers"][0]["digest"])).samefile(layer_tar(BASE, paths))


def test_an_image_that_buildah_built_is_named_by_its_digest_below_models(paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "built"
    folder.mkdir()
    digests = [digest_file(layer_tar(layer, paths)).read_text() for layer in (BASE, APP)]
    for layer in (BASE, APP):
        (folder / f"{layer.name}.tar").hardlink_to(layer_tar(layer, paths))
    (folder / "c.json").write_text(json.dumps({"rootfs": {"diff_ids": [f"sha256:{each}" for each in digests]}}))
    (folder / "manifest.json").write_text(json.dumps([{"Config": "c.json", "Layers": ["base.tar", "app.tar"]}]))
    archive, stream = BuiltArchive("churn", folder), io.BytesIO()
    archive.write(stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        files = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    index, manifest, _ = documents(files)
    assert archive.reference == f"ml-loop.local/models/churn@{index['manifests'][0]['digest']}"
    assert index["manifests"][0]["annotations"] == {"io.containerd.image.name": archive.reference}
    assert [layer["digest"] for layer in manifest["layers"]] == [f"sha256:{each}" for each in digests]
