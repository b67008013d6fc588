"""The plugin protocol (`pulumirpc.ResourceProvider`) over `Objects`."""
# ruff: noqa: N802, ARG002 - names and signatures are the generated protocol's

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from local.provider import diff, kinds
from local.provider.cluster import ClusterAccess, ClusterError
from local.provider.engine import EngineLog
from local.provider.inputs import InputError, check, imported
from local.provider.kinds import UnsupportedError
from local.provider.objects import ObjectError, Objects, UnreadyError, identity
from local.provider.values import (
    Json,
    conceal,
    decode,
    encode,
    has_unknown,
    redact,
    reveal,
    secret_strings,
    with_string_data,
)

VERSION = "4.32.0"
"""The plugin version whose behavior this follows; what the SDK of that version asks for."""
ANNOUNCEMENT = (
    "ml-loop's stand-in for Pulumi's kubernetes plugin is in use: for the built-in cluster only, plain objects only. "
    "Elsewhere install the real one: `pulumi plugin install resource kubernetes`"
)
FLAGS = {
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One configured provider. Requests come in parallel, each on a thread of its own."""

    def __init__(self, engine: EngineLog) -> None:
        self.engine = engine
        self.namespace = "default"
        self.mutable: frozenset[str] = frozenset()
        self.objects = Objects(ClusterAccess())

    def Handshake(self, request: pb.ProviderHandshakeRequest, context: Any) -> pb.ProviderHandshakeResponse:
        """What this provider supports; comes before Configure."""
        return pb.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Any) -> plugin_pb2.PluginInfo:
        """The version of the plugin whose place is taken."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        """Takes any configuration: what does not apply here (rendering, Helm settings) is ignored."""
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: pb.DiffRequest, context: Any) -> pb.DiffResponse:
        """Another cluster, known by its identifier where there is one, is another provider with objects of its own."""
        old, new = decode(request.old_inputs), decode(request.news)
        changes = diff.changed_paths(old, new)
        known_by = ("clusterIdentifier",) if "clusterIdentifier" in new else ("context", "cluster")
        return _difference(changes, diff.replacing(changes, known_by))

    def Configure(self, request: pb.ConfigureRequest, context: Any) -> pb.ConfigureResponse:
        """Opens no connection: a preview of creations needs no cluster."""
        args = {key: reveal(value) for key, value in decode(request.args).items()}
        flags = {name for name, variable in FLAGS.items() if _flag(args.get(name, os.environ.get(variable)))}
        access = ClusterAccess(args.get("kubeconfig"), args.get("context"))
        self.namespace = args.get("namespace") or "default"
        self.mutable = frozenset(kind for kind in ("ConfigMap", "Secret") if f"enable{kind}Mutable" in flags)
        self.objects = Objects(access, force="enablePatchForce" in flags, upsert="upsertExistingObjects" in flags)
        self.engine.info(ANNOUNCEMENT)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Invoke(self, request: pb.InvokeRequest, context: Any) -> pb.InvokeResponse:
        """Functions of the real plugin render charts and files."""
        raise _abort(context, str(kinds.not_served(request.tok)))

    def Construct(self, request: pb.ConstructRequest, context: Any) -> pb.ConstructResponse:
        """Components of the real plugin: charts, kustomizations, YAML files."""
        raise _abort(context, str(kinds.not_served(request.type)))

    def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        """See `inputs.check`."""
        news, olds = decode(request.news), decode(request.olds)
        token, name = _type(request), request.urn.rsplit("::", 1)[-1]
        try:
            inputs = check(news, olds, token=token, resource=name, seed=request.randomSeed, namespace=self.namespace)
            return pb.CheckResponse(inputs=encode(inputs))
        except InputError as error:
            failure = pb.CheckFailure(property=error.field, reason=str(error))
        except UnsupportedError as error:
            failure = pb.CheckFailure(property="kind", reason=str(error))
        return pb.CheckResponse(inputs=request.news, failures=[failure])

    def Diff(self, request: pb.DiffRequest, context: Any) -> pb.DiffResponse:
        """Equal inputs cost no request; others ask the API server by a dry run what it takes for immutable."""
        old, new = decode(request.old_inputs), decode(request.news)
        with self._sentences(context, new):
            clear = reveal(new)
            changes = diff.changed_paths(old, new)
            replaces = diff.replacing(changes, kinds.immutable_fields(clear, self.mutable))
            if not has_unknown(clear):
                if changes and not replaces:
                    replaces = self.objects.refused_in_place(clear, changes)
                elif not changes and self.objects.wants_replacement(clear):
                    changes["spec"] = "update"
                    replaces = ("spec",)
            return _difference(changes, replaces, delete_first=bool(replaces) and diff.delete_first(old, new))

    def Create(self, request: pb.CreateRequest, context: Any) -> pb.CreateResponse:
        """A preview asks the API server where there is one."""
        inputs = decode(request.properties)
        with self._sentences(context, inputs):
            clear = reveal(inputs)
            if request.preview:
                if not has_unknown(clear):
                    self.objects.try_create(clear)
                return pb.CreateResponse(properties=request.properties)
            live = self.objects.create(clear, request.timeout, self._report(request.urn, inputs))
            return pb.CreateResponse(id=identity(clear), properties=_outputs(live, inputs))

    def Update(self, request: pb.UpdateRequest, context: Any) -> pb.UpdateResponse:
        """Like `Create`, for an object that is ours."""
        inputs = decode(request.news)
        with self._sentences(context, inputs, request.id):
            clear, known = reveal(inputs), reveal(decode(request.old_inputs))
            if request.preview:
                if not has_unknown(clear):
                    self.objects.try_update(clear, known)
                return pb.UpdateResponse(properties=request.news)
            live = self.objects.update(clear, known, request.timeout, self._report(request.urn, inputs))
            return pb.UpdateResponse(properties=_outputs(live, inputs))

    def Read(self, request: pb.ReadRequest, context: Any) -> pb.ReadResponse:
        """The live object, and as inputs the live values of the fields we own; nothing where it is gone."""
        given = decode(request.inputs)
        manifest = _located(request, given)
        with self._sentences(context, given or decode(request.properties)):
            live = self.objects.read(manifest)
            if not live:
                return pb.ReadResponse()
            inputs = diff.owned(given, with_string_data(live, given)) if given else imported(live)
            return pb.ReadResponse(id=request.id, properties=_outputs(live, inputs), inputs=encode(inputs))

    def Delete(self, request: pb.DeleteRequest, context: Any) -> empty_pb2.Empty:
        """Waits until the object is gone."""
        given = decode(request.old_inputs) or decode(request.properties)
        with self._sentences(context, given):
            self.objects.delete(_located(request, given), request.timeout, self._report(request.urn, given))
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: Any) -> empty_pb2.Empty:
        """Ends every wait at once."""
        self.objects.canceled.set()
        return empty_pb2.Empty()

    def _report(self, urn: str, inputs: Json) -> Callable[[str], None]:
        hidden = secret_strings(inputs)
        return lambda text: self.engine.progress(redact(text, hidden), urn)

    @contextmanager
    def _sentences(self, context: Any, inputs: Json, known_id: str = "") -> Generator[None]:
        """Ends the call with a sentence without secrets for everything that a user or a cluster can cause."""
        try:
            yield
        except UnreadyError as error:
            raise _unready(context, error, inputs, known_id) from None
        except (ObjectError, ClusterError, UnsupportedError) as error:
            raise _abort(context, redact(str(error), secret_strings(inputs))) from None


def _located(request: Any, given: Json) -> Json:
    """Enough of a manifest to find the object: from the state where it has one, else by type and id."""
    clear = reveal(given or decode(request.properties))
    api_version, kind = (clear["apiVersion"], clear["kind"]) if clear.get("kind") else kinds.of_type(_type(request))
    namespace, _, name = request.id.rpartition("/")
    annotations = (clear.get("metadata") or {}).get("annotations")
    metadata = {"name": name, "annotations": annotations or {}} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _type(request: Any) -> str:
    return request.type or request.urn.split("::")[2].rsplit("$", 1)[-1]


def _outputs(live: Json, inputs: Json) -> Any:
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return encode(conceal(live | {"metadata": metadata}, inputs))


def _difference(changes: diff.Changes, replaces: tuple[str, ...], *, delete_first: bool = False) -> pb.DiffResponse:
    def detail(path: str, change: diff.Change) -> pb.PropertyDiff:
        kind: Any = pb.PropertyDiff.Kind.Value(f"{change.upper()}_REPLACE" if path in replaces else change.upper())
        return pb.PropertyDiff(kind=kind, inputDiff=True)

    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        diffs=list(changes),
        replaces=list(replaces),
        deleteBeforeReplace=delete_first,
        detailedDiff={path: detail(path, change) for path, change in changes.items()},
        hasDetailedDiff=True,
    )


def _flag(value: Any) -> bool:
    """Provider settings arrive as booleans or as text, environment variables as text."""
    return str(value).lower() in ("true", "1")


def _abort(context: Any, message: str) -> Exception:
    """Ends the call by raising; typed for callers to `raise`, which tells the type checker that they end too."""
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
    return RuntimeError(message)


def _unready(context: Any, error: UnreadyError, inputs: Json, known_id: str) -> Exception:
    """Tells the engine to keep the object in state, and that its initialization failed."""
    message = redact(str(error), secret_strings(inputs))
    detail = pb.ErrorResourceInitFailed(
        id=known_id or identity(reveal(inputs)),
        properties=_outputs(error.live, inputs),
        inputs=encode(inputs),
        reasons=[message],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    return error


def serve(engine_address: str | None) -> None:
    """Serves until the engine ends the process; the first line of output is the port."""
    # One thread per wait: the engine runs dozens of resources at a time.
    server: Any = grpc.server(futures.ThreadPoolExecutor(128), options=[("grpc.max_receive_message_length", 1 << 28)])
    add: Any = provider_pb2_grpc.add_ResourceProviderServicer_to_server
    add(Provider(EngineLog(engine_address)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
