"""What a program declared, as it came over the wire, and the Plan's resources made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from pulumi.runtime.proto import resource_pb2

from plimsoll.preview.decode import text_value
from plimsoll.preview.failure import own_file
from plimsoll.preview.plan import (
    STACK_TYPE,
    Alias,
    Options,
    ProviderReference,
    Resource,
    SourcePosition,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from google.protobuf import struct_pb2
    from pulumi.runtime.proto import alias_pb2

    from plimsoll.preview.decode import Decoder

Request: TypeAlias = resource_pb2.RegisterResourceRequest | resource_pb2.ReadResourceRequest


@dataclass(frozen=True, slots=True)
class Declaration:
    """One registration or read, and where the program asked for it."""

    urn: str
    request: Request
    source: SourcePosition | None


def build_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """A resource's URN, as the engine builds it (`sdk/go/common/resource/urn/urn.go`, `New`).

    The type is led by those of its parents, but for the stack's.
    """
    parent_type = parent.split("::")[2] if parent else STACK_TYPE
    qualified = type_ if parent_type == STACK_TYPE else f"{parent_type}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def declare(request: Request, *, project: str, stack: str, root: Path) -> Declaration:
    """The declaration in a request; its source is the innermost frame that is the program's own."""
    urn = build_urn(stack, project, request.parent, request.type, request.name)
    for position in (request.sourcePosition, *(frame.pc for frame in request.stackTrace.frames)):
        file = own_file(unquote(urlsplit(position.uri).path), root)
        if file is not None:
            return Declaration(urn, request, SourcePosition(file, position.line))
    return Declaration(urn, request, None)


def inputs_of(request: Request) -> struct_pb2.Struct:
    """The inputs of a registration, or the known state given with a read."""
    return request.object if isinstance(request, resource_pb2.RegisterResourceRequest) else request.properties


def to_resources(
    declarations: Iterable[Declaration],
    outputs: Mapping[str, struct_pb2.Struct],
    packages: Mapping[str, resource_pb2.RegisterPackageRequest],
    decoder: Decoder,
) -> tuple[Resource, ...]:
    """The Plan's resources, in the order given (parents first), decoded but not masked.

    `outputs` are what components registered, by URN; `packages` what package references stand for.
    """
    resources: dict[str, Resource] = {}
    for urn, request, source in ((it.urn, it.request, it.source) for it in declarations):
        package = _package(request, packages.get(request.packageRef))
        if isinstance(request, resource_pb2.ReadResourceRequest):
            custom, steps, by_property = True, (Step.READ,), {}
            options = Options(
                import_id=request.id if isinstance(text_value(request.id), str) else "",
                additional_secret_outputs=tuple(request.additionalSecretOutputs),
                version=package.version,
                plugin_download_url=request.pluginDownloadURL,
            )
        else:
            custom = request.custom
            steps = (Step.IMPORT,) if request.importId else (Step.CREATE,)
            by_property = {
                name: tuple(sorted(behind.urns))
                for name, behind in sorted(request.propertyDependencies.items())
                if behind.urns
            }
            parent = resources.get(request.parent)
            options = _options(request, package.version, parent.options if parent else Options(), decoder)
        resources[urn] = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent or None,
            custom=custom,
            read=steps == (Step.READ,),
            provider=_provider(request, package.name) if custom else None,
            inputs=decoder.properties(inputs_of(request)),
            outputs=decoder.properties(outputs[urn]) if urn in outputs else {},
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies=by_property,
            options=options,
            source=source,
            steps=steps,
        )
    return tuple(resources.values())


@dataclass(frozen=True, slots=True)
class _Package:
    name: str
    version: str


def _package(request: Request, registered: resource_pb2.RegisterPackageRequest | None) -> _Package:
    """The package that serves a resource: a parameterized one goes by its own name, not its provider's."""
    if registered is None:
        return _Package(request.type.partition(":")[0], request.version)
    if registered.HasField("parameterization"):
        return _Package(registered.parameterization.name, registered.parameterization.version)
    return _Package(registered.name, registered.version)


def _provider(request: Request, package: str) -> ProviderReference | None:
    if request.provider:  # "URN::ID", where the id of a provider is unknown before it exists
        return ProviderReference(request.provider.rpartition("::")[0], explicit=True)
    # A provider is a resource of the package "pulumi", which nobody provides.
    return None if package == "pulumi" else ProviderReference(package, explicit=False)


def _options(
    request: resource_pb2.RegisterResourceRequest, version: str, parent: Options, decoder: Decoder
) -> Options:
    """The options, with those that the engine hands down (`source_eval.go`, `inheritFromParent`)."""
    return Options(
        protect=request.protect if request.HasField("protect") else parent.protect,
        retain_on_delete=(
            request.retainOnDelete if request.HasField("retainOnDelete") else parent.retain_on_delete
        ),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        import_id=request.importId,
        deleted_with=request.deletedWith or parent.deleted_with,
        aliases=(*map(_alias, request.aliases), *map(Alias, request.aliasURNs)),
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        replace_with=tuple(request.replace_with),
        replacement_trigger=decoder.value(request.replacement_trigger),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        hide_diffs=tuple(request.hideDiffs),
        hooks=tuple(name for _, names in request.hooks.ListFields() for name in names),
        custom_timeouts={field.name: length for field, length in request.customTimeouts.ListFields()},
        env_var_mappings=dict(request.envVarMappings),
        version=version,
        plugin_download_url=request.pluginDownloadURL,
    )


def _alias(alias: alias_pb2.Alias) -> Alias:
    if alias.urn:
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )
