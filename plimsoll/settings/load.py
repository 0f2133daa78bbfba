"""Where settings come from: a stack file, for the command, or Pulumi's configuration, for a program.

Both give the same `Loaded`, or a SettingsError with every fault at its file and line.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.settings.errors import SettingsError
from plimsoll.settings.model import Settings
from plimsoll.settings.project import examine, find_project, read_stack
from plimsoll.settings.rules import Broken, environments
from plimsoll.settings.tree import Mapping, Node, Sequence
from plimsoll.settings.validate import Loaded, Place, fault, validate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as MappingType

    from plimsoll.settings.project import Entry, Project, ResolvedConfig
    from plimsoll.settings.rules import KeyPath
    from plimsoll.settings.validate import Locate


def from_stack(project: Project, stack: str) -> Loaded:
    """Read one environment from its stack file. Raises SettingsError with everything that is wrong."""
    resolved, faults = examine(project, read_stack(project, stack))
    if any(fault.rule in {"stack/other-project", "stack/environment"} for fault in faults):
        # One reason for everything that is missing.
        raise SettingsError(faults)
    try:
        loaded = _validated(
            project.name, stack, resolved.values, resolved.secret_keys, _locator(project, stack, resolved)
        )
    except SettingsError as error:
        # What the engine refuses about a key is said once.
        said = {fault.key for fault in faults}
        raise SettingsError([*faults, *(one for one in error.faults if one.key not in said)]) from None
    if faults:
        raise SettingsError([*faults, *loaded.advice])
    return loaded


def is_environment(project: Project) -> bool:
    """Whether the project's configuration is ours to judge: it declares what our settings require."""
    own = {key.removeprefix(f"{project.name}:") for key in project.declarations}
    return own >= {name for name, field in Settings.model_fields.items() if field.is_required()}


def from_stacks(project: Project, stacks: Iterable[str] = ()) -> dict[str, Loaded | SettingsError]:
    """Read these environments of the project, or all, and hold those that can be read against each other."""
    found: dict[str, Loaded | SettingsError] = {}
    for stack in tuple(stacks) or project.stacks():
        try:
            found[stack] = from_stack(project, stack)
        except SettingsError as error:
            found[stack] = error
    readable = {stack: one for stack, one in found.items() if isinstance(one, Loaded)}
    shared: dict[str, list[Broken]] = {}
    together = {stack: one.settings for stack, one in readable.items()}
    for stack, broken in (*environments.shared(together), *environments.named(together)):
        shared.setdefault(stack, []).append(broken)
    for stack, several in shared.items():
        resolved, _ = examine(project, read_stack(project, stack))
        locate = _locator(project, stack, resolved)
        faults = [fault(project.name, locate, one) for one in several]
        found[stack] = SettingsError([*readable[stack].advice, *faults])
    return found


def from_program() -> Loaded:
    """Read the environment of the running Pulumi program from its configuration.

    Lines are those of the stack file beside the program, where there is one: the engine passes none on.
    Raises SettingsError with everything that is wrong.
    """
    # Here, so that the command can read settings without the SDK.
    import pulumi  # noqa: PLC0415
    from pulumi.runtime import config  # noqa: PLC0415

    project, stack = pulumi.get_project(), pulumi.get_stack()
    values = {**config.get_config_env(), **config.CONFIG.get()}
    secrets = frozenset(key for key in values if config.is_config_secret(key))
    try:
        files = find_project(Path.cwd())
        written, _ = examine(files, read_stack(files, stack))
        locate = _relative(_locator(files, stack, written), files.file.parent)
    except SettingsError:
        # The engine read the configuration from elsewhere; a fault then has a key and no line.
        return _validated(project, stack, values, secrets, lambda _: None)
    return _validated(project, stack, values, secrets, locate)


def _validated(
    project: str, stack: str, values: MappingType[str, str], secrets: frozenset[str], locate: Locate
) -> Loaded:
    prefix = f"{project}:"
    own = {key.removeprefix(prefix): _value(text) for key, text in values.items() if key.startswith(prefix)}
    secret = frozenset(key.removeprefix(prefix) for key in secrets if key.startswith(prefix))
    return validate(project, stack, own, secret, locate)


def _value(text: str) -> object:
    """A configuration value as the engine hands it over: objects and lists are JSON, the rest is text."""
    if text[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _locator(project: Project, stack: str, resolved: ResolvedConfig) -> Locate:
    file = project.stack_file(stack)

    def locate(path: KeyPath) -> Place | None:
        entry = resolved.entries.get(f"{project.name}:{path[0]}")
        # A key that is missing is missing from the stack file.
        return _place(entry, path[1:]) if entry else Place(file, 1, 1)

    return locate


def _relative(locate: Locate, folder: Path) -> Locate:
    """Places as one writes them in the project's folder, which is where `pulumi` is called."""

    def relative(path: KeyPath) -> Place | None:
        place = locate(path)
        return place and replace(place, file=place.file.relative_to(folder))

    return relative


def _place(entry: Entry, path: KeyPath) -> Place:
    """The key of the last step of `path` that is written, at `entry` or below it."""
    line, column, node = entry.line, 1, entry.node
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        line, column, node = found
    return Place(entry.file, line, column)


def _step(node: Node, step: str | int) -> tuple[int, int, Node] | None:
    if isinstance(node, Mapping):
        keys = ((key.line, key.column, value) for key, value in node.entries if key.text == step)
        return next(keys, None)
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        item = node.items[step]
        return item.line, item.column, item
    return None
