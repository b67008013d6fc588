"""Accounts of the bundled store: they own nothing, and may do what the buckets' policies say."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from components.kit.custom import object_name
from components.kit.labels import labels
from components.kit.pod import Mount, Volume
from components.storage.iam import Statement

USERS: Final[Mount] = {"name": "users", "mount_path": "/etc/versitygw", "read_only": True}
"""Where the server finds its accounts besides root. It reads the file again when it changes, and never writes it."""


def derived(root: pulumi.Input[str], access_key: str) -> Output[str]:
    """The secret key of an account: derived from root's, and not revealing it."""
    return Output.from_input(root).apply(
        lambda known: hmac.new(known.encode(), access_key.encode(), hashlib.sha256).hexdigest()
    )


def users(
    name: str,
    app: str,
    accounts: Mapping[str, pulumi.Input[str]],
    namespace: pulumi.Input[str],
    opts: ResourceOptions,
) -> Volume:
    """The file of the store's accounts, for `USERS`: access key → secret key. None of them may make a bucket."""
    file = {key: {"access": key, "secret": secret, "role": "user"} for key, secret in accounts.items()}
    made = k8s.core.v1.Secret(
        f"{name}-users",
        metadata={"name": f"{name}-users", "namespace": namespace, "labels": labels(app, name)},
        string_data={"users.json": Output.json_dumps({"accessAccounts": file})},
        opts=opts,
    )
    return {"name": USERS["name"], "secret": {"secret_name": object_name(made)}}


def credentials(
    name: str,
    app: str,
    *,
    access_key: str,
    secret_key: pulumi.Input[str],
    namespace: pulumi.Input[str],
    opts: ResourceOptions,
) -> Output[str]:
    """An account's key, in the namespace that uses it. Returns the Secret's name."""
    made = k8s.core.v1.Secret(
        name,
        metadata={"name": name, "namespace": namespace, "labels": labels(app, name)},
        string_data={ACCESS_KEY_ID: access_key, SECRET_ACCESS_KEY: secret_key},
        opts=opts,
    )
    return object_name(made)


def granted(access_key: str, statement: Statement) -> Statement:
    """A statement of a bucket's policy: the account may do what the statement of a role's policy says."""
    return {**statement, "Principal": {"AWS": [access_key]}}
