"""The Plan: what a change would do, whoever was asked.

One frozen model with several sources and one set of reports. It holds no Pulumi or gRPC type, and **no secret
in clear**: where a program passed a secret, the plan holds a `Secret` marker that knows only whether the
value behind it was known.

Values are JSON-like Python (`None`, `bool`, `int`, `float`, `str`, `list`, `dict`) with five kinds of leaf
that JSON lacks: `Unknown`, `Secret`, `Asset`, `Archive` and `ResourceReference`. Numbers without a fraction
are `int`, although the protocol carries every number as a double.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

from typing_extensions import override

SCHEMA_VERSION = 1
"""Raised when `to_json` changes in a way that an older reader would misread."""

STACK_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource at the root of every stack."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only an update can tell, such as the address of a service that does not exist yet."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """Stands where a secret was. It holds nothing of the secret but whether (a part of) it was unknown."""

    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, a text or a remote file given as an input.

    `kind` is "file", "text" or "remote". `location` is the path as the program gave it, or the address. A
    text has no location but the SHA-256 of its content, so that two plans can be compared without carrying
    it.
    """

    kind: str
    location: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder or archive file ("file"), a remote one ("remote"), or one made of `assets` ("assets")."""

    kind: str
    location: str = ""
    assets: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceReference:
    """A whole resource given as an input. `id` is "" for a component, which has none."""

    urn: str
    id: str | Unknown = ""


Leaf: TypeAlias = bool | int | float | str | Unknown | Secret | Asset | Archive | ResourceReference
Value: TypeAlias = "Leaf | list[Value] | dict[str, Value] | None"


class Source(StrEnum):
    """Who made the plan."""

    OFFLINE = "offline"
    """The real program under the real SDK, with nobody behind it: no engine, state, provider or account."""
    ENGINE = "engine"
    """The real engine, which knows the state and asks the providers that it is given."""


class Step(StrEnum):
    """One step of what would happen to a resource. It may take several: an import, then an update."""

    SAME = "same"
    CREATE = "create"
    READ = "read"
    IMPORT = "import"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class Severity(StrEnum):
    """How much a diagnostic matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where the program declared something: a path relative to the project's folder, and a line from 1."""

    file: str
    line: int

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def reading_order(position: SourcePosition | None) -> tuple[str, int]:
    """Sorts by path and line; what has no position comes first."""
    return (position.file, position.line) if position else ("", 0)


@dataclass(frozen=True, slots=True)
class ProviderReference:
    """Who serves a resource: an explicit provider's URN, else the package whose default provider does."""

    name: str
    explicit: bool


