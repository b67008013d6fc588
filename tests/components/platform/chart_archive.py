"""A packed chart: the keys that it knows, and what Helm makes of it.

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
from tests.charts.keys import ANYTHING, Keys


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

    def keys(self) -> Keys:
        """Every key that values.yaml or a template has: others would do nothing, silently."""
        # A key that only a template mentions has no defaults that could say what is below it.
        mentioned = {path + ANYTHING for path in re.findall(r"\.Values\.([\w.-]+\w)", self.templates)}
        kept = frozenset(self._keys(self.defaults, ""))
        return Keys(kept | {path for path in mentioned if path.removesuffix(ANYTHING) not in kept})

    def _keys(self, defaults: Mapping[str, Any], above: str) -> Iterator[str]:
        for key, value in defaults.items():
            path = f"{above}{key}"
            if not isinstance(value, Mapping):
                yield path if value is not None else path + ANYTHING
            elif not value or self._hands_on(path):
                yield path + ANYTHING
            else:
                yield path
                yield from self._keys(cast("Mapping[str, Any]", value), f"{path}.")

    def _hands_on(self, path: str) -> bool:
        """Whether the whole map goes into the manifest, so that its keys are Kubernetes' own."""
        return re.search(rf"\.Values\.{re.escape(path)}(?![\w.])", self.templates) is not None

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
