"""The resource monitor and engine service that a program under an offline preview talks to.

It answers as Pulumi's engine answers in the preview of a first deployment, as far as that can be known with
no provider: URNs as the engine builds them, inputs handed back, everything else unknown. What it cannot
answer it refuses by name. Dynamic providers are ordinary resources here (type `pulumi-python:dynamic…`, the
pickled provider a secret input `__provider`): their `create` does not run in a preview anyway. Hooks are kept
as options and never run: they judge what the engine compares with a state, and there is none.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)
from typing_extensions import override

from plimsoll.preview.declared import Declaration, build_urn, declare, inputs_of
from plimsoll.preview.decode import UNKNOWN_TEXT, hide_placeholders, mark_secret
from plimsoll.preview.failure import ASK_THE_ENGINE, OR_ASK_IT, Refusal
from plimsoll.preview.plan import STACK_TYPE, Diagnostic, Severity, reading_order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from pulumi.runtime.proto import callback_pb2

    from plimsoll.preview.declared import Request

STACK_REFERENCE_TYPE: Final = "pulumi:pulumi:StackReference"
GET_RESOURCE: Final = "pulumi:pulumi:getResource"
"""The engine's own function by which the SDK looks up a resource that it met as a reference."""

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""What the SDK allows itself (`pulumi.runtime._grpc_settings`); gRPC's own limit of 4 MB is too small."""

FEATURES: Final = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_DEPENDS_ON,
    resource_pb2.RESOURCE_MONITOR_FEATURE_STATE_MIGRATIONS,
)
"""What the SDK may send. Without a feature it leaves options out, or tells the user to update the CLI: also
what is refused is among them, so that the refusal is ours. State migrations have no state to migrate."""

LEGACY_FEATURES: Final = frozenset(
    {
        "secrets",
        "resourceReferences",
        "aliasSpecs",
        "deletedWith",
        "replaceWith",
        "transforms",
        "invokeTransforms",
        "parameterization",
        "resourceHooks",
        "errorHooks",
    }
)
"""The same for SDKs that ask for each feature by name (before `GetDeploymentInfo`)."""

