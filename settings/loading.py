"""Reads the stack's configuration, once. Nothing else in the program reads `pulumi.Config`."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import ValidationError

from settings.cluster import check_context
from settings.problem import PROJECT, SettingsError, dotted
from settings.root import Settings
from settings.scalars import restored, rounded

_PREFIX = f"{PROJECT}:"


def load(*, check_cluster: bool = True) -> Settings:
    """The settings of the running stack.

    Args:
        check_cluster: whether the kubeconfig must have the cluster's context. It is read; the cluster is not called.

    Raises:
        SettingsError: with one line per problem; Pulumi prints it without a stack trace.
    """
    config = pulumi.Config(PROJECT)
    # Config has no way to list its keys, and a misspelt one would otherwise go unseen.
    keys = [key.removeprefix(_PREFIX) for key in CONFIG.get() if key.startswith(_PREFIX)]
    values = {key: _value(config, key) for key in keys}
    settings = parse({key: value for key, value in values.items() if value is not None})
    if check_cluster:
        check_context(settings.cluster)
    return settings


def parse(values: Mapping[str, Any]) -> Settings:
    """The settings from the keys of a stack file, without the prefix `ml-loop:`.

    Raises:
        SettingsError: with one line per problem. Contradictions between settings are reported once each value is valid.
    """
    if lost := [f"{dotted(problem.path)}: {problem.text}" for problem in rounded(values)]:
        raise SettingsError(lost)
    values = restored(values)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [f"{dotted(_as_written(each['loc'], values))}: {each['msg']}" for each in error.errors()]
        raise SettingsError(lines) from None


def _value(config: pulumi.Config, key: str) -> Any:
    """The value of a key; None where it is empty.

    Pulumi requires every key that `Pulumi.yaml` declares without a default. Optional keys have an empty default there,
    so an empty key means the same as one left out.
    """
    text = config.get(key)
    if text is None or text in {"", "{}", "[]", "null"}:
        return None
    if pulumi.runtime.is_config_secret(config.full_key(key)):
        return config.get_secret(key)
    try:
        # Pulumi hands over mappings and lists as JSON, and other values as they are.
        return json.loads(text) if text[0] in "{[" else text
    except json.JSONDecodeError:
        return text


def _as_written(location: tuple[str | int, ...], values: object) -> list[str | int]:
    """The keys of an error's location as the user wrote them, without what pydantic adds for mappings and unions."""
    path: list[str | int] = []
    location = tuple(key for key in location if key != "[key]")
    for depth, key in enumerate(location):
        if isinstance(values, Mapping) and key not in values and depth < len(location) - 1:
            continue  # the kind of a union
        path.append(key)
        if isinstance(key, int):
            values = values[key] if isinstance(values, list | tuple) else None
        else:
            values = values.get(key) if isinstance(values, Mapping) else None
    return path
