"""What a credential looks like, by its name or its value: refused by settings, found by the policy pack."""

import re
from typing import Final

SECRET_NAME: Final = re.compile(
    r"(?i)(password|passwd|secret(_?key)?|token|api_?key|access_?key(?!_?id)|private_?key|credentials?)$"
)
"""Names that end like a credential's. `…_FILE`, `…_NAME` and the like say where one is, not what it is."""
SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|[a-z][a-z0-9+.-]*://[^/\s:@$({]+:[^/\s:@$({]+@"
)
"""A private key, a key of AWS, a token of GitHub, a URL with a password (references such as $(PASSWORD) are none)."""
