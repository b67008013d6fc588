"""`make model`: a folder that runs as it is, copied from `starter/` under the model's name."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from local.paths import REPOSITORY
from local.steps import StepError
from settings.values.image import EXAMPLE
from settings.values.names import ModelName

STARTER: Final = REPOSITORY / "starter"
MODELS: Final = REPOSITORY / "models"
"""Where a folder is made unless told otherwise."""
_NAME: Final = TypeAdapter[str](ModelName)


class ModelKind(StrEnum):
    """The kinds of models to start from: the folders of `starter/kinds`."""

    CLASSIFICATION = "classification"
    """Answers a probability for each class."""
    REGRESSION = "regression"
    """Answers a number."""
    RANKING = "ranking"
    """Answers a score, by which the rows of a search are sorted."""


def make(name: str, kind: str, folder: Path | None) -> Path:
    """Makes the new folder. Raises StepError where the name, the kind or the folder cannot be used."""
    checked(name)
    if kind not in list(ModelKind):
        raise StepError(f"KIND is {kind!r}; expected one of {', '.join(ModelKind)}")
    target = (folder or MODELS / name).resolve()
    if target.exists():
        raise StepError(f"{target} is there already; name another FOLDER, or remove it")
    package = package_of(name)
    code = target / package
    code.mkdir(parents=True)
    (code / "__init__.py").write_text(f'"""The model {name}."""\n')
    words = {"NAME": name, "PACKAGE": package, "KIND": kind, "FOLDER_OF_MODEL": str(target)}
    for module in (STARTER / "shared" / "leave.py", *sorted((STARTER / "kinds" / kind).glob("[a-z]*.py"))):
        (code / module.name).write_text(renamed(module.read_text(), kind, package))
    for page, place in (
        (STARTER / "shared" / "Dockerfile", "Dockerfile"),
        (STARTER / "shared" / "requirements.txt", "requirements.txt"),
        (STARTER / "shared" / "README.md", "README.md"),
        (STARTER / "shared" / "test_contract.py", "tests/test_contract.py"),
        (STARTER / "kinds" / kind / "model.yaml", "model.yaml"),
    ):
        (target / place).parent.mkdir(exist_ok=True)
        (target / place).write_text(spoken(page.read_text(), words))
    return target


def checked(name: str) -> None:
    """The name. Raises StepError for one that the settings would refuse."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        raise StepError(f"NAME: {error.errors()[0]['msg']}") from None
    if name == EXAMPLE:
        raise StepError(f"NAME: {EXAMPLE} is the example; choose another")


def package_of(name: str) -> str:
    """The name of its Python package: with an ending, so that no library has the same name."""
    return f"{name.replace('-', '_')}_model"


def renamed(code: str, kind: str, package: str) -> str:
    """A module of `starter/` as a module of the new package."""
    code = code.replace(
        f"from starter.kinds.{kind} import data\nfrom starter.shared import leave", f"from {package} import data, leave"
    )
    return code.replace(f"starter.kinds.{kind}", package).replace("starter.shared", package)


def spoken(text: str, words: dict[str, str]) -> str:
    """The text with the model's own words in place of the placeholders in capitals."""
    return re.sub(
        "|".join(rf"\b{word}" for word in sorted(words, key=len, reverse=True)), lambda at: words[at[0]], text
    )
