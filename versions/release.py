"""A release of the project: its own images under a new version, by the digests that they were published with.

`python -m versions.release images VERSION` prints `name reference`, a line for each; `… pin VERSION NAME=DIGEST …`
writes tags and digests into `versions/__init__.py`. Standard library only, so that no release waits for packages.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import versions
from versions import Image

FILE: Final = Path(versions.__file__)
OWN: Final[Mapping[str, Image]] = {
    name: image for name, image in versions.IMAGES.items() if image.repository.startswith("ghcr.io/ml-loop/")
}
"""The images that `images/Dockerfile` builds, by the name of their target."""
VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class ReleaseError(Exception):
    """What cannot be released; the message is one sentence."""


def tag(image: Image, version: str) -> str:
    """The tag under which a release publishes an image; MLflow's image has the version of MLflow in it."""
    return image.tag if image.known_as else version


def pinned(text: str, version: str, digests: Mapping[str, str]) -> str:
    """The module `versions` with the release's tags and digests in place of those before. Raises ReleaseError."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version such as 0.2.0")
    if digests.keys() != OWN.keys():
        raise ReleaseError(
            f"a release has a digest for each of {', '.join(OWN)}, not for {', '.join(digests) or 'none'}"
        )
    for name, image in OWN.items():
        if not DIGEST.fullmatch(digests[name]):
            raise ReleaseError(f"{digests[name]!r}, of {name}, is no digest such as sha256:<64 hex digits>")
        entry = rf'(    repository="{re.escape(image.repository)}",\n)    tag="[^"]*",\n(?:    digest="[^"]*",\n)?'
        written = rf'\g<1>    tag="{tag(image, version)}",\n    digest="{digests[name]}",\n'
        text, count = re.subn(entry, written, text)
        if count != 1:
            raise ReleaseError(f"versions/__init__.py names {image.repository} {count} times, and should once")
    return text


def main(arguments: list[str]) -> None:
    match arguments:
        case ["images", version] if VERSION.fullmatch(version):
            for name, image in OWN.items():
                print(name, f"{image.repository}:{tag(image, version)}")
        case ["pin", version, *given]:
            digests = dict(pair.split("=", 1) for pair in given if "=" in pair)
            FILE.write_text(pinned(FILE.read_text(encoding="utf-8"), version, digests), encoding="utf-8")
        case _:
            raise ReleaseError("usage: python -m versions.release images VERSION | pin VERSION NAME=DIGEST …")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ReleaseError as error:
        sys.exit(f"error: {error}")
