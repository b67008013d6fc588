"""Pinned parts: an exact version, a license of the allow-list, and a reason."""

from collections.abc import Iterator
from types import ModuleType

from policy.rule import Resource, Rule, Stack
from policy.rules.charts import EXACT_VERSION
from policy.violation import Violation

ALLOWED_LICENSES = frozenset(
    (
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MPL-2.0",
        "PostgreSQL",
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
    )
)
"""SPDX identifiers that allow production use without a fee. BUSL-1.1 (alibi-detect ≥ 0.11.5) does not."""


def pin_violations(versions: ModuleType | object, allowed: frozenset[str] = ALLOWED_LICENSES) -> Iterator[Violation]:
    """What has a `license` in a versions module is a pin: with a `tag` an image, with a `version` a chart."""
    for name, pin in vars(versions).items():
        if not isinstance(license_name := getattr(pin, "license", None), str):
            continue
        where = f"versions.{name}"
        if license_name not in allowed:
            remedy = "hold the last version under an allowed license, or replace the part"
            yield Violation(where, "license", license_name, f"one of {', '.join(sorted(allowed))}", remedy)
        tag = getattr(pin, "tag", None)
        if tag is not None and (not tag or str(tag).endswith("latest")):
            yield Violation(where, "tag", tag, "an exact tag", "write the tested version")
        version = getattr(pin, "version", None)
        if version is not None and not EXACT_VERSION.fullmatch(str(version)):
            yield Violation(where, "version", version, "an exact version such as 1.2.3", "write the tested version")
        if not getattr(pin, "why", None):
            yield Violation(where, "why", getattr(pin, "why", None), "a reason", "say why it is this version")


def _check(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    """Runs once for a stack: at the resource that stands for it."""
    if resource.type == "pulumi:pulumi:Stack":
        import versions  # noqa: PLC0415 - the program's own, found only where the pack runs beside it

        yield from pin_violations(versions)


EXACT_PINS = Rule(
    name="exact-pins",
    description="Pinned parts have an exact version, an allowed license and a reason.",
    check=_check,
)
