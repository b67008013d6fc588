"""What a packed chart knows: its values, and where its templates hand a whole map of them on.

Charts are not part of this repository. `make mirror ARGS="--charts FOLDER"` pulls them; with `ML_LOOP_CHARTS=FOLDER`
tests read them, and render them where `helm` is on PATH. What cannot be had is skipped, and the skip says what is
missing.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from policy.lint import load
from policy.rule import Resource


def archive(name: str, version: str) -> "Archive":
    """The chart in `ML_LOOP_CHARTS`."""
    file = f"{name}-{version}.tgz"
    folder = os.environ.get("ML_LOOP_CHARTS")
    if folder is None or not (Path(folder) / file).exists():
        pytest.skip(f"{file} is not in ML_LOOP_CHARTS ({folder or 'not set'}): not compared with the chart")
    return Archive.read(Path(folder) / file)


@dataclass(frozen=True)
class Archive:
    """A chart in a `.tgz`."""

    path: Path
    defaults: Mapping[str, Any]
    """Its values.yaml."""
    templates: str
    """All its templates, one after the other."""

    @classmethod
    def read(cls, path: Path) -> "Archive":
        defaults, templates = "", list[str]()
        with tarfile.open(path) as packed:
            for member in packed.getmembers():
                _, _, name = member.name.partition("/")
                # Some templates are files that a template reads.
                wanted = name == "values.yaml" or name.startswith(("templates/", "files/"))
                content = packed.extractfile(member) if wanted else None
                text = content.read().decode() if content else ""
                if name == "values.yaml":
                    defaults = text
                else:
                    templates.append(text)
        return cls(path, yaml.safe_load(defaults) or {}, "\n".join(templates))

    def unknown_keys(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The dotted paths of keys that neither values.yaml nor a template has: they would do nothing, silently."""
        return self._unknown(values, self.defaults, ())

    def _unknown(self, values: Mapping[str, Any], defaults: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
        for key, value in values.items():
            path = (*above, key)
            known = defaults.get(key)
            if key not in defaults and not self._mentions(path):
                yield ".".join(path)
            elif isinstance(value, Mapping) and isinstance(known, Mapping) and known and not self._hands_on(path):
                yield from self._unknown(cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", known), path)

    def _mentions(self, path: tuple[str, ...]) -> bool:
        return re.search(rf"\.Values\.{re.escape('.'.join(path))}\b", self.templates) is not None

    def _hands_on(self, path: tuple[str, ...]) -> bool:
        """Whether the whole map goes into the manifest, so that its keys are Kubernetes' own."""
        return re.search(rf"\.Values\.{re.escape('.'.join(path))}(?![\w.])", self.templates) is not None

    def render(self, name: str, namespace: str, values: Mapping[str, Any]) -> list[Resource]:
        """The objects that Helm makes of it, without those of hooks."""
        helm = shutil.which("helm")
        if helm is None:
            pytest.skip("helm is not on PATH: the chart is not rendered")
        command = [helm, "template", name, str(self.path), "--namespace", namespace, "--no-hooks", "--include-crds"]
        made = subprocess.run(
            [*command, "--kube-version", "1.34.0", "--values", "-"],
            input=yaml.safe_dump(dict(values)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return [replace(each, from_chart=True) for each in load(made.stdout, str(self.path))]
