"""A model's folder as the commands read it: `model.yaml` holds its name and its settings, as the stack's file will."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

import settings
from local import yaml12
from local.starter import new
from local.steps import StepError
from settings import Model, SettingsError

SETTINGS: Final = "model.yaml"
UNBUILT: Final = "not-built-yet@sha256:" + 64 * "0"
"""Stands for the image until there is one."""
_AROUND: Final[dict[str, Any]] = {
    "cluster": {"context": "any"},
    "namespace": "any",
    "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
    "kafka": {"kind": "bundled"},
}
"""The smallest stack around a model, for the rules that span settings."""


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """One folder, with valid settings."""

    path: Path
    name: str
    written: dict[str, Any]
    """The settings as they are in the file."""
    settings: Model

    @property
    def package(self) -> str:
        return new.package_of(self.name)

    @property
    def requirements(self) -> Path | None:
        """The requirements file, where it names any requirement."""
        file = self.path / "requirements.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        return file if any(line.strip() and not line.lstrip().startswith("#") for line in lines) else None


def read(path: Path) -> ModelFolder:
    """Raises StepError where the folder holds no model, and says which setting is wrong."""
    file = path.resolve() / SETTINGS
    if not file.exists():
        raise StepError(f"{path} has no {SETTINGS}; `make model NAME=…` makes a folder with one")
    try:
        found = yaml12.load(file.read_text())
    except yaml.YAMLError as error:
        raise StepError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or len(found) != 1 or not isinstance(next(iter(found.values())), dict):
        raise StepError(f"{file} must hold one key, the model's name, and its settings below")
    ((name, written),) = found.items()
    training = written.get("training")
    if isinstance(training, dict):
        written = written | {"training": {"image": UNBUILT} | training}
    try:
        secret = {"trackingSecretKey": pulumi.Output.secret("")}
        stack = settings.parse(_AROUND | secret | {"models": {name: written}})
    except SettingsError as error:
        raise StepError(f"{file}:\n" + "\n".join(error.problems)) from None
    return ModelFolder(path=path.resolve(), name=name, written=found[name], settings=stack.models[name])
