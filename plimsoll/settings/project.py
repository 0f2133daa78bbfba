"""A Pulumi project and its stack files, and the configuration that the engine would hand to the program.

It serves any Pulumi project: nothing here knows the keys of one. Every value keeps the node it came from, so
that whoever reads on can point at its line, be it in the stack file or in a default of Pulumi.yaml. Nothing
is decrypted here, ever.

The rules are the engine's (pulumi 3.259.0: sdk/go/common/workspace, pkg/workspace/config.go). Where it would
drop something silently, or leave it to chance, we refuse by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from typing_extensions import override

from plimsoll.settings.errors import Fault, SettingsError, shown
from plimsoll.settings.shape import Report, refusal, unless_null
from plimsoll.settings.tree import Mapping, Node, Scalar, Sequence, to_json, to_python
from plimsoll.settings.yaml import read

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.settings.tree import Trail

SECRET_PLACEHOLDER = "[secret]"  # noqa: S105 (it stands where a secret is not)
"""What stands for a value that is encrypted; the engine's own word for it."""

_PROJECT_KEYS = ("name", "runtime", "main", "config", "stackConfigDir", "backend", "options")
_STACK_KEYS = ("config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment")
_DECLARATION_KEYS = ("type", "items", "description", "secret", "default", "value")
_TYPES = ("string", "integer", "boolean", "array", "object")
_PROJECT_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_INTEGER = re.compile(r"([-+]?)0*([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class ConfigType:
    """The type that Pulumi.yaml declares for a key; `items` is the type of an array's items."""

    name: str
    items: ConfigType | None = None

    @override
    def __str__(self) -> str:
        return f"array<{self.items}>" if self.name == "array" else self.name


@dataclass(frozen=True, slots=True)
class Declaration:
    """What Pulumi.yaml says of one configuration key, `namespace:name`.

    `default` is its `default:` or `value:`. A key of the project's own namespace that has none is required.
    """

    key: str
    line: int
    default: Node | None
    type: ConfigType | None = None
    secret: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A Pulumi.yaml, as far as it decides what the program is and what it is told.

    `runtime` is kept as written, Python or not; it is empty where there is none.
    """

    file: Path
    name: str
    runtime: str
    runtime_options: dict[str, object]
    main: str | None
    declarations: dict[str, Declaration]
    always_refresh: bool
    backend: str | None
    stack_folder: Path

    def stacks(self) -> tuple[str, ...]:
        """The names of the stacks that have a file, sorted."""
        prefix, suffix = f"{self.file.stem}.", self.file.suffix
        files = self.stack_folder.glob(f"{prefix}*{suffix}")
        # Whatever has the name: a folder or a dangling link there is a stack that cannot be read, not none.
        names = (file.name.removeprefix(prefix).removesuffix(suffix) for file in files)
        return tuple(sorted(name for name in names if _STACK_NAME.fullmatch(name)))

    def stack_file(self, stack: str) -> Path:
        """Where the configuration of a stack belongs.

        Raises SettingsError where `stack` cannot be the name of one. A qualified name (`org/project/dev`) is
        refused too: it speaks of a backend, and the file is the same for all of them.
        """
        name = stack
        if not _STACK_NAME.fullmatch(name):
            remedy = "use up to 100 letters, digits, hyphens, underscores and dots"
            alone = stack.rpartition("/")[2]
            if _STACK_NAME.fullmatch(alone):
                remedy = f"name it alone: {alone}"
            raise refusal(self.file, "stack/name", f"{shown(stack)!r} cannot be the name of a stack", remedy)
        return self.stack_folder / f"{self.file.stem}.{name}{self.file.suffix}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration value and where it stands; `line` is its key's."""

    key: str
    node: Node
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class StackFile:
    """A Pulumi.<stack>.yaml. `entries` is its configuration by full key, `namespace:name`, as written.

    `imports_environments` says that Pulumi ESC adds values that are not in the file.
    """

    file: Path
    stack: str
    entries: dict[str, Entry]
    secrets_provider: str | None
    imports_environments: bool


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """What the program sees, by full key, and where it comes from.

    `values` are the engine's strings: scalars as text, objects and arrays as JSON. Whatever is encrypted is
    replaced by a placeholder, in `values` and in the nodes of `entries`; its key is one of `secret_keys`.
    `file` is the stack file, even where it is not the one of an entry.
    """

    file: Path
    entries: dict[str, Entry]
    values: dict[str, str]
    secret_keys: frozenset[str]

    @property
    def undecryptable(self) -> frozenset[str]:
        """The keys whose value is, or contains, a ciphertext: just the secret ones, for nothing else is."""
        return self.secret_keys


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # What may not be looked at is no project file for the engine either.
        return False


# Pulumi.yaml ------------------------------------------------------------------------------------------------


def find_project(start: Path) -> Project:
    """The project of a folder: that of the nearest Pulumi.yaml, there or above, as the engine finds it.

    The project's paths are relative where `start` is and the file stands right there, so that errors name
    files as briefly as the user would. Raises SettingsError where there is none, or where it is wrong.
    """
    folder = start.parent if _is_file(start) else start
    for candidate in (folder, *folder.resolve().parents):
        for name in ("Pulumi.json", "Pulumi.yaml", "Pulumi.yml"):
            if _is_file(candidate / name):
                return read_project(candidate / name)
    message = f"there is no Pulumi.yaml in {folder.resolve()}, nor in a folder above it"
    raise refusal(None, "project/missing", message, "go to the folder of a Pulumi project")


def read_project(file: Path) -> Project:
    """Read a Pulumi.yaml. Raises SettingsError with everything that is wrong in it."""
    if file.suffix == ".json":
        raise refusal(file, "project/json", "a project in JSON is not read here", "rename it to Pulumi.yaml")
    content = read(file)
    if content is None:
        raise refusal(file, "project/empty", "this file is empty", "write at least name: and runtime: python")
    report = Report(file)
    tree = report.root(content, _PROJECT_KEYS)
    name = report.text(tree, "name") or ""
    if not _PROJECT_NAME.fullmatch(name):
        message = "a project needs a name of letters, digits, hyphens, underscores and dots"
        report.note(
            "project/name", tree.get("name"), ("name",), message, "write it at the top, as in name: shop"
        )
    options = report.map(tree, "options", known=("refresh",))
    refresh = report.text(options, "refresh", ("options",))
    if refresh not in {None, "always"}:
        report.note(
            "project/refresh", options, ("options", "refresh"), "this can only be always", "write always"
        )
    backend = report.map(tree, "backend", known=("url",))
    runtime, runtime_options = _runtime(report, tree)
    declarations, folder = _config(report, name, tree)
    project = Project(
        file=file,
        name=name,
        runtime=runtime,
        runtime_options=runtime_options,
        main=report.text(tree, "main", nullable=True),
        declarations=declarations,
        always_refresh=refresh == "always",
        backend=report.text(backend, "url", ("backend",)),
        stack_folder=file.parent / (folder or "").lstrip("/"),
    )
    report.close()
    return project


def _runtime(report: Report, tree: Mapping) -> tuple[str, dict[str, object]]:
    node = tree.get("runtime")
    if isinstance(node, Mapping):
        report.only(node, ("runtime",), ("name", "options"))
        options = report.map(node, "options", ("runtime",))
        entries = () if options is None else options.entries
        values: dict[str, object] = {key.text: to_python(value) for key, value in entries}
        return report.text(node, "name", ("runtime",)) or "", values
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
        return node.value, {}
    if node is not None:
        report.note("project/runtime", node, ("runtime",), "this is no runtime", "write runtime: python")
    return "", {}


def _config(report: Report, project: str, tree: Mapping) -> tuple[dict[str, Declaration], str | None]:
    """What Pulumi.yaml declares, and the folder that it names for stack files."""
    folder = report.text(tree, "stackConfigDir", nullable=True)
    config = tree.get("config")
    if isinstance(config, Scalar) and isinstance(config.value, str):  # The older name of stackConfigDir.
        if folder is not None:
            report.note(
                "project/folder", config, ("config",), "stackConfigDir names the folder too", "remove this"
            )
        return {}, config.value
    declarations: dict[str, Declaration] = {}
    for full, key, node in report.configuration(tree, project):
        name = full.partition(":")[2]
        if not name or "." in name or "[" in name:
            message = "the engine takes this declared key for a path into an object"
            report.note("config/path", key, (full,), message, "declare the object itself")
        if key.text == "secret" and not (isinstance(node, Scalar) and isinstance(node.value, bool)):
            message = "the engine takes secret itself for a key with a meaning"
            report.note("config/key", key, (full,), message, f"write {project}:secret")
        declaration = _declaration(report, full, key, node, own=full.startswith(f"{project}:"))
        if declaration.default is not None:
            _check_default(report, declaration.default, (full,))
        declarations[full] = declaration
    return declarations, folder


def _declaration(report: Report, full: str, key: Scalar, node: Node, *, own: bool) -> Declaration:
    if not isinstance(node, Mapping):
        # The short form: a bare default, or the bare value of a key of another namespace.
        if isinstance(node, Scalar) and (node.value is None or isinstance(node.value, float)):
            message = "the short form takes text, whole numbers, truth values and lists only"
            report.note("config/default", node, (full,), message, "write default: below the key")
        return Declaration(full, key.line, node)
    report.only(node, (full,), _DECLARATION_KEYS)
    kind = _type(report, node, (full,)) if node.get("type") else None
    default, value = (unless_null(node.get(name)) for name in ("default", "value"))
    given = default if value is None else value
    if own and default is not None and value is not None:
        report.note("config/default", node, (full,), "it has both a default and a value", "keep the default")
    if own and kind is not None and given is not None:
        misfit = _misfit(given, kind, (full,), nested=True)
        if misfit is not None:
            report.note("config/type", *misfit, f"the default is not of type {kind}", "change one of the two")
    if not own and (kind is not None or default is not None or value is None):
        message = "a key of another namespace has a value, no default and no type"
        report.note("config/default", node, (full,), message, "write value: and nothing else")
    return Declaration(
        full,
        key.line,
        given,
        kind,
        secret=report.flag(node, "secret", (full,)),
        description=report.text(node, "description", (full,)),
    )


def _type(report: Report, parent: Mapping, trail: Trail) -> ConfigType | None:
    """The type that `type` and `items` declare."""
    name = report.text(parent, "type", trail)
    if name not in _TYPES:
        remedy = f"write one of {', '.join(_TYPES)}"
        report.note(
            "config/type", parent.get("type") or parent, (*trail, "type"), "this names no type", remedy
        )
        return None
    items = report.map(parent, "items", trail)
    if items is None and name == "array":
        report.note(
            "config/type", parent, trail, "an array must declare its items", "add items: {type: string}"
        )
    return ConfigType(name, None if items is None else _type(report, items, (*trail, "items")))


def _check_default(report: Report, node: Node, trail: Trail) -> None:
    """Refuse what the engine fails on when it applies a default, and what it would hand out in clear."""
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            _check_default(report, item, (*trail, index))
    if not isinstance(node, Mapping):
        return
    if _is_ciphertext(node):
        message = "the engine would decrypt this default, and not keep it secret"
        report.note("config/secret", node, trail, message, "set it in the stacks: pulumi config set --secret")
    for key, value in node.entries:
        if not isinstance(key.value, str):
            report.note("config/key", key, trail, f"the key {key.text} of a default is no text", "quote it")
        _check_default(report, value, (*trail, key.text))


# Pulumi.<stack>.yaml ----------------------------------------------------------------------------------------


def read_stack(project: Project, stack: str) -> StackFile:
    """Read the configuration of a stack. An empty file is an empty configuration, as it is for the engine.

    Raises SettingsError with everything that is wrong in it, or where there is none.
    """
    file = project.stack_file(stack)
    try:
        tree = read(file)
    except SettingsError as error:
        if error.faults[0].rule != "file/missing":
            raise
        known = project.stacks()
        near = get_close_matches(stack, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known) or 'none yet'}"
        raise refusal(file, "stack/missing", f"the stack {stack} has no file", remedy) from None
    report = Report(file)
    root = report.root(tree, _STACK_KEYS)
    entries = {
        full: Entry(full, node, file, key.line)
        for full, key, node in report.configuration(root, project.name)
    }
    names = ("secretsprovider", "encryptedkey", "encryptionsalt")
    texts = {name: report.text(root, name, nullable=True) for name in names}
    environments = unless_null(root.get("environment"))
    imports = environments is not None and environments != Sequence(
        (), environments.line, environments.column
    )
    report.close()
    return StackFile(file, stack, entries, texts["secretsprovider"], imports)


