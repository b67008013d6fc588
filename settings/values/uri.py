"""URIs of data, in any scheme that a training's code may know: `s3://`, `abfss://container@account`, `dbfs:/`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from settings.problem import Allowed
from settings.values.templates import untemplated

# `jdbc:postgresql://host/db` has two schemes.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):((?:[A-Za-z][A-Za-z0-9+.-]+:)*)/")
_NAMES_A_BUCKET = {"s3", "s3a", "gs", "abfs", "abfss", "wasb", "wasbs", "http", "https"}
_SECRET = re.compile(
    r"[?&;#](?:[\w.-]*(?:password|passwd|pwd|secret|token|signature|credential|key)|sig)=", re.IGNORECASE
)


def _names_data(uri: str) -> str:
    scheme = _SCHEME.match(uri)
    if scheme is None or uri != uri.strip() or not uri.isprintable() or _SECRET.search(uri):
        raise ValueError
    inner = urlsplit(uri.removeprefix(f"{scheme[1]}:") if scheme[2] else uri)
    # Reading the port fails where a password with a slash in it hides behind one.
    if inner.password is not None or (inner.port is None and inner.netloc.endswith(":")):
        raise ValueError
    if scheme[1].lower() in _NAMES_A_BUCKET and not inner.hostname:
        raise ValueError
    if uri.rstrip("/") == f"{scheme[1]}:":
        raise ValueError
    return untemplated(uri)


DataUri = Annotated[
    str,
    AfterValidator(_names_data),
    Allowed(
        "a URI such as s3://bucket/path",
        "Write scheme and path, without a password or {{: the training pod's identity opens the data",
    ),
]
