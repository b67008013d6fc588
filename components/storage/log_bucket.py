"""The bundled store's bucket for logs, and who may add to it."""

from dataclasses import dataclass
from typing import Final

import pulumi

from components.storage.accounts import granted
from components.storage.iam import Statement, document

ACCESS_KEY: Final = "ml-loop-logs"


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    """A bucket that pods of another namespace than the store's may add to."""

    namespace: pulumi.Input[str]
    """Whose pods write logs."""
    secret_key: pulumi.Input[str]
    """Secret key of the account that they write as; a Pulumi secret."""
    days: int
    """How long a log is kept."""
    bucket: str = "ml-loop-logs"


def bucket_policy(bucket: str) -> str:
    """All that the account may do in the store: add objects to this bucket."""
    add: Statement = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    return document(granted(ACCESS_KEY, add))
