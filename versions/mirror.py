"""What an air-gapped cluster must have: every pinned chart and image. `make mirror` lists them.

Not listed: the images that operators' charts name themselves; `helm template` of a pulled chart shows those.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import versions
from versions import Chart, Image

Pin = Chart | Image


def pins() -> list[Pin]:
    """Every chart and image of `versions`, in its order."""
    return [pin for pin in vars(versions).values() if isinstance(pin, Chart | Image)]


def reference(pin: Pin) -> str:
    """What a client pulls."""
    if isinstance(pin, Image):
        return pin.reference
    return f"{pin.repository}/{pin.name}:{pin.version}"


def licenses(of: Sequence[Pin]) -> Mapping[str, list[str]]:
    """SPDX identifier → the references under it."""
    found: dict[str, list[str]] = {}
    for pin in of:
        found.setdefault(pin.license, []).append(reference(pin))
    return found


def bill_of_materials(of: Sequence[Pin]) -> dict[str, Any]:
    """A CycloneDX 1.6 document of the pins; a component has a hash only where the pin has a digest."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "ml-loop", "bom-ref": "ml-loop"}},
        "components": [_component(pin) for pin in of],
    }


def _component(pin: Pin) -> dict[str, Any]:
    chart = isinstance(pin, Chart)
    name, version = (pin.name, pin.version) if chart else (pin.repository, pin.tag)
    component: dict[str, Any] = {
        "type": "application" if chart else "container",
        "bom-ref": reference(pin),
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": pin.license}}],
    }
    if not chart and pin.digest is not None:
        component["hashes"] = [{"alg": "SHA-256", "content": pin.digest.removeprefix("sha256:")}]
    return component


def pull_charts(of: Sequence[Pin], folder: Path) -> None:
    """Fills `folder` with `<name>-<version>.tgz`, as `platform.chartMirror` reads them. Raises what helm reports."""
    if (helm := shutil.which("helm")) is None:
        raise FileNotFoundError("helm is not on PATH; install it, or pull the charts of `make mirror` by hand")
    folder.mkdir(parents=True, exist_ok=True)
    for pin in of:
        if isinstance(pin, Chart):
            oci = pin.repository.startswith("oci://")
            source = [f"{pin.repository}/{pin.name}"] if oci else [pin.name, "--repo", pin.repository]
            command = [helm, "pull", *source, "--version", pin.version, "--destination", str(folder)]
            subprocess.run(command, check=True)


def copy_images(of: Sequence[Pin], registry: str) -> None:
    """Copies every image, for all its platforms and under its own digest, to where `platform.imageRegistry` reads it.

    Prints the digest that each may be pinned by. Raises what skopeo reports; logging in is skopeo's.
    """
    if (skopeo := shutil.which("skopeo")) is None:
        raise FileNotFoundError("skopeo is not on PATH; install it, or copy the images of `make mirror` by hand")
    for pin in of:
        if isinstance(pin, Image):
            # skopeo takes no reference that has both a tag and a digest.
            source = f"{pin.repository}@{pin.digest}" if pin.digest else pin.reference
            target = pin.mirrored(registry).partition("@")[0]
            copy = [skopeo, "copy", "--all", "--preserve-digests", f"docker://{source}", f"docker://{target}"]
            subprocess.run(copy, check=True, stdout=sys.stderr)
            inspect = [skopeo, "inspect", "--format", "{{.Digest}}", f"docker://{target}"]
            digest = subprocess.run(inspect, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
            print(f"{target}@{digest}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the list, one of its forms, or pulls what is on it."""
    parser = argparse.ArgumentParser(
        prog="python -m versions.mirror", description="Every chart and image that the stack pins."
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--sbom", action="store_true", help="as a CycloneDX document")
    form.add_argument("--licenses", action="store_true", help="by license")
    form.add_argument("--charts", type=Path, metavar="FOLDER", help="pull the charts into a folder, with helm")
    form.add_argument("--images", metavar="REGISTRY", help="copy the images to a registry, with skopeo")
    given = parser.parse_args(arguments)
    found = pins()
    if given.charts or given.images:
        try:
            if given.charts:
                pull_charts(found, given.charts)
            else:
                copy_images(found, given.images)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"mirror: {error}", file=sys.stderr)
            return 1
    elif given.sbom:
        print(json.dumps(bill_of_materials(found), indent=2))
    elif given.licenses:
        print("\n".join(f"{name}: {', '.join(references)}" for name, references in sorted(licenses(found).items())))
    else:
        print("\n".join(f"{type(pin).__name__.lower():6} {reference(pin)}  {pin.license}" for pin in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
