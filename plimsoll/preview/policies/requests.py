"""What the engine would ask a policy pack about a program, made of what the program declared.

A policy sees inputs as the program asks for them: what a provider's Check adds (defaults, names) nobody knows
offline, nor the outputs that a provider plans. The form was recorded from pulumi 3.259.0 (its source:
`pkg/resource/deploy/step_generator.go`, `pkg/resource/plugin/analyzer_plugin.go`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from plimsoll.preview.declared import build_urn, inputs_of
from plimsoll.preview.decode import (
    MASKED,
    SIGNATURE_KEY,
    UNKNOWN_TEXT,
    Signature,
    hide_placeholders,
    mark_secret,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from plimsoll.preview.declared import Declaration
    from plimsoll.preview.plan import Resource

PROVIDER_TYPE: Final = "pulumi:providers:"

_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"([\d.]+)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Question:
    """One resource to ask about: with all inputs, as a remediation sees them, and what the stack knows of it.

    `properties` are what a rule about the whole stack sees: inputs where they are None, else what the
    component registered.
    """

    request: analyzer_pb2.AnalyzeRequest
    properties: struct_pb2.Struct | None
    dependencies: tuple[str, ...] = ()
    property_dependencies: tuple[tuple[str, tuple[str, ...]], ...] = ()


def questions(
    resources: Iterable[Resource],
    declarations: Mapping[str, Declaration],
    outputs: Mapping[str, struct_pb2.Struct],
    config: Mapping[str, str],
    secret_keys: Collection[str],
) -> tuple[Question, ...]:
    """A question for each resource that the engine manages, in the order given, parents first.

    A default provider comes before the first resource that it serves. What the program only reads is nobody's
    to judge. `config` are the stack's values by full key, those of `secret_keys` secret.
    """
    asked: dict[str, Question] = {}
    known = {resource.urn: resource for resource in resources}
    for urn, resource in known.items():
        if resource.read:
            continue
        provider = _provider_of(resource, asked, config, secret_keys)
        request = analyzer_pb2.AnalyzeRequest(
            urn=urn,
            type=resource.type,
            name=resource.name,
            properties=engine_form(inputs_of(declarations[urn].request)),
            options=_options(resource),
            provider=provider,
        )
        if resource.type.startswith(PROVIDER_TYPE):
            _complete(request.properties, resource.options.version)
        asked[urn] = Question(
            request,
            None if resource.custom else engine_form(outputs.get(urn, struct_pb2.Struct())),
            tuple(one for one in resource.dependencies if one in known and known[one].custom),
            tuple(resource.property_dependencies.items()),
        )
    return tuple(asked.values())


def about(question: Question, properties: struct_pb2.Struct) -> analyzer_pb2.AnalyzeRequest:
    """The request that has a resource judged whose inputs are these by now."""
    request = analyzer_pb2.AnalyzeRequest()
    request.CopyFrom(question.request)
    request.properties.CopyFrom(without_internal(properties))
    return request


def about_stack(
    asked: Sequence[tuple[Question, struct_pb2.Struct]],
) -> analyzer_pb2.AnalyzeStackRequest:
    """The request that has a whole stack judged, of questions with their inputs as these are by now."""
    request = analyzer_pb2.AnalyzeStackRequest()
    for question, inputs in asked:
        one = question.request
        resource = request.resources.add(
            urn=one.urn,
            type=one.type,
            name=one.name,
            properties=without_internal(inputs if question.properties is None else question.properties),
            options=one.options,
            parent=one.options.parent,
            dependencies=question.dependencies,
        )
        if one.HasField("provider"):
            resource.provider.CopyFrom(one.provider)
        for name, urns in question.property_dependencies:
            resource.propertyDependencies[name].urns.extend(urns)
    return request


# Properties -------------------------------------------------------------------------------------------------


def engine_form(properties: struct_pb2.Struct) -> struct_pb2.Struct:
    """Properties as the engine hands them on: references to resources are ids or URNs."""
    made = struct_pb2.Struct()
    made.CopyFrom(properties)
    hide_placeholders(made)
    for value in made.fields.values():
        _dereference(value)
    return made


def _dereference(value: struct_pb2.Value) -> None:
    if value.HasField("list_value"):
        for item in value.list_value.values:
            _dereference(item)
    elif value.HasField("struct_value"):
        fields = value.struct_value.fields
        if SIGNATURE_KEY in fields and fields[SIGNATURE_KEY].string_value == Signature.RESOURCE:
            id_ = fields["id"].string_value or UNKNOWN_TEXT if "id" in fields else ""
            value.string_value = id_ or fields["urn"].string_value
            return
        for item in fields.values():
            _dereference(item)


def without_internal(properties: struct_pb2.Struct) -> struct_pb2.Struct:
    """Properties without those that engine and providers keep for themselves (`__defaults`), at any depth."""
    made = struct_pb2.Struct()
    made.CopyFrom(properties)
    _strip(made)
    return made


def _strip(struct: struct_pb2.Struct) -> None:
    for name in [name for name in struct.fields if name.startswith("__")]:
        del struct.fields[name]
    for value in struct.fields.values():
        _strip_value(value)


def _strip_value(value: struct_pb2.Value) -> None:
    if value.HasField("struct_value"):
        _strip(value.struct_value)
    elif value.HasField("list_value"):
        for item in value.list_value.values:
            _strip_value(item)


def _complete(properties: struct_pb2.Struct, version: str) -> None:
    """Add what the engine adds to a provider's inputs."""
    if version and "version" not in properties.fields:
        properties.fields["version"].string_value = version
    properties.fields["__internal"].struct_value.SetInParent()