# What the program sees --------------------------------------------------------------------------------------


def resolve(
    project: Project, stack_file: StackFile, *, placeholder: str = SECRET_PLACEHOLDER
) -> ResolvedConfig:
    """The configuration of a stack, with the defaults of Pulumi.yaml: a value replaces a default whole.

    `placeholder` stands for what is encrypted. Raises SettingsError with everything that the engine would
    refuse: values that are missing, of another type than declared, or in clear though declared as a secret.
    """
    config, faults = examine(project, stack_file, placeholder=placeholder)
    if faults:
        raise SettingsError(faults)
    return config


def examine(
    project: Project, stack_file: StackFile, *, placeholder: str = SECRET_PLACEHOLDER
) -> tuple[ResolvedConfig, tuple[Fault, ...]]:
    """As `resolve`, but hands over what is wrong instead of raising it, for callers who find more that is."""
    report = Report(stack_file.file)
    written = dict(stack_file.entries)
    missing: list[str] = []
    for key, declaration in project.declarations.items():
        if key not in written and declaration.default is None:
            missing.append(key)
        elif key not in written and declaration.default is not None:
            written[key] = Entry(key, declaration.default, project.file, declaration.line)
    _check_source(report, project, stack_file, missing)
    entries = {key: replace(entry, node=_mask(entry.node, placeholder)) for key, entry in written.items()}
    secret_keys = frozenset(key for key, entry in entries.items() if entry.node is not written[key].node)
    for key, declaration in project.declarations.items():
        if key in written and declaration.type is not None:
            _check_value(report, declaration, declaration.type, written[key], encrypted=key in secret_keys)
    values = {key: _text(entry.node) for key, entry in entries.items()}
    return ResolvedConfig(stack_file.file, entries, values, secret_keys), tuple(report.faults)


