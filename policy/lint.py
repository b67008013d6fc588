"""The rules on files: `python -m policy.lint [--config FILE] FILE...`, with `-` for standard input.

Prints a line for each violation and exits 1 if there is a mandatory one, 2 if a file cannot be read. All files are
judged together: a template beside the config of its controller, a pod beside its Namespace. A `Pulumi.<stack>.yaml` is
searched for plain secrets.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from policy.exceptions import read_exceptions
from policy.manifest import get
from policy.rule import Level, Resource, Rule, Stack
from policy.rules import RULES
from policy.verdict import judge
from settings import PolicyException


def load(text: str, name: str) -> Iterator[Resource]:
    """The objects of a YAML or JSON text, with lists taken apart. Raises ValueError for any other text."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: not YAML or JSON: {' '.join(str(error).split())}; correct the file") from error
    for document in documents:
        if isinstance(document, Mapping) and "kind" not in document and "config" in document:
            stack = {
                "apiVersion": "v1",
                "kind": "PulumiStack",
                "metadata": {"name": name},
                "config": document["config"],
            }
            yield Resource(stack)
        elif document is not None:
            yield from _objects(document, name)


def _objects(document: Any, name: str) -> Iterator[Resource]:
    if not isinstance(get(document, "kind"), str) or not isinstance(get(document, "apiVersion"), str):
        raise ValueError(f"{name}: an object without apiVersion and kind; give Kubernetes manifests")
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _objects(item, name)
    else:
        yield Resource(document, from_chart=from_chart(document))


def from_chart(manifest: Mapping[str, Any]) -> bool:
    """Whether Helm rendered the object, by the labels that charts agree on."""
    labels = get(manifest, "metadata", "labels")
    return get(labels, "helm.sh/chart") is not None or get(labels, "app.kubernetes.io/managed-by") == "Helm"


def lint(resources: Sequence[Resource], config: Mapping[str, Any], today: date) -> tuple[list[str], bool]:
    """The report's lines, and whether a mandatory rule is violated. `config` is a policy pack's: rule → options."""
    lines: list[str] = []
    failed = False
    for rule in RULES:
        level, options, exceptions = settings(rule, config)
        stack = Stack(tuple(resources), options=options)
        if level == "disabled":
            continue
        for resource in resources:
            verdict = judge(rule, resource, stack, exceptions, today)
            failed = failed or (level == Level.MANDATORY and bool(verdict.violations))
            lines += [f"{level}: [{rule.name}] {message}" for message in verdict.violations]
            lines += [f"not known yet: [{rule.name}] {message}" for message in verdict.unknown]
            lines += [f"exception: [{rule.name}] {message}" for message in verdict.excepted]
    return lines, failed


def settings(rule: Rule, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], tuple[PolicyException, ...]]:
    """A rule's level, options and exceptions, from a config as `pulumi preview --policy-pack-config` takes it."""
    own = config.get(rule.name, {})
    options: Mapping[str, Any] = {"enforcementLevel": own} if isinstance(own, str) else own
    everywhere = config.get("all", rule.level)
    level = options.get("enforcementLevel", everywhere if isinstance(everywhere, str) else rule.level)
    return level, options, read_exceptions(options.get("exceptions", ()), rule.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the files named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m policy.lint", description="The policy pack's rules on manifests.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON manifests; - for standard input")
    parser.add_argument("--config", type=Path, help="policy config, as pulumi preview --policy-pack-config takes it")
    given = parser.parse_args(arguments)
    try:
        config = json.loads(given.config.read_text()) if given.config else {}
        resources = [resource for name in given.files for resource in load(_read(name), name)]
        lines, failed = lint(resources, config, datetime.now(UTC).date())
    except (OSError, ValueError) as error:
        print(f"policy.lint: {error}", file=sys.stderr)
        return 2
    print("\n".join([*lines, f"{len(resources)} objects judged by {len(RULES)} rules"]))
    return 1 if failed else 0


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text()


if __name__ == "__main__":
    sys.exit(main())