# Providers and options --------------------------------------------------------------------------------------


def _provider_of(
    resource: Resource, asked: dict[str, Question], config: Mapping[str, str], secret_keys: Collection[str]
) -> analyzer_pb2.AnalyzerProviderResource | None:
    """Who serves a resource; a default provider that nobody asked about yet is added to `asked`."""
    named = resource.provider
    if named is None:
        return None
    urn = named.name
    if not named.explicit:
        stack, project, *_ = resource.urn.split("::")
        options = resource.options
        name = default_name(options.version, options.plugin_download_url)
        type_ = f"{PROVIDER_TYPE}{named.name}"
        urn = build_urn(stack.rpartition(":")[2], project, "", type_, name)
        if urn not in asked:
            request = analyzer_pb2.AnalyzeRequest(urn=urn, type=type_, name=name)
            request.options.customTimeouts.SetInParent()
            _configure(request.properties, named.name, config, secret_keys)
            _complete(request.properties, options.version)
            asked[urn] = Question(request, None)
    provider = asked.get(urn)
    if provider is None:
        return None
    said = provider.request
    return analyzer_pb2.AnalyzerProviderResource(
        urn=urn, type=said.type, name=said.name, properties=without_internal(said.properties)
    )


def default_name(version: str, url: str) -> str:
    """The name of the default provider of a version (`pkg/resource/deploy/providers/provider.go`)."""
    parts = ["default", re.sub(r"[.+-]", "_", version), re.sub(r"^\w+://", "", url)]
    return "_".join(filter(None, parts))


def _configure(
    properties: struct_pb2.Struct, package: str, config: Mapping[str, str], secret_keys: Collection[str]
) -> None:
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace != package:
            continue
        properties.fields[name].string_value = value
        if key in secret_keys:
            if MASKED in value:  # encrypted, and nobody here decrypts it
                properties.fields[name].string_value = UNKNOWN_TEXT
            mark_secret(properties.fields[name])


def _options(resource: Resource) -> analyzer_pb2.AnalyzerResourceOptions:
    """The options. Of aliases the engine tells those alone by which it found what is deployed already."""
    given = resource.options
    made = analyzer_pb2.AnalyzerResourceOptions(
        protect=given.protect,
        ignoreChanges=given.ignore_changes,
        deleteBeforeReplace=bool(given.delete_before_replace),
        deleteBeforeReplaceDefined=given.delete_before_replace is not None,
        additionalSecretOutputs=given.additional_secret_outputs,
        parent=resource.parent or "",
    )
    made.customTimeouts.SetInParent()
    for name, length in given.custom_timeouts.items():
        setattr(made.customTimeouts, name, sum(_seconds(length)))
    return made


def _seconds(length: str) -> Iterator[float]:
    for number, unit in _DURATION.findall(length):
        yield float(number) * _SECONDS[unit]