SEVERITIES: Final = {
    engine_pb2.INFO: Severity.INFO,
    engine_pb2.WARNING: Severity.WARNING,
    engine_pb2.ERROR: Severity.ERROR,
}
"""Debug messages, the fourth kind, are the SDK's own chatter."""


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Answers one program and keeps what it declared. Its methods run on gRPC's threads."""

    def __init__(
        self, *, project: str, stack: str, organization: str, root: Path, on_declared: Callable[[str], None]
    ) -> None:
        self.declarations: dict[str, Declaration] = {}
        self.outputs: dict[str, struct_pb2.Struct] = {}
        self.packages: dict[str, resource_pb2.RegisterPackageRequest] = {}
        self.refusals: list[Refusal] = []
        self._project, self._stack, self._organization = project, stack, organization
        self._root = root
        self._on_declared = on_declared
        self._lock = threading.Lock()

    @property
    def stack_urn(self) -> str:
        """The URN of the stack itself."""
        return build_urn(self._stack, self._project, "", STACK_TYPE, f"{self._project}-{self._stack}")

    # --- what a program registers

    @override
    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        declaration = self._declare(request)
        named = f"{request.type} {request.name!r}"
        if request.remote:
            self._refuse(
                context, f"The component {named} is built by a provider plugin", ASK_THE_ENGINE, declaration
            )
        if request.transforms:
            self._refuse(
                context,
                f"The resource {named} has transforms, which the engine runs",
                f"Use `transformations`, which the program runs itself. {OR_ASK_IT}",
                declaration,
            )
        self._keep(declaration)
        answer = self._answer(request.object, list(request.additionalSecretOutputs))
        return resource_pb2.RegisterResourceResponse(urn=declaration.urn, id=request.importId, object=answer)

    @override
    def ReadResource(
        self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ReadResourceResponse:
        declaration = self._declare(request)
        if request.type == STACK_REFERENCE_TYPE:
            self._refuse(
                context,
                f"The stack reference {request.name!r} needs the outputs of another stack",
                ASK_THE_ENGINE,
                declaration,
            )
        self._keep(declaration)
        # The id stays unknown: a provider's answer may be another than what was asked for (Google's are).
        return resource_pb2.ReadResourceResponse(
            urn=declaration.urn,
            properties=self._answer(request.properties, list(request.additionalSecretOutputs)),
        )

    @override
    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        with self._lock:
            self.outputs[request.urn] = request.outputs
        return empty_pb2.Empty()

    @override
    def RegisterPackage(
        self, request: resource_pb2.RegisterPackageRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterPackageResponse:
        with self._lock:
            reference = f"package-{len(self.packages)}"
            self.packages[reference] = request
        return resource_pb2.RegisterPackageResponse(ref=reference)

    @override
    def RegisterResourceHook(
        self, request: resource_pb2.RegisterResourceHookRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    @override
    def RegisterErrorHook(
        self, request: resource_pb2.RegisterErrorHookRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    # --- what a program asks

    @override
    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ResourceInvokeResponse:
        if request.tok != GET_RESOURCE:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        urn = request.args.fields["urn"].string_value
        with self._lock:
            found = self.declarations.get(urn)
        if found is None:
            failure = provider_pb2.CheckFailure(property="urn", reason=f"no resource has the URN {urn}")
            return resource_pb2.ResourceInvokeResponse(failures=[failure])
        response = resource_pb2.ResourceInvokeResponse()
        answer = getattr(response, "return").fields
        answer["urn"].string_value = urn
        answer["id"].string_value = ""
        answer["state"].struct_value.CopyFrom(self._answer(inputs_of(found.request), []))
        return response

    @override
    def Call(
        self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        self._refuse(context, f"The method {request.tok} is answered by a provider", ASK_THE_ENGINE)

    @override
    def ExistsResource(
        self, request: resource_pb2.ExistsResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ExistsResourceResponse:
        return resource_pb2.ExistsResourceResponse(unknown=True)

    @override
    def RegisterStackTransform(
        self, request: callback_pb2.Callback, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._refuse(context, "The stack's transform is run by the engine", ASK_THE_ENGINE)

    @override
    def RegisterStackInvokeTransform(
        self, request: callback_pb2.Callback, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._refuse(context, "The stack's invoke transform is run by the engine", ASK_THE_ENGINE)

    @override
    def GetDeploymentInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            project=self._project,
            stack=self._stack,
            organization=self._organization,
            dryRun=True,
            parallel=1,
            supportedFeatures=FEATURES,
        )

    @override
    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in LEGACY_FEATURES)

    @override
    def SignalAndWaitForShutdown(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    # --- how

    def _declare(self, request: Request) -> Declaration:
        return declare(request, project=self._project, stack=self._stack, root=self._root)

    def _keep(self, declaration: Declaration) -> None:
        """Keep a declaration; of two with one URN, which come in any order, the first in the source.

        The second is refused, but answered: a program that is stopped there would not have declared the same
        each time.
        """
        urn = declaration.urn
        with self._lock:
            known = self.declarations.get(urn, declaration)
            first, second = sorted((known, declaration), key=lambda it: reading_order(it.source))
            self.declarations[urn] = first
            if known is not declaration:
                at_first = f" (first at {first.source})" if first.source else ""
                message = f"Two resources have the URN {urn}{at_first}"
                remedy = "Give one of them another name."
                self.refusals.append(Refusal(message, remedy, second.source, duplicate=True))
        if known is declaration:
            self._on_declared(urn)

    def _refuse(
        self,
        context: grpc.ServicerContext,
        message: str,
        remedy: str,
        declaration: Declaration | None = None,
    ) -> NoReturn:
        place = declaration.source if declaration else None
        with self._lock:
            self.refusals.append(Refusal(message, remedy, place))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
        raise AssertionError("abort raises")

    def _answer(self, inputs: struct_pb2.Struct, secret_outputs: list[str]) -> struct_pb2.Struct:
        """The inputs as the program will read them: placeholders unknown, secret outputs secret."""
        answer = struct_pb2.Struct()
        answer.CopyFrom(inputs)
        hide_placeholders(answer)
        for name in secret_outputs:
            if name not in answer.fields:
                answer.fields[name].string_value = UNKNOWN_TEXT
            mark_secret(answer.fields[name])
        return answer


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's service: where the program logs, and the root resource."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._root_urn = ""

    @override
    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        severity = SEVERITIES.get(request.severity)
        if severity is not None and not request.ephemeral:
            self.diagnostics.append(Diagnostic(severity, request.message, request.urn or None))
        return empty_pb2.Empty()

    @override
    def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn=self._root_urn)

    @override
    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: grpc.ServicerContext
    ) -> engine_pb2.SetRootResourceResponse:
        self._root_urn = request.urn
        return engine_pb2.SetRootResourceResponse()

    @override
    def RequirePulumiVersion(
        self, request: engine_pb2.RequirePulumiVersionRequest, context: grpc.ServicerContext
    ) -> engine_pb2.RequirePulumiVersionResponse:
        said = (
            f"The program requires Pulumi {request.pulumi_version_range}; offline there is none to compare."
        )
        self.diagnostics.append(Diagnostic(Severity.INFO, said))
        return engine_pb2.RequirePulumiVersionResponse()


@contextmanager
def serving(monitor: Monitor, engine: Engine) -> Generator[str]:
    """Serve both on a free loopback port, and give its address."""
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=options)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
