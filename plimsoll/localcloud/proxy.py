"""The local cloud in front of a package's real provider: it checks and compares, and we create, read, delete.

What is not answered here reaches the provider as it came, and its answers and errors come back whole.
What a cloud would do is asked of the provider as a preview, and what it leaves unknown is filled
(`unknowns`). It knows nothing of any vendor but the dated data about credentials (`data/providers.json`).

The engine has a connection of its own for each provider resource, and a provider is configured once: so each
connection gets a process of its own, as from the engine. They end when that engine is gone, or the cloud.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message_factory import GetMessageClass
from pulumi.runtime.proto import provider_pb2
from typing_extensions import override

from plimsoll.localcloud.plugins import PluginError, environment_of, stand_in
from plimsoll.localcloud.rules import load_rules
from plimsoll.localcloud.running import PATIENCE, Running
from plimsoll.localcloud.schema import shape_of
from plimsoll.localcloud.server import Providers, refuse
from plimsoll.localcloud.wire import bare, is_secret, read, secret, type_of, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from google.protobuf import struct_pb2
    from google.protobuf.message import Message
    from pulumi.runtime.proto import plugin_pb2

    from plimsoll.localcloud.judge import Judge
    from plimsoll.localcloud.plugins import Plugin
    from plimsoll.localcloud.sdk import Shape
    from plimsoll.localcloud.state import Record, State
    from plimsoll.localcloud.wire import Properties

Answer = TypeVar("Answer", bound="Message")

INVOKE_PATIENCE: Final = 10.0
"""Seconds for a function: without an account some try to reach one until they are stopped."""

ANSWERED: Final = frozenset(
    [
        "Handshake",
        "Attach",
        "CheckConfig",
        "DiffConfig",
        "Configure",
        "Create",
        "Update",
        "Read",
        "Delete",
        "Invoke",
    ]
)
"""What is not passed on as it came."""

_METHODS: Final = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"].methods_by_name


class Proxy(Providers):
    """Stands in front of one package's provider. Its methods run on gRPC's threads.

    `home` is an empty folder for its HOME, `folder` where it is started, `patience` seconds for each answer.
    """

    def __init__(
        self,
        state: State,
        judge: Judge,
        plugin: Plugin,
        *,
        home: Path,
        folder: Path | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(state, judge)
        self.plugin = plugin
        self.asked = False
        """Whether it has checked any inputs."""
        self.failure: PluginError | None = None
        """What first went wrong with the provider itself."""
        self.version = ""
        self._stand_in = stand_in(plugin.package)
        self._environment = environment_of(plugin.package, os.environ, home)
        self._folder = folder
        self._patience = patience
        self._running: dict[str, tuple[str, Running]] = {}
        self._engines: dict[str, str] = {}
        self._previewing: set[str] = set()
        self._in_need_of_a_cloud: set[str] = set()
        self._schema: Mapping[str, Any] | None = None
        self._closed = False

    # --- the provider's processes

    def _ask_for(self, context: grpc.ServicerContext) -> Running:
        """The provider of a connection, started where it is not yet; refuses where it cannot be asked."""
        peer = context.peer()
        try:
            with self._lock:
                if self._closed:
                    refuse(context, grpc.StatusCode.UNAVAILABLE, "the local cloud is about to end")
                if peer not in self._running:
                    engine = self._engines.get(peer, "127.0.0.1:0")
                    running = Running(
                        self.plugin,
                        engine=engine,
                        environment=self._environment,
                        folder=self._folder,
                        patience=self._patience,
                    )
                    self._running[peer] = engine, running
                running = self._running[peer][1]
            running.connect()
        except PluginError as error:
            self._give_up(context, error)
        self.version = running.version
        return running

    def _give_up(self, context: grpc.ServicerContext, error: PluginError) -> NoReturn:
        self.failure = self.failure or error
        refuse(context, grpc.StatusCode.FAILED_PRECONDITION, f"{error}: {error.remedy}")

    def _meet(self, engine: str, context: grpc.ServicerContext) -> None:
        """Note which engine a new connection belongs to, and end what belonged to engines that are gone.

        And what belonged to an older connection from the same port.
        """
        here = context.peer()
        with self._lock:
            self._engines[here] = engine
            self._previewing.discard(here)
            known = {address for address, _ in self._running.values()} - {engine}
            gone = {address for address in known if not _listens(address)}
            left = [peer for peer, (of, _) in self._running.items() if of in gone or peer == here]
            ended = [self._running.pop(peer)[1] for peer in left]
        for running in ended:
            running.close()

    def close(self) -> None:
        """End every process, and start no more."""
        with self._lock:
            self._closed = True
            ended = [running for _, running in self._running.values()]
            self._running.clear()
        for running in ended:
            running.close()

    # --- passing on

    def forward(
        self, method: str, request: Message, context: grpc.ServicerContext, kind: type[Answer]
    ) -> Answer:
        """Ask the provider, and give its answer, or answer with its error and all that belongs to it."""
        running = self._ask_for(context)
        if method == "Check":
            self.asked = True
        # A component waits for its parts, which the engine makes one after another.
        patience = self._patience * (10 if method in ("Construct", "Call") else 1)
        try:
            answered = running.ask(method, request.SerializeToString(), _metadata(context), patience)
        except grpc.RpcError as error:
            try:
                running.explain(error, method, patience)
            except PluginError as broken:
                self._give_up(context, broken)
            context.set_trailing_metadata(tuple((one.key, one.value) for one in error.trailing_metadata()))
            refuse(context, error.code(), error.details() or "")
        return kind.FromString(answered)

    @override
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        self._meet(request.engine_address, context)
        # To the provider it is as if the engine had started it.
        request.root_directory = request.program_directory = str(self.plugin.path.parent)
        answered = self.forward("Handshake", request, context, provider_pb2.ProviderHandshakeResponse)
        # By that it promises to know previews from the real thing (`protocol` in the engine's provider).
        self._previewing.add(context.peer())
        return answered

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        # After a handshake it says nothing new.
        if self._engines.get(context.peer()) != request.address:
            self._meet(request.address, context)
        return empty_pb2.Empty()

    # --- its configuration, without credentials

    def _disarm(self, config: struct_pb2.Struct) -> None:
        """Put dummies in place of the credentials that a program configures."""
        for name, dummy in self._stand_in.config.items():
            if name in config.fields:
                hidden = is_secret(read(config)[name])
                del config.fields[name]
                if dummy is not None:
                    config.MergeFrom(write({name: secret(dummy) if hidden else dummy}))

    @override
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        own = provider_pb2.CheckRequest.FromString(request.SerializeToString()).news
        for config in (request.olds, request.news):
            self._disarm(config)
        answered = self.forward("CheckConfig", request, context, provider_pb2.CheckResponse)
        for name in self._stand_in.config:
            if name in own.fields:
                answered.inputs.fields[name].CopyFrom(own.fields[name])
        return answered

    @override
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        for config in (request.olds, request.news, request.old_inputs):
            self._disarm(config)
        return self.forward("DiffConfig", request, context, provider_pb2.DiffResponse)

    @override
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._disarm(request.args)
        for name, dummy in self._stand_in.config.items():
            key = f"{self.plugin.package}:config:{name}"
            if key in request.variables:
                request.variables[key] = dummy or ""
        super().Configure(request, context)
        answered = self.forward("Configure", request, context, provider_pb2.ConfigureResponse)
        if answered.supportsPreview:
            self._previewing.add(context.peer())
        return answered

    # --- what a cloud does

    @override
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        if request.preview and self._previews(context):
            return self.forward("Create", request, context, provider_pb2.CreateResponse)
        return super().Create(request, context)

    @override
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        if request.preview and self._previews(context):
            return self.forward("Update", request, context, provider_pb2.UpdateResponse)
        return super().Update(request, context)

    @override
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        found = self._state.find(type_of(request.urn), request.id)
        if found is not None and not found.urn and self._previews(context):
            self._finish(found, request.urn, context)
        return super().Read(request, context)

    def _finish(self, seed: Record, urn: str, context: grpc.ServicerContext) -> None:
        """Complete what exists without having been created here, as its provider would have made it."""
        check = provider_pb2.CheckRequest(urn=urn, news=write(seed.inputs))
        checked = self.forward("Check", check, context, provider_pb2.CheckResponse)
        if checked.failures:
            return
        request = provider_pb2.CreateRequest(
            urn=urn, properties=checked.inputs, name=urn.rpartition("::")[2], type=seed.type
        )
        planned = self._planned("Create", request, context)
        asked, _ = self._ask(seed.type, seed.inputs, context)
        properties = self._settle(planned, seed.properties, asked, seed.id)
        # Somebody may have changed it since.
        live = {
            name: seed.properties[name]
            for name, value in seed.inputs.items()
            if name in seed.properties and bare(seed.properties[name]) != bare(value)
        }
        self._state.put(
            replace(seed, urn=urn, inputs=read(checked.inputs), properties={**properties, **live})
        )

    def _previews(self, context: grpc.ServicerContext) -> bool:
        """Whether the provider knows a preview: else it would do the real thing, and is not asked."""
        return context.peer() in self._previewing

    @override
    def _planned(
        self,
        method: str,
        request: provider_pb2.CreateRequest | provider_pb2.UpdateRequest,
        context: grpc.ServicerContext,
    ) -> Properties | None:
        if not self._previews(context):
            return None
        preview = type(request).FromString(request.SerializeToString())
        preview.preview = True
        # Both answers have the properties in the same place, and only a new thing has an id.
        kind = provider_pb2.CreateResponse if method == "Create" else provider_pb2.UpdateResponse
        return read(self.forward(method, preview, context, kind).properties)

    @override
    def _shape(self, type_: str, context: grpc.ServicerContext) -> Shape | None:
        shape = super()._shape(type_, context)
        if shape is not None:
            return shape
        if self._schema is None:
            try:
                said = self._ask_for(context).ask("GetSchema", b"", (), self._patience)
                self._schema = dict(json.loads(provider_pb2.GetSchemaResponse.FromString(said).schema))
            except (grpc.RpcError, ValueError, TypeError):
                # Small providers have none; what can be told from sentinels must do.
                self._schema = {}
        return shape_of(self._schema, type_)

    @override
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        # What our data answers is known to exist in an account only.
        if request.tok in load_rules().functions or request.tok in self._in_need_of_a_cloud:
            return super().Invoke(request, context)
        patience = min(INVOKE_PATIENCE, self._patience)
        asked = request.SerializeToString()
        try:
            answered = self._ask_for(context).ask("Invoke", asked, _metadata(context), patience)
        except grpc.RpcError:
            self._in_need_of_a_cloud.add(request.tok)
            return super().Invoke(request, context)
        return provider_pb2.InvokeResponse.FromString(answered)


class PassOn(grpc.ServerInterceptor):
    """Passes on what the local cloud does not answer. The last of a server's interceptors."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    @override
    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        method = handler_call_details.method.rpartition("/")[2]
        if handler is None or handler.unary_unary is None or method in ANSWERED:
            return handler
        kind = GetMessageClass(_METHODS[method].output_type)

        def pass_on(request: Message, context: grpc.ServicerContext) -> Message:
            return self._proxy.forward(method, request, context, kind)

        return grpc.unary_unary_rpc_method_handler(
            pass_on,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _metadata(context: grpc.ServicerContext) -> tuple[tuple[str, str | bytes], ...]:
    """What came with a request, without what gRPC itself adds to each."""
    return tuple(
        (key, value)
        for key, value in context.invocation_metadata() or ()
        if key != "user-agent" and not key.startswith("grpc-")
    )


def _listens(address: str) -> bool:
    """Whether somebody still listens at an address of this machine."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=1.0):
        return True
    return False
