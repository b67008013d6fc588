"""Does the candidate fit its servers: their memory, their time to start, and the packages of the image?

The step `train` runs in the image that serves the version, and has just loaded the model by the server's own code: a
server takes as much.
"""

import re
import resource
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from contract.names import Env
from loop.training.step import TrainingError, number, optional

_MIB = 2**20


def server(seconds: float) -> str:
    """What loading took, as a note. Raises TrainingError if that is more than a server has."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if optional(Env.SERVER_MEMORY) and peak > (limit := number(Env.SERVER_MEMORY)):
        raise TrainingError(
            f"the model must fit into its servers: to load it and to ask it took {peak / _MIB:.0f} MiB, and "
            f"serving.resources.limits.memory is {limit / _MIB:.0f} MiB; raise that limit"
        )
    if optional(Env.SERVER_SECONDS) and seconds > (patience := number(Env.SERVER_SECONDS)):
        raise TrainingError(
            f"the model must load within the time of its servers: it took {seconds:.0f} s, and serving.startTimeout is "
            f"{patience:.0f} s; raise it"
        )
    return f"load: {seconds:.1f} s, {peak / _MIB:.0f} MiB at most"


def requirements(folder: Path) -> list[str]:
    """Requirements of the model that the image lacks or has in another version, one note for each."""
    file = folder / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [note for line in lines if (note := _difference(line.partition(" #")[0].strip()))]


def _difference(line: str) -> str:
    if not line or line.startswith(("#", "-")):  # options of pip, and files that it includes
        return ""
    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return f"requirements: {line} cannot be compared with the image"
    if wanted.marker is not None and not wanted.marker.evaluate():
        return ""
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"requirements: the model asks for {line}, and the image has no {wanted.name}"
    # A build's own suffix, as in 2.9.0+cpu, is the same release.
    if wanted.url or wanted.specifier.contains(re.sub(r"\+.*", "", found), prereleases=True):
        return ""
    return f"requirements: the model asks for {line}, and the image has {wanted.name} {found}"
