"""The committed documents: what databases say, what programs link, what may stay."""

import json
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter

from versions.advisories.judge import Excepted, Linked, read_exceptions
from versions.advisories.osv import Advisory

EXTRACT: Final = Path(__file__).with_name("osv.json")
LINKED: Final = Path(__file__).with_name("linked.json")
EXCEPTIONS: Final = Path(__file__).with_name("exceptions.yaml")


def extracted() -> tuple[dict[str, str], list[Advisory]]:
    """The newest day of each ecosystem's advisories, and the advisories."""
    document: dict[str, Any] = json.loads(EXTRACT.read_text())
    return document["as_of"], TypeAdapter(list[Advisory]).validate_python(document["advisories"])


def linked() -> Linked:
    return json.loads(LINKED.read_text())


def exceptions() -> list[Excepted]:
    return read_exceptions(yaml.safe_load(EXCEPTIONS.read_text()))
