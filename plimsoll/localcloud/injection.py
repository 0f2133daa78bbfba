"""Lets faults strike, between the engine and whoever answers for the providers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from typing_extensions import override

from plimsoll.localcloud.faults import GONE, METRIC, Effect, Operation, words
from plimsoll.localcloud.wire import read, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.localcloud.faults import Fault, Faults

GREETINGS: Final = frozenset({"Handshake", "Attach"})
"""What comes first on a connection: it is not one that was cut."""


class Injector(grpc.ServerInterceptor):
    """Stands before every call. Waits end when `close` is called."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._closing = threading.Event()
        self._cut: set[str] = set()
        """The connections of providers that were killed: nothing comes from them any more."""

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closing.set()

    @override
    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method, answer = handler_call_details.method.rpartition("/")[2], handler.unary_unary

        def call(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 (any message)
            return self._call(method, answer, request, context)

        return grpc.unary_unary_rpc_method_handler(
            call,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _call(
        self,
        method: str,
        answer: Callable[..., Any],
        request: Any,  # noqa: ANN401 (any message)
        context: grpc.ServicerContext,
    ) -> Any:  # noqa: ANN401 (any message)
        if method in GREETINGS:
            self._cut.discard(context.peer())
        elif context.peer() in self._cut:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the provider was killed")
        if method.lower() not in set(Operation) or getattr(request, "preview", False):
            return answer(request, context)
        operation, type_ = Operation(method.lower()), type_of(request.urn)
        inputs = read(request.news if operation is Operation.UPDATE else request.properties)
        fault = self._faults.strike(operation, request.urn, type_, inputs, time.monotonic())
        if fault is not None:
            self._before(fault, type_, context)
        answered = answer(request, context)
        if operation is Operation.CREATE and type_ == METRIC:
            self._faults.metric_made(str(read(answered.properties)["name"]), time.monotonic())
        if fault is not None and fault.effect is Effect.KILLED_AFTER:
            self._kill(context)
        if fault is not None and fault.effect is Effect.SLOW:
            self._closing.wait(float(fault.seconds))
        return answered

    def _before(self, fault: Fault, type_: str, context: grpc.ServicerContext) -> None:
        match fault.effect:
            case Effect.FAILS | Effect.QUOTA | Effect.METRIC_NOT_FOUND:
                # As bridged providers do: the code is unknown, the words say it.
                context.abort(grpc.StatusCode.UNKNOWN, words(fault, type_))
            case Effect.KILLED_BEFORE:
                self._kill(context)
            case Effect.STALLED:
                self._closing.wait(float(fault.seconds))
                if not context.is_active():
                    context.abort(grpc.StatusCode.CANCELLED, "whoever asked has gone")
            case Effect.SLOW | Effect.KILLED_AFTER:
                pass

    def _kill(self, context: grpc.ServicerContext) -> NoReturn:
        self._cut.add(context.peer())
        context.abort(grpc.StatusCode.UNAVAILABLE, GONE)
        raise AssertionError("abort raises")