def _check_source(report: Report, project: Project, stack_file: StackFile, missing: list[str]) -> None:
    """Values that are missing, unless there is one reason for all of it: ESC, or another project's file."""
    namespaces = sorted({key.partition(":")[0] for key in stack_file.entries})
    if stack_file.imports_environments:
        message = "Pulumi ESC adds values to this stack that cannot be read here"
        report.note("stack/environment", None, ("environment",), message, "write them into the stack file")
    elif missing and namespaces and project.name not in namespaces:
        message = (
            f"no key here belongs to the project {project.name}, only to {', '.join(namespaces)}; "
            f"it declares {', '.join(missing)} without a default"
        )
        report.note(
            "stack/other-project", None, (), message, "check that it is not another project's stack file"
        )
    else:
        for key in missing:
            line = project.declarations[key].line
            message = (
                f"{project.file.name} declares it on line {line} without a default, and this stack lacks it"
            )
            report.note("config/missing", None, (key,), message, "set it here, or give it a default")


def _check_value(
    report: Report, declaration: Declaration, kind: ConfigType, entry: Entry, *, encrypted: bool
) -> None:
    if declaration.secret and not encrypted:
        message = f"{entry.key} is declared as a secret, and stands here in clear"
        remedy = f"encrypt it: pulumi config set --secret {entry.key}"
        report.note("config/secret", entry.node, (entry.key,), message, remedy, file=entry.file)
        return
    misfit = _misfit(entry.node, kind, (entry.key,), nested=False)
    if misfit is not None:
        node, trail = misfit
        value = node.text if isinstance(node, Scalar) and not declaration.secret else None
        message = f"{entry.key} is declared as {kind}, and this is not"
        report.note("config/type", node, trail, message, "change the value", value=value, file=entry.file)


