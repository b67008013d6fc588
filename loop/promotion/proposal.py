"""`python3 -m loop evidence`: the pull request that would put a version into production, as text.

Everything in it comes from the registry, which the pipeline wrote and not the pull request's author: what the version
was measured with and against, why it was trained, what the canary saw. Nothing is changed.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlflow import get_tracking_uri
from mlflow.entities.model_registry import ModelVersion

from contract.commands import Evidence
from contract.names import CANARY, Alias, GateResult, Tag
from loop.promotion import pictures
from loop.runtime import command
from loop.runtime.registry import Registry, RegistryError

FOOTER: Final = (
    "Merging this lets `pulumi up` promote the version: it is watched, and taken back if it fails. "
    "Reverting the merge is the rollback."
)


class NotProposedError(Exception):
    """The version must not be proposed. One sentence."""


@dataclass(frozen=True)
class Proposal:
    """A pull request's text."""

    version: str
    title: str
    body: str
    """GitHub's Markdown."""


def propose(registry: Registry, model: str, reference: str, link: str) -> Proposal | str:
    """What speaks for a version, by number or alias; or why there is nothing to propose.

    `link` is MLflow's address for readers. Raises RegistryError when there is no such version, and NotProposedError
    when it has not passed its gate.
    """
    if not reference.isdecimal() and registry.alias(model, reference) is None:
        return f"no version is {reference}"
    version = registry.resolve(model, reference)
    number, gate = str(version.version), version.tags.get(Tag.GATE, "none")
    if gate != GateResult.PASSED:
        raise NotProposedError(f"version {number} of {model} must have passed its gate: its tag {Tag.GATE} is {gate}")
    production = registry.alias(model, Alias.PRODUCTION)
    current = None if production is None else str(production.version)
    if current == number:
        return f"version {number} is in production already"
    if rejected := version.tags.get(Tag.REJECTED):
        return f"version {number} was rejected: {rejected}"
    if since := version.tags.get(Tag.PROMOTED):
        return (
            f"version {number} was in production from {since} on, until a human took it back: "
            "whoever wants it again writes its number into the settings"
        )
    before = f"in place of version {current}" if current else "the first one"
    lines = [
        f"Puts version {number} of {code(model)} into production, {before}.",
        "",
        "| evidence | |",
        "| --- | --- |",
        *(f"| {name} | {text} |" for name, text in rows(version, production, link)),
        *pictures.slices(json.loads(version.tags.get(Tag.GATE_REPORT, "{}"))),
        *pictures.drift(registry, version),
        "",
        FOOTER,
    ]
    return Proposal(number, f"Promote {model} to version {number}", "\n".join(lines) + "\n")


def rows(version: ModelVersion, production: ModelVersion | None, link: str) -> list[tuple[str, str]]:
    """Name and Markdown of each piece of evidence."""
    tags, current = version.tags, None if production is None else str(production.version)
    report: dict[str, Any] = json.loads(tags.get(Tag.GATE_REPORT, "{}"))
    canary = {key: value for key, value in sorted(tags.items()) if key.startswith(CANARY)}
    seen = [f"{key.removeprefix(CANARY)}: {code(value)}" for key, value in canary.items()]
    page = f"{link}/#/models/{version.name}/versions/{version.version}"
    return [
        ("Evaluation", evaluation(report, current)),
        ("Evaluated on", f"rows with SHA-256 {code(str(report.get('data', 'unknown')))}"),
        ("Canary", "; ".join(seen) or "no numbers on the version"),
        ("Why it was trained", cause(tags)),
        ("Training data", f"SHA-256 {code(tags.get(Tag.DATA_FINGERPRINT, 'unknown'))}{same(version, production)}"),
        ("Source", code(tags.get(Tag.SOURCE_COMMIT, "unknown"))),
        ("Workflow", code(tags.get(Tag.WORKFLOW, "unknown"))),
        ("MLflow", f"[version {version.version}]({page}), run {code(str(version.run_id))}"),
    ]


def evaluation(report: dict[str, Any], current: str | None) -> str:
    """The gate's numbers, and whether production has moved since, as they then compare with another version."""
    if "metric" not in report:
        return "no report of the gate on the version"
    compared = report.get("production_version")
    text = "; ".join(measured(each, compared) for each in report.get("metrics", [report]))
    if current is not None and compared != current:
        text += f"; **not compared with version {current}, which is in production now**"
    return text


def measured(numbers: dict[str, Any], compared: str | None) -> str:
    """One metric's numbers, beside those of version `compared`."""
    bound = "maximum" if "maximum" in numbers else "minimum"
    text = f"{code(numbers['metric'])} {numbers['candidate']:.4f}, {bound} {numbers[bound]:g}"
    if compared is not None:
        text += f"; version {compared} in production {numbers['production']:.4f} on the same rows"
    return text


def same(version: ModelVersion, production: ModelVersion | None) -> str:
    """What a human should know before approving: that nothing new has been learnt."""
    if production is None:
        return ""
    words = {Tag.DATA_FINGERPRINT: "data", Tag.SOURCE_COMMIT: "code", Tag.MODEL_DIGEST: "model"}
    equal = [
        word
        for tag, word in words.items()
        if version.tags.get(tag) is not None and version.tags.get(tag) == production.tags.get(tag)
    ]
    if not equal or equal == [words[Tag.SOURCE_COMMIT]]:  # other data with the same code is how it should be
        return ""
    return f"; **the same {' and '.join(equal)} as version {production.version}, which is in production**"


def cause(tags: dict[str, str]) -> str:
    kind, _, feature = tags.get(Tag.TRIGGER, "unknown").partition(":")
    if not feature:
        return code(kind)
    p_value, event = tags.get(Tag.P_VALUE, "unknown"), tags.get(Tag.EVENT_ID, "unknown")
    return f"drift of {code(feature)}: adjusted p-value {code(p_value)}, event {code(event)}"


def code(text: str) -> str:
    """A tag's text shown literally: it makes no link and no mention, and does not end the table's cell."""
    return "`" + re.sub(r"[`|\s]+", " ", text).strip()[:200] + "`"


def main() -> int:
    given = Evidence.parse(sys.argv[1:])
    return command.run(lambda: _propose(given), RegistryError, NotProposedError)


def _propose(given: Evidence) -> None:
    found = propose(Registry(), given.model, given.version, (given.link or get_tracking_uri()).rstrip("/"))
    if isinstance(found, str):
        print(f"{given.model}: nothing to propose, as {found}")
    elif given.output is None:
        print(f"# {found.title}\n\n{found.body}", end="")
    else:
        folder = Path(given.output)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("version", found.version), ("title", found.title), ("body.md", found.body)):
            (folder / name).write_text(text, encoding="utf-8")
