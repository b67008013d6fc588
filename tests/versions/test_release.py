"""A release writes its tags and digests into `versions`, of all its own images or of none."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from versions import release
from versions.release import FILE, OWN, ReleaseError, pinned

TEXT = FILE.read_text(encoding="utf-8")
DIGESTS = {name: f"sha256:{number:064x}" for number, name in enumerate(OWN)}


def images(text: str, folder: Path) -> dict[str, Any]:
    file = folder / "versions.py"
    file.write_text(text, encoding="utf-8")
    return runpy.run_path(str(file))["IMAGES"]


def test_the_project_s_own_images_are_those_that_the_dockerfile_builds() -> None:
    dockerfile = (FILE.parents[1] / "images" / "Dockerfile").read_text(encoding="utf-8")
    assert set(OWN) == {"mlflow", "loop", "recommender", "detector", "page"}
    assert [name for name in OWN if f" AS {name}\n" not in dockerfile] == []


def test_a_release_pins_each_image_by_its_digest_and_leaves_the_rest(tmp_path: Path) -> None:
    before, after = images(TEXT, tmp_path), images(pinned(TEXT, "0.2.0", DIGESTS), tmp_path)
    assert {name: after[name].digest for name in OWN} == DIGESTS
    assert {name: after[name].tag for name in OWN} == dict.fromkeys(OWN, "0.2.0") | {"mlflow": before["mlflow"].tag}
    others = before.keys() - OWN.keys()
    assert {name: after[name].reference for name in others} == {name: before[name].reference for name in others}


def test_the_next_release_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    again = {name: digest.replace("sha256:0", "sha256:f") for name, digest in DIGESTS.items()}
    twice = pinned(pinned(TEXT, "0.2.0", DIGESTS), "0.3.0", again)
    assert twice == pinned(TEXT, "0.3.0", again)
    assert twice.count("digest=") == len(OWN)


@pytest.mark.parametrize(
    ("version", "digests", "message"),
    [
        ("v0.2.0", DIGESTS, "'v0.2.0' is no version such as 0.2.0"),
        ("0.2", DIGESTS, "'0.2' is no version such as 0.2.0"),
        ("0.2.0", {}, "a release has a digest for each of mlflow, loop, detector, page, recommender, not for none"),
        ("0.2.0", DIGESTS | {"loop": "latest"}, "'latest', of loop, is no digest such as sha256:<64 hex digits>"),
    ],
)
def test_half_a_release_is_refused(version: str, digests: dict[str, str], message: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        pinned(TEXT, version, digests)
    assert str(caught.value) == message


def test_a_repository_that_is_not_named_once_is_told() -> None:
    with pytest.raises(ReleaseError, match=r"names ghcr.io/ml-loop/mlflow 0 times, and should once"):
        pinned(TEXT.replace("ghcr.io/ml-loop/mlflow", "elsewhere"), "0.2.0", DIGESTS)


def test_the_command_lists_what_a_release_publishes(capsys: pytest.CaptureFixture[str]) -> None:
    release.main(["images", "0.2.0"])
    assert "loop ghcr.io/ml-loop/loop:0.2.0" in capsys.readouterr().out.splitlines()