def _misfit(node: Node, kind: ConfigType, trail: Trail, *, nested: bool) -> tuple[Node, Trail] | None:
    """The first part of a value that is not of the type declared, if there is one.

    On the top level every scalar is text to the engine; nested, text is text only. A ciphertext may hold any
    scalar.
    """
    if isinstance(node, Sequence) and kind.name == "array" and kind.items is not None:
        parts = (_misfit(item, kind.items, (*trail, at), nested=True) for at, item in enumerate(node.items))
        return next((part for part in parts if part is not None), None)
    if isinstance(node, Mapping):
        fits = kind.name == "object" if not _is_ciphertext(node) else kind.name not in {"object", "array"}
    elif isinstance(node, Sequence):
        fits = False
    elif kind.name == "string":
        fits = isinstance(node.value, str) or not nested
    elif kind.name == "integer":
        digits = _INTEGER.fullmatch(_text(node))
        fits = digits is not None and -(2**63) <= int(digits[1] + digits[2]) < 2**63
    else:
        fits = kind.name == "boolean" and _text(node) in {"true", "false"}
    return None if fits else (node, trail)


def _is_ciphertext(node: Mapping) -> bool:
    """Whether a map is `secure:` and a text, and nothing else."""
    match node.entries:
        case ((Scalar(value="secure"), Scalar(value=str())),):
            return True
        case _:
            return False


def _mask(node: Node, placeholder: str) -> Node:
    """A value with a placeholder for each ciphertext in it; the very same node where there is none."""
    match node:
        case Mapping() if _is_ciphertext(node):
            return Scalar(placeholder, placeholder, node.line, node.column)
        case Mapping():
            entries = tuple((key, _mask(value, placeholder)) for key, value in node.entries)
            same = all(new is old for (_, new), (_, old) in zip(entries, node.entries, strict=True))
            return node if same else replace(node, entries=entries)
        case Sequence():
            items = tuple(_mask(item, placeholder) for item in node.items)
            same = all(new is old for new, old in zip(items, node.items, strict=True))
            return node if same else replace(node, items=items)
        case _:
            return node


def _text(node: Node) -> str:
    """The string that the program gets: a null on the top level is an empty one."""
    if isinstance(node, Scalar) and (node.value is None or isinstance(node.value, str)):
        return node.value or ""
    return to_json(node)
