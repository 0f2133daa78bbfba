"""How the local cloud's server listens: on a free loopback port, and with an ear for what is secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc
from typing_extensions import override

from plimsoll.guest.policy_pack import Mask, clear_texts, marked_in
from plimsoll.localcloud.running import MAX_MESSAGE_BYTES
from plimsoll.localcloud.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ADDRESS: Final = "127.0.0.1:0"
"""Whichever port is free: others on this machine cannot be in the way."""


def listen(server: grpc.Server) -> int:
    """Let a server listen, and give its port. Raises StateError where none can be had."""
    try:
        return server.add_insecure_port(ADDRESS)
    except RuntimeError:
        raise StateError(
            f"the local cloud cannot listen on {ADDRESS}: the port is taken, or no loopback port is free. "
            "End what holds it (ss -ltnp shows who), or allow this process to listen on 127.0.0.1"
        ) from None


class Serving:
    """Serves providers while the `with` block lasts; entering gives the port. `mask` learns each secret,
    and `interceptors` stand before every call.

    Not a generator: one that nobody closed would complain when the interpreter ends.
    """

    def __init__(
        self,
        providers: provider_pb2_grpc.ResourceProviderServicer,
        mask: Mask,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
    ) -> None:
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ]
        # A component that a real provider builds waits for the engine, which asks for its parts meanwhile.
        workers = ThreadPoolExecutor(max_workers=32)
        self._server = grpc.server(workers, interceptors=[_Ear(mask), *interceptors], options=options)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(providers, self._server)

    def __enter__(self) -> int:
        port = listen(self._server)
        self._server.start()
        return port

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()


class _Ear(grpc.ServerInterceptor):
    """Hears every request and answer, whoever answers, for what is marked as secret in them."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    @override
    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = continuation(handler_call_details)
        # What somebody passes on as bytes carries no properties that could be read here.
        if handler is None or handler.unary_unary is None or handler.request_deserializer is None:
            return handler
        method, answer = handler_call_details.method.rpartition("/")[2], handler.unary_unary

        def heard(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 (messages)
            self._mask.learn(marked_in(request))
            if method == "Check":
                # Not in answers, where a secret that comes back may have lost its mark.
                self._mask.spare(clear_texts(request.news))
            answered = answer(request, context)
            self._mask.learn(marked_in(answered))
            return answered

        return grpc.unary_unary_rpc_method_handler(
            heard,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
