"""The providers' protocol, spoken for every package at once: a request's type tells which one is meant."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from typing_extensions import override

from plimsoll.localcloud.diff import Kind
from plimsoll.localcloud.listening import listen
from plimsoll.localcloud.outputs import SCOPES, Asked, answer, identify, known_before, seen_through, settled
from plimsoll.localcloud.randoms import MAKERS
from plimsoll.localcloud.rules import Rule, load_rules
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import AlreadyExistsError, Record, State
from plimsoll.localcloud.templates import Scope, fill
from plimsoll.localcloud.wire import bare, read, type_of, write

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from plimsoll.localcloud.diff import Change
    from plimsoll.localcloud.judge import Judge
    from plimsoll.localcloud.wire import Properties

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""As the engine allows itself; gRPC's own limit of 4 MB is too small for an archive."""

KINDS: Final = {
    Kind.ADD: (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    Kind.DELETE: (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    Kind.UPDATE: (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}

VERSION: Final = "999.0.0"
"""Above what any program asks for: one server is all packages, and the engine warns of a lower version."""

DYNAMIC_PROVIDER: Final = "__provider"
"""The input in which a dynamic resource carries its own code, never run here: it would do real things."""


class Providers(provider_pb2_grpc.ResourceProviderServicer):
    """Answers for all packages. Its methods run on gRPC's threads."""

    def __init__(self, state: State, judge: Judge) -> None:
        self._state = state
        self._judge = judge
        self._rules = load_rules()
        self._lock = threading.Lock()
        self._configs: dict[str, Properties] = {}

    # --- meeting the engine

    @override
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    @override
    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema="{}")

    @override
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    # --- a provider's own configuration

    @override
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    @override
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return _write_diff(self._judge.compare_config(read(request.old_inputs), read(request.news)))

    @override
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        # The engine has a connection of its own for each provider resource, and says nowhere else which one
        # a request is for.
        with self._lock:
            self._configs[context.peer()] = {name: bare(value) for name, value in read(request.args).items()}
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    def _config(self, context: grpc.ServicerContext) -> Properties:
        with self._lock:
            return self._configs.get(context.peer(), {})

    # --- what is asked for

    @override
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        type_, name = type_of(request.urn), request.urn.rpartition("::")[2]
        inputs = read(request.news)
        try:
            problems = self._judge.check(type_, inputs)
            seed = f"{request.urn}|{request.randomSeed.hex()}"
            inputs = self._judge.complete(type_, name, inputs, read(request.olds), seed)
        except SdkError as error:
            _refuse(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        failures = [
            # The reason has the path. Given as the property, the engine would print its value, secret or not.
            provider_pb2.CheckFailure(reason=f"{problem.path} {problem.reason}")
            for problem in problems
        ]
        return provider_pb2.CheckResponse(inputs=write(inputs), failures=failures)

    @override
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        type_, new = type_of(request.urn), read(request.news)
        # What is left out is what the vendor makes of it: to say a default is no change. But where it lives
        # was decided when it was made, by the provider's configuration of that day.
        made = {name: value for name, value in read(request.olds).items() if name in SCOPES}
        old = {**made, **read(request.old_inputs)}
        before, after = (settled(*self._ask(type_, inputs, context)) for inputs in (old, new))
        changes = self._judge.compare(type_, before, after)
        return _write_diff(changes, deletes_first=self._judge.deletes_first(type_, new))

    # --- what a cloud does

    @override
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        type_, inputs = type_of(request.urn), read(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=write(_told(inputs)))
        asked, rule = self._ask(type_, inputs, context)
        seed = f"{request.urn}|{self._state.count(request.urn)}"
        if type_ in MAKERS:
            id_, made = MAKERS[type_](inputs, seed)
            properties = {**answer(asked, rule, self._rules, id_), **made}
            return provider_pb2.CreateResponse(id=id_, properties=write(properties))
        if rule.counted_by:
            series = str(fill(rule.counted_by, Scope(settled(asked, rule), {}, ""), ""))
            asked = replace(asked, count=self._state.count(f"{type_}|{series}"))
        id_, identity = identify(asked, rule, seed)
        properties = _told(answer(asked, rule, self._rules, id_))
        record = Record(type_, id_, request.urn, identity, inputs, properties)
        if rule.shared:
            self._state.put(record)
        else:
            try:
                self._state.create(record)
            except AlreadyExistsError as error:
                _refuse(
                    context,
                    grpc.StatusCode.ALREADY_EXISTS,
                    f"Error 409: {type_} {error} already exists. Import it (its id is {id_}), or give this "
                    "one another name",
                )
        return provider_pb2.CreateResponse(id=id_, properties=write(properties))

    @override
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        type_, inputs, olds = type_of(request.urn), read(request.news), read(request.olds)
        found = self._state.find(type_, request.id)
        if found is None:
            if request.preview or type_ in MAKERS:
                return provider_pb2.UpdateResponse(properties=write({**olds, **_told(inputs)}))
            _refuse(
                context,
                grpc.StatusCode.NOT_FOUND,
                f"Error 404: {type_} {request.id} is gone from the cloud. `pulumi refresh` takes it out of "
                "the state, and the next update creates it again",
            )
        asked, rule = self._ask(type_, inputs, context)
        # What somebody else has set, and this program never did, stays.
        kept = {
            name: value
            for name, value in found.properties.items()
            if asked.shape and name in asked.shape.inputs and name not in found.inputs
        }
        asked = replace(asked, inputs={**kept, **inputs}, generation=found.generation + 1)
        properties = _told(answer(asked, rule, self._rules, request.id))
        if rule.counted_by:
            # Its number stays.
            properties |= {name: found.properties[name] for name in rule.outputs}
        if request.preview:
            told = known_before(olds, properties, inputs)
            return provider_pb2.UpdateResponse(properties=write(told))
        changed = replace(
            found, urn=request.urn, inputs=inputs, properties=properties, generation=asked.generation
        )
        self._state.put(changed)
        return provider_pb2.UpdateResponse(properties=write(properties))

    @override
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        type_ = type_of(request.urn)
        if type_ in MAKERS and request.properties.fields:
            # These have no cloud: the state is all there is.
            return provider_pb2.ReadResponse(
                id=request.id, inputs=request.inputs, properties=request.properties
            )
        found = self._state.find(type_, request.id)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = read(request.inputs) or found.inputs
        return provider_pb2.ReadResponse(
            id=found.id,
            inputs=write(seen_through(inputs, found.properties)),
            properties=write(found.properties),
        )

    @override
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        type_, properties = type_of(request.urn), read(request.properties)
        rule = self._rules.resources.get(type_, Rule())
        found = self._state.find(type_, request.id)
        # As providers do, by the state alone: what the program says now counts only after an update.
        if rule.protected_by and bare(properties.get(rule.protected_by)) is True:
            _refuse(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"cannot destroy {type_} {request.id} while its {rule.protected_by} is true: set it to false "
                "and run `pulumi up` first",
            )
        if found is None or bare(properties.get("deletionPolicy")) == "ABANDON":
            return empty_pb2.Empty()
        self._state.remove(type_, request.id)
        self._remove_within(found)
        return empty_pb2.Empty()

    def _remove_within(self, gone: Record) -> None:
        """Delete what lived in something that is gone, a database in its instance."""
        for other in self._state.records:
            within = self._rules.resources.get(other.type, Rule()).within
            if within is None or within.type != gone.type:
                continue
            if bare(other.properties.get(within.by)) == bare(gone.properties.get(within.of)):
                self._state.remove(other.type, other.id)

    def _ask(self, type_: str, inputs: Properties, context: grpc.ServicerContext) -> tuple[Asked, Rule]:
        asked = Asked(type_, inputs, self._judge.shape(type_), self._config(context))
        return asked, self._rules.resources.get(type_, Rule())

    # --- what it cannot do

    @override
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        template = self._rules.functions.get(request.tok)
        if template is None:
            _refuse(
                context,
                grpc.StatusCode.UNIMPLEMENTED,
                f"the local cloud has no answer for the function {request.tok}: what it returns exists in a "
                f"real account only. Known: {', '.join(sorted(self._rules.functions))}",
            )
        arguments = read(request.args)
        config = self._config(context)
        # A look-up without arguments is of what the provider is configured for.
        fallback = {**config, **{f"{name}Id": config[name] for name in ("project",) if name in config}}
        scope = Scope(arguments, fallback, request.tok)
        returned = provider_pb2.InvokeResponse()
        getattr(returned, "return").CopyFrom(write(fill(dict(template), scope, "")))
        return returned

    @override
    def Parameterize(
        self, request: provider_pb2.ParameterizeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ParameterizeResponse:
        named = request.value.name or " ".join(request.args.args)
        _refuse(
            context,
            grpc.StatusCode.UNIMPLEMENTED,
            f"the package {named} is made by another provider from its parameters, which the local cloud "
            "does not do",
        )

    @override
    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        _refuse(
            context,
            grpc.StatusCode.UNIMPLEMENTED,
            f"the component {request.type} {request.name!r} is built by a provider plugin, which the local "
            "cloud stands in for and does not run",
        )

    @override
    def Call(
        self, request: provider_pb2.CallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        _refuse(
            context,
            grpc.StatusCode.UNIMPLEMENTED,
            f"the method {request.tok} is answered by a provider plugin, which the local cloud stands in for "
            "and does not run",
        )


def _told(properties: Properties) -> Properties:
    """Properties as outputs: without the engine's and the providers' own notes."""
    return {name: value for name, value in properties.items() if name == DYNAMIC_PROVIDER or name[:2] != "__"}


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")


def _write_diff(changes: list[Change], *, deletes_first: bool = False) -> provider_pb2.DiffResponse:
    replacing = [change for change in changes if change.replaces]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=list(dict.fromkeys(change.property for change in changes)),
        replaces=list(dict.fromkeys(change.property for change in replacing)),
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=KINDS[change.kind][change.replaces], inputDiff=True)
            for change in changes
        },
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replacing) and deletes_first,
    )


@contextmanager
def serving(providers: Providers, interceptors: Sequence[grpc.ServerInterceptor] = ()) -> Generator[int]:
    """Serve on a free loopback port, and give it. `interceptors` stand before every call."""
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), interceptors=list(interceptors), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(providers, server)
    port = listen(server)
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()