@dataclass(frozen=True, slots=True)
class Alias:
    """A former identity of a resource: a whole URN, or the parts that were different ("" means as now)."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The resource options, as the program gave them or as the resource inherits them from its parent.

    `import_id` is the id of what is imported or read, "" where that is unknown. `delete_before_replace` is
    None where the program left it to the provider. `custom_timeouts` maps create, read, update and delete to
    durations such as "10m".
    """

    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    import_id: str = ""
    deleted_with: str = ""
    aliases: tuple[Alias, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replace_with: tuple[str, ...] = ()
    replacement_trigger: Value = None
    additional_secret_outputs: tuple[str, ...] = ()
    hide_diffs: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    custom_timeouts: dict[str, str] = field(default_factory=dict)
    env_var_mappings: dict[str, str] = field(default_factory=dict)
    version: str = ""
    plugin_download_url: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the plan.

    `custom` resources are managed by a provider; `component` ones only group others (the stack itself is
    one), and their `outputs` are what they registered. `read` ones exist elsewhere and are only looked up.
    `dependencies` and `property_dependencies` (by input) are sorted URNs. `source` is None where no frame of
    the program's own was on the stack.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    custom: bool
    read: bool
    provider: ProviderReference | None
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    dependencies: tuple[str, ...]
    property_dependencies: dict[str, tuple[str, ...]]
    options: Options
    source: SourcePosition | None
    steps: tuple[Step, ...]

    @property
    def component(self) -> bool:
        """Whether the resource only groups others."""
        return not self.custom


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something that the program, or whoever made the plan, said; `urn` is the resource it speaks of."""

    severity: Severity
    message: str
    urn: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """What a policy pack objects to. `level` is advisory, mandatory, remediate or disabled.

    Or it is "failed" where the policy could not judge: it raised, which ends the engine's preview. `urn` is
    the resource that it speaks of, the stack itself for a rule about the whole.
    """

    pack: str
    policy: str
    level: str
    message: str
    urn: str

    @property
    def blocks(self) -> bool:
        """Whether the engine goes no further because of it."""
        return self.level in {"mandatory", "failed"}


@dataclass(frozen=True, slots=True)
class Remediation:
    """One property that a policy would change before the provider sees it; None where there is no value."""

    pack: str
    policy: str
    urn: str
    path: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class PolicyResults:
    """What a policy pack says of a plan. `asked` counts the policies that are enabled.

    `violations` are in the order of a reader's interest: what blocks first. The plan's resources are as the
    program asks for them; `remediations` are what the policies would change.
    """

    pack: str
    asked: int
    violations: tuple[PolicyViolation, ...]
    remediations: tuple[Remediation, ...]

    @property
    def blocks(self) -> bool:
        """Whether the engine goes no further because of them."""
        return any(violation.blocks for violation in self.violations)


@dataclass(frozen=True)
class Plan:
    """What a change would do. A plan is whole, or there is none: a program that fails half-way has no plan.

    `resources` stand in the order in which the program declared them, the stack itself first. `knows_state`
    is False where nobody was asked what exists already: each step is then what a first deployment would do,
    and whether a later one creates, updates or replaces is unknown. `seconds` is how long the plan took to
    make. `policies` is None where no policy pack was asked.
    """

    project: str
    stack: str
    source: Source
    knows_state: bool
    resources: tuple[Resource, ...]
    outputs: dict[str, Value]
    diagnostics: tuple[Diagnostic, ...] = ()
    program_output: tuple[str, ...] = ()
    seconds: float = 0.0
    sdk_version: str = ""
    policies: PolicyResults | None = None

    @cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_parent(self) -> dict[str | None, tuple[Resource, ...]]:
        families: dict[str | None, list[Resource]] = {}
        for resource in self.resources:
            families.setdefault(resource.parent, []).append(resource)
        return {parent: tuple(children) for parent, children in families.items()}

    @property
    def root(self) -> Resource | None:
        """The stack itself, or None in a plan that lacks it."""
        return next((resource for resource in self.resources if resource.type == STACK_TYPE), None)

    def resource(self, urn: str) -> Resource | None:
        """The resource with this URN, or None."""
        return self._by_urn.get(urn)

    def children(self, urn: str | None) -> tuple[Resource, ...]:
        """The resources whose parent is `urn`; of None, those without a parent (the stack itself)."""
        return self._by_parent.get(urn, ())

    def named(self, name: str) -> tuple[Resource, ...]:
        """All resources with this name, of whatever type."""
        return tuple(resource for resource in self.resources if resource.name == name)

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """All resources of this type token, such as "gcp:cloudrunv2/service:Service"."""
        return tuple(resource for resource in self.resources if resource.type == type_)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON-ready data, stable and versioned by `schema`.

    Keys are the fields of the classes above, in camelCase. Inside `inputs` and `outputs` a value is plain
    JSON but for objects with the one reserved key "$":

    | JSON | meaning |
    |---|---|
    | `{"$": "unknown"}` | known only after an update |
    | `{"$": "secret", "unknown": false}` | a secret; never its value |
    | `{"$": "asset", "kind": …, "location": …, "sha256": …}` | see `Asset` |
    | `{"$": "archive", "kind": …, "location": …, "assets": {…}}` | see `Archive` |
    | `{"$": "resource", "urn": …, "id": …}` | see `ResourceReference` |
    | `{"$": "object", "value": {…}}` | a program's own object that has a key "$" |
    """
    return {
        "schema": SCHEMA_VERSION,
        "project": plan.project,
        "stack": plan.stack,
        "source": plan.source.value,
        "knowsState": plan.knows_state,
        "sdkVersion": plan.sdk_version,
        "seconds": round(plan.seconds, 3),
        "resources": [resource_to_json(resource) for resource in plan.resources],
        "outputs": {name: value_to_json(value) for name, value in plan.outputs.items()},
        "diagnostics": [diagnostic_to_json(said) for said in plan.diagnostics],
        "programOutput": list(plan.program_output),
        "policies": policies_to_json(plan),
    }


def policies_to_json(plan: Plan) -> dict[str, Any] | None:
    """What the policies say, as JSON-ready data; null where none were asked."""
    said = plan.policies
    if said is None:
        return None

    def where(urn: str) -> dict[str, Any]:
        resource = plan.resource(urn)
        source = resource.source if resource else None
        return {"urn": urn, "source": {"file": source.file, "line": source.line} if source else None}

    return {
        "pack": said.pack,
        "asked": said.asked,
        "violations": [
            {"policy": one.policy, "level": one.level, "message": one.message, **where(one.urn)}
            for one in said.violations
        ],
        "remediations": [
            {
                "policy": one.policy,
                "path": one.path,
                "before": value_to_json(one.before),
                "after": value_to_json(one.after),
                **where(one.urn),
            }
            for one in said.remediations
        ],
    }


def diagnostic_to_json(said: Diagnostic) -> dict[str, Any]:
    """One diagnostic as JSON-ready data."""
    return {"severity": said.severity.value, "message": said.message, "urn": said.urn}


def resource_to_json(resource: Resource) -> dict[str, Any]:
    """One resource as JSON-ready data, as it stands in `to_json`."""
    source = resource.source
    provider = resource.provider
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "parent": resource.parent,
        "custom": resource.custom,
        "component": resource.component,
        "read": resource.read,
        "provider": {"name": provider.name, "explicit": provider.explicit} if provider else None,
        "steps": [step.value for step in resource.steps],
        "inputs": {name: value_to_json(value) for name, value in resource.inputs.items()},
        "outputs": {name: value_to_json(value) for name, value in resource.outputs.items()},
        "dependencies": list(resource.dependencies),
        "propertyDependencies": {name: list(urns) for name, urns in resource.property_dependencies.items()},
        "options": _options_to_json(resource.options),
        "source": {"file": source.file, "line": source.line} if source else None,
    }


