"""A preview of a stack that has nothing yet, with a state of its own: the whole program, and nothing is applied."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

import versions
from local import stack
from local.paths import REPOSITORY, Paths
from settings.problem import PROJECT


@dataclass(frozen=True)
class Apart(Paths):
    """The tools of the cache, with a state and a kubeconfig of their own."""

    folder: Path

    @property
    def stack(self) -> Path:
        return self.folder

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"


@dataclass
class Preview:
    """What a preview came to."""

    seconds: float
    resources: int
    found: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(policy, message) of everything that the pack reported."""
    error: str = ""
    """Why it failed; empty where it succeeded."""


def preview(name: str, folder: Path, cluster: Path, *, pack: bool, changes: Mapping[str, Any] | None = None) -> Preview:
    """Previews `Pulumi.<name>.yaml` with digests for images and with `changes` to its keys, against `cluster`.

    `cluster` is a kubeconfig; its cluster gets the context's name that the stack asks for.
    """
    paths = Apart(Paths.default().cache, folder)
    folder.mkdir(parents=True, exist_ok=True)
    known = yaml.safe_load(cluster.read_text(encoding="utf-8"))
    context = stack.context_of(name)
    contexts = [{**known["contexts"][0], "name": context}]
    paths.kubeconfig.write_text(json.dumps({**known, "contexts": contexts, "current-context": context}))
    digest = f"@sha256:{64 * '0'}"
    images = {image: pin.reference.partition("@")[0] + digest for image, pin in versions.IMAGES.items()}
    file = stack.render(name, paths, images)
    rendered = yaml.safe_load(file.read_text(encoding="utf-8"))
    config = rendered["config"]
    config |= {f"{PROJECT}:{key}": value for key, value in (changes or {}).items()}
    # The provider asks the API server, where a stack that runs may have taken names and ports.
    config[f"{PROJECT}:namespace"] = "empty-loop"
    for key in ("tracking", "kafka"):
        section = config.get(f"{PROJECT}:{key}", {})
        section.pop("nodePort", None)
        if key == "tracking" or section.get("kind") == "bundled":
            section["namespace"] = f"empty-{key}"
    file.write_text(yaml.safe_dump(rendered, sort_keys=False), encoding="utf-8")
    selected = stack.select(name, paths)
    stack.make_secrets(name, paths)
    outcome = Preview(0, 0)

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event:
            outcome.resources += 1
        if event.policy_event:
            outcome.found.append((event.policy_event.policy_name, event.policy_event.message))

    options: dict[str, Any] = {"policy_packs": [str(REPOSITORY / "policy")]} if pack else {}
    began = time.monotonic()
    try:
        selected.preview(on_event=note, **options)
    except automation.CommandError as error:
        outcome.error = str(error)
    outcome.seconds = time.monotonic() - began
    return outcome
