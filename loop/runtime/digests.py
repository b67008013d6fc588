"""What a version was registered with: one SHA-256 over the files of its model, one over those of its reference.

Does not import MLflow: the detector's client is not the loop's.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contract.names import Tag

LEFT_OUT: Final = "registered_model_meta"
"""A file that MLflow's client puts beside every model that it downloads by its version."""
_WHAT: Final = {Tag.MODEL_DIGEST: "model", Tag.REFERENCE_DIGEST: "reference"}


def digest(folder: Path) -> str:
    """SHA-256, in hex, over the path and the SHA-256 of every file below the folder, also of an empty folder."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for path in paths:
        if path == LEFT_OUT:
            continue
        with (folder / path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(json.dumps([path, content]).encode() + b"\n")
    return whole.hexdigest()


def difference(tags: Mapping[str, str], tag: Tag, found: str) -> str | None:
    """What is wrong with content of this digest; None where it is the version's, or where no tag names a digest."""
    wanted = tags.get(tag, found)
    if wanted == found:
        return None
    return (
        f"the files of its {_WHAT[tag]} in the store are not those it was registered with: their SHA-256 is {found}, "
        f"and the tag {tag} says {wanted}"
    )


def unbound(tags: Mapping[str, str]) -> str | None:
    """A warning where content cannot be compared with what was registered."""
    missing = [tag for tag in _WHAT if tag not in tags]
    if not missing:
        return None
    return f"has no tag {' and no '.join(missing)}, so its files are not compared with what was registered"