def _options_to_json(options: Options) -> dict[str, Any]:
    """Only the options that were given: a resource without any has `{}`."""
    given: dict[str, Any] = {}
    default = Options()
    for spec in fields(Options):
        value = getattr(options, spec.name)
        if value == getattr(default, spec.name):
            continue
        if spec.name == "aliases":
            value = [_fields_to_json(alias) for alias in options.aliases]
        elif spec.name == "replacement_trigger":
            value = value_to_json(options.replacement_trigger)
        elif isinstance(value, tuple):
            value = list(value)
        given[_camel(spec.name)] = value
    return given


def _fields_to_json(alias: Alias) -> dict[str, Any]:
    return {_camel(spec.name): value for spec in fields(alias) if (value := getattr(alias, spec.name))}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def value_to_json(value: Value) -> object:
    """One value as JSON-ready data; the markers are those of `to_json`."""
    match value:
        case Unknown():
            return {"$": "unknown"}
        case Secret(unknown):
            return {"$": "secret", "unknown": unknown}
        case Asset(kind, location, sha256):
            return {"$": "asset", "kind": kind, "location": location, "sha256": sha256}
        case Archive(kind, location, assets):
            inside = {name: value_to_json(asset) for name, asset in assets.items()}
            return {"$": "archive", "kind": kind, "location": location, "assets": inside}
        case ResourceReference(urn, id_):
            return {"$": "resource", "urn": urn, "id": value_to_json(id_)}
        case list():
            return [value_to_json(item) for item in value]
        case dict():
            plain = {name: value_to_json(item) for name, item in value.items()}
            return {"$": "object", "value": plain} if "$" in plain else plain
        case _:
            return value
