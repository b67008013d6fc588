"""`images/Dockerfile` makes what the built-in cluster's builder makes: same packages, code, user and environment."""

import re
from pathlib import Path

import pytest

from local.images.layers import Files
from local.images.packages import BYTECODE, Python
from local.images.table import IMAGES, LocalImage
from local.paths import REPOSITORY

OURS = [image for image in IMAGES if any(isinstance(layer, Python) for layer in image.layers)]
"""The images with our code; all others are released by others."""


def stages() -> dict[str, tuple[str, list[str]]]:
    """Each stage's parent and instructions, by its name."""
    text = (REPOSITORY / "images" / "Dockerfile").read_text()
    _, *found = re.split(r"^FROM (\S+) AS (\S+)\n", text, flags=re.MULTILINE)
    return {
        name: (parent, [line for line in body.splitlines() if line and not line.startswith("#")])
        for parent, name, body in zip(found[::3], found[1::3], found[2::3], strict=True)
    }


def instructions(target: str) -> list[str]:
    """Everything that makes a target, its parents' first."""
    parent, own = stages().get(target, ("", []))
    return [*instructions(parent), *own] if own or parent else []


@pytest.mark.parametrize("image", OURS, ids=lambda image: image.name)
def test_a_target_has_the_image_s_user_and_environment(image: LocalImage) -> None:
    made = instructions(image.name)
    assert f"USER {image.user}" in made
    variables = dict(line.removeprefix("ENV ").split("=", 1) for line in made if line.startswith("ENV "))
    variables.pop("SOURCE_COMMIT", None)
    assert variables == image.env


@pytest.mark.parametrize("image", OURS, ids=lambda image: image.name)
def test_a_target_has_the_image_s_code_and_nothing_else(image: LocalImage) -> None:
    folders = [folder for layer in image.layers if isinstance(layer, Files) for folder in copied(layer)]
    copies = [line for line in instructions(image.name) if line.startswith("COPY ") and "--from" not in line]
    assert copies == [f"COPY {folder} /opt/app/{Path(folder).name}" for folder in folders]


def copied(layer: Files) -> list[str]:
    return [*layer.folders, *([layer.entry_points] if layer.entry_points else [])]


@pytest.mark.parametrize("image", OURS, ids=lambda image: image.name)
def test_a_target_has_the_image_s_packages_from_the_same_lock(image: LocalImage) -> None:
    layers = [layer for layer in image.layers if isinstance(layer, Python)]
    wanted = [layer.environments[0] for layer in layers if len(layer.environments) == 1]
    froms = [re.match(r"COPY --from=(\S+) /opt/python /opt/python", line) for line in instructions(image.name)]
    builds = [stages()[found[1]][1] for found in froms if found]
    assert builds == [
        [
            f"COPY {each.project}/pyproject.toml {each.project}/uv.lock ./",
            f"RUN uv export --frozen --no-emit-project {' '.join(each.part)} | $INSTALL",
        ]
        for each in wanted
    ]


def test_packages_are_compiled_as_in_the_builder_s_images() -> None:
    assert [line for line in stages()["uv"][1] if line.startswith("ENV ") and "INSTALL" not in line] == [
        f"ENV {variable}" for variable in BYTECODE
    ]
