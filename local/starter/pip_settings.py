"""This machine's settings for Python's package index, for builds: as secrets, which no layer keeps."""

import configparser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FILES: Final = (Path("/etc/pip.conf"), Path("~/.pip/pip.conf"), Path("~/.config/pip/pip.conf"))
"""Where pip looks on Linux; later files win over earlier ones."""
KEYS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
"""Settings that also hold inside an image. Folders of this machine do not."""
AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
IN_BUILD: Final = "/run/certificates.crt"


def secrets(scratch: Path, shell: Mapping[str, str], files: Sequence[Path] = FILES) -> list[str]:
    """Options of `buildah bud`: the secret `pip`, a pip.conf, and `certificates`, which this machine trusts."""
    found = configparser.ConfigParser(interpolation=None)
    found.read([path.expanduser() for path in files], encoding="utf-8")
    given = {key: found["global"][key] for key in KEYS if found.has_option("global", key)}
    for key in KEYS:
        if value := shell.get(f"PIP_{key.replace('-', '_').upper()}"):
            given[key] = value
    options: list[str] = []
    if AUTHORITIES.exists():
        given["cert"] = IN_BUILD
        options += ["--secret", f"id=certificates,src={AUTHORITIES}"]
    file = scratch / "pip.conf"
    file.touch(mode=0o600)
    file.write_text("[global]\n" + "".join(f"{key} = {value.strip()}\n" for key, value in given.items()))
    return [*options, "--secret", f"id=pip,src={file}"]
