"""The Debian packages that the node and the image builder need on the machine itself."""

import os
import shutil
from collections.abc import Mapping

from local.shell import run
from local.steps import StepError

PACKAGES = {  # a program, and the package that brings it
    "containerd": "containerd",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mvn": "maven",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing(packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Packages whose program is not there."""
    return [package for program, package in packages.items() if shutil.which(program, path=SEARCH) is None]


def install() -> str | None:
    """Installs what the node and the image builder lack."""
    return provide(PACKAGES)


def provide(wanted: Mapping[str, str]) -> str | None:
    """Installs what is missing, and changes nothing else on the machine."""
    packages = missing(wanted)
    if not packages:
        return None
    if shutil.which("apt-get") is None:
        raise StepError(f"missing: {', '.join(packages)}; this machine has no apt-get, so install them by hand")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=environment)
    return f"installed {', '.join(packages)}"
