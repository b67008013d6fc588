"""A recording engine: what a program registers, as plain data, with parents, providers and secrets.

`record(build)` runs `build` as a program and returns what it registered, in order. Nothing leaves the process.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks, settings
from pulumi.runtime.proto import callback_pb2, resource_pb2
from pulumi.runtime.stack import Stack

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi encrypts in state."""

    value: Any


@dataclass
class Registered:
    """A resource as the program registered it."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    """Whole numbers are ints; what is secret is wrapped in `Secret`."""
    parent: str
    provider: str
    """Name of its explicit provider; empty for none."""
    protected: bool
    depends_on: tuple[str, ...]
    """Names of the resources it comes after, by data or by declaration."""
    references: dict[str, tuple[str, ...]]
    """Property → URNs of the resources its value comes from."""
    component: bool
    transforms: tuple[pulumi.ResourceTransform, ...]
    """What the engine would change of it and of its children. Only the functions: no engine calls them here."""
    replaced_by: tuple[str, ...]
    """Paths of inputs whose change replaces it, whatever its kind says."""
    deleted_first: bool
    """Whether a replacement waits until the old one is gone."""
    outputs: dict[str, Any] | None = None
    """A component's registered outputs; None where it registered none."""


@dataclass
class Recording:
    resources: list[Registered] = field(default_factory=list[Registered])
    exports: dict[str, Any] = field(default_factory=dict[str, Any])
    """The stack's outputs."""
    warnings: list[str] = field(default_factory=list[str])

    def of(self, kind: str) -> list[Registered]:
        """The resources whose type ends with `kind`, such as `Deployment`."""
        return [resource for resource in self.resources if resource.type.rpartition(":")[2] == kind]

    def only(self, kind: str, name: str = "") -> Registered:
        """The one resource of that kind, or of that kind and name."""
        (found,) = [resource for resource in self.of(kind) if name in ("", resource.name)]
        return found

    def inputs(self, kind: str, name: str = "") -> dict[str, Any]:
        return self.only(kind, name).inputs

    def changed(self, other: "Recording") -> list[str]:
        """`<kind> <path>` of each input that another recording of the same resources has otherwise."""
        after = {resource.urn: resource.inputs for resource in other.resources}
        assert after.keys() == {resource.urn for resource in self.resources}
        return sorted(
            f"{resource.type.rpartition(':')[2]} {path}"
            for resource in self.resources
            for path in _differences(resource.inputs, after[resource.urn])
        )

    def parent_of(self, resource: Registered) -> Registered | None:
        """None where the stack itself is the parent."""
        return next((other for other in self.resources if other.urn == resource.parent), None)


def record(build: Callable[[], object], stack: str = "test") -> Recording:
    """Runs `build` as the program of `stack`; raises what it raises."""
    monitor = _Monitor()
    logger = logging.Logger("program")
    logger.addHandler(_Log(monitor.recording))
    settings.ROOT.set(None)  # or the last program's stack, and what it exported, would still be there
    mocks.set_mocks(monitor.mocks, project="ml-loop", stack=stack, preview=False, monitor=monitor, logger=logger)
    setattr(settings.SETTINGS, "callbacks", monitor.callbacks)  # noqa: B010  its declared type is its decorator's

    @pulumi.runtime.test
    def run() -> None:
        copy_context().run(build)  # what one program says of its cluster is not said of the next one's
        root = settings.get_root_resource()
        assert isinstance(root, Stack)
        pulumi.Output.from_input(root.outputs).apply(monitor.recording.exports.update)

    run()
    return monitor.recording


class _Provider(mocks.Mocks):
    """Answers with what was asked for, and with what only a cloud would know."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"{args.token}: components call no provider functions")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs: dict[str, Any] = args.inputs
        if args.typ.startswith("aws:"):
            made = {"arn": f"arn:aws:::{args.name}", "associationId": f"a-{args.name}"}
            return args.name, {"bucket": args.name} | inputs | made
        if inputs.get("kind") == "Gateway":
            return args.name, inputs | {"status": {"addresses": [{"type": "IPAddress", "value": "192.0.2.1"}]}}
        return args.name, inputs


class _Log(logging.Handler):
    """Keeps the warnings that a program logs through the engine."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(logging.WARNING)
        self.recording = recording

    def emit(self, record: logging.LogRecord) -> None:
        self.recording.warnings.append(record.getMessage())


class _Callbacks:
    """Keeps the transforms that a program hands to the engine, by the token that stands for them in requests."""

    def __init__(self) -> None:
        self.transforms: dict[str, pulumi.ResourceTransform] = {}

    def register_transform(self, transform: pulumi.ResourceTransform) -> callback_pb2.Callback:
        token = str(len(self.transforms))
        self.transforms[token] = transform
        return callback_pb2.Callback(token=token)


class _Monitor(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Provider())
        self.recording = Recording()
        self.callbacks = _Callbacks()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  gRPC's name
        response = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return response
        names = {resource.urn: resource.name for resource in self.recording.resources}
        self.recording.resources.append(
            Registered(
                urn=response.urn,
                type=request.type,
                name=request.name,
                inputs=_plain(json_format.MessageToDict(request.object)),
                parent=request.parent,
                provider=_provider_name(request),
                protected=request.protect,
                depends_on=tuple(names[urn] for urn in request.dependencies if urn in names),
                references={key: tuple(urns.urns) for key, urns in request.propertyDependencies.items()},
                component=not request.custom,
                transforms=tuple(self.callbacks.transforms[callback.token] for callback in request.transforms),
                replaced_by=tuple(request.replaceOnChanges),
                deleted_first=request.deleteBeforeReplace,
            )
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        outputs = _plain(json_format.MessageToDict(request.outputs))
        for resource in self.recording.resources:
            if resource.urn == request.urn:
                resource.outputs = outputs
        return super().RegisterResourceOutputs(request)


def _provider_name(request: resource_pb2.RegisterResourceRequest) -> str:
    """References are `urn::id`, and a URN ends with the provider's name."""
    reference = request.provider or next(iter(request.providers.values()), "")
    return reference.split("::")[3] if reference else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return Secret(_plain(value["value"]))
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in old.keys() | new.keys():
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif old != new:
        yield path


def texts(value: Any) -> Iterator[str]:
    """Every text in a value that Pulumi would keep in plain sight."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from texts(item)
