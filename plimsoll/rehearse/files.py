"""Project and stack files as a rehearsal needs them: nothing of the user's backend, secrets or keys in them.

Files keep their lines, so that a program which names a line of a stack file names the user's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from plimsoll.preview.decode import PLACEHOLDER
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.settings.errors import SettingsError, key_path
from plimsoll.settings.project import find_project, read_stack, resolve
from plimsoll.settings.tree import Mapping, Scalar, Sequence, to_python
from plimsoll.settings.yaml import parse, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plimsoll.settings.project import Project
    from plimsoll.settings.tree import Node, Trail

_KEYS_OF_THE_ENGINE: Final = ("secretsprovider", "encryptedkey", "encryptionsalt", "environment")
_PLACEHOLDERS: Final = {"integer": "1", "boolean": "true"}
"""What stands for a secret of a declared type; any other is `PLACEHOLDER`."""


@dataclass(frozen=True, slots=True)
class Secret:
    """An encrypted value of a stack file.

    `path` is as `pulumi config set --path` takes it, `ciphertext` tells whether two files hold the same one,
    `placeholder` is what the rehearsal reads in its place.
    """

    path: str
    ciphertext: str
    placeholder: str


@dataclass(frozen=True, slots=True)
class Environment:
    """One side's project, and one stack of it. `imports` tells whether Pulumi ESC would add to it."""

    project: Project
    stack: str
    file: Path
    secrets: tuple[Secret, ...]
    imports: bool


def read_environment(folder: Path, stack: str) -> Environment | None:
    """The environment in the project of `folder`, or None where that has no such project or stack.

    Raises SettingsError with everything that is wrong in its files, RehearsalError for another language.
    """
    if not any((folder / name).is_file() for name in ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")):
        return None
    project = find_project(folder)
    if project.runtime != "python":
        message = f"the runtime is {project.runtime or 'not said'}, and only Python programs are rehearsed"
        raise RehearsalError("rehearse/runtime", message, "use `pulumi preview`")
    file = project.stack_file(stack)
    if not file.is_file():
        return None
    written = read_stack(project, stack)
    # Without the user's account there is no ESC: what it would add is missing, and said by name.
    resolve(project, replace(written, imports_environments=False))
    secrets = tuple(
        Secret(key_path((key, *trail)), ciphertext, _placeholder(project, key))
        for key, entry in written.entries.items()
        for trail, ciphertext in _ciphertexts(entry.node, ())
    )
    return Environment(project, stack, file, secrets, written.imports_environments)


def synthesise(environment: Environment, virtualenv: Path | None, salt: str | None) -> None:
    """Rewrite the environment's own files, in a copy of the project.

    The program runs in `virtualenv`, where one is given; the stack file holds the engine's `salt`, once there
    is one.
    """
    project = environment.project
    runtime = {
        "name": project.runtime,
        # Whichever tool made it, the environment is there and complete: nothing is to be installed.
        "options": {**project.runtime_options, "toolchain": "pip", "virtualenv": str(virtualenv)},
    }
    rewrite(project.file, {"backend": None, **({} if virtualenv is None else {"runtime": runtime})})
    gone = dict.fromkeys(_KEYS_OF_THE_ENGINE)
    rewrite(environment.file, {**gone, "encryptionsalt": salt})


def salt_of(file: Path) -> str | None:
    """The salt that the engine wrote into a stack file."""
    tree = read(file)
    node = tree.get("encryptionsalt") if isinstance(tree, Mapping) else None
    return str(node.value) if isinstance(node, Scalar) else None


def rewrite(file: Path, changes: dict[str, object]) -> None:
    """Set keys of a YAML file's top level, or take them out (None); every other line stays where it is."""
    content = file.read_bytes()
    tree = parse(content, file)
    written = tree.entries if isinstance(tree, Mapping) else ()
    wanted = {**{key.text: to_python(value) for key, value in written}, **changes}
    wanted = {key: value for key, value in wanted.items() if value is not None or key not in changes}
    lines = content.decode("utf-8-sig").splitlines()
    begins = [key.line for key, _ in written] + [len(lines) + 1]
    for (key, _), begin, end in zip(written, begins, begins[1:], strict=False):
        if key.text in changes:
            lines[begin - 1 : end - 1] = [_line(key.text, changes[key.text])] + [""] * (end - begin - 1)
    present = {key.text for key, _ in written}
    added = [key for key, value in changes.items() if key not in present and value is not None]
    lines += [_line(key, changes[key]) for key in added]
    text = "\n".join(lines).rstrip("\n") + "\n"
    if not _reads_as(text, wanted):  # As where the whole file is one map in braces.
        text = json.dumps(wanted, ensure_ascii=False) + "\n"
    file.write_text(text, "utf-8")


def _line(key: str, value: object) -> str:
    return "" if value is None else f"{key}: {json.dumps(value, ensure_ascii=False)}"


def _reads_as(text: str, wanted: dict[str, object]) -> bool:
    try:
        tree = parse(text.encode())
    except SettingsError:
        return False
    return bool((to_python(tree) if tree is not None else {}) == wanted)


def _ciphertexts(node: Node, trail: Trail) -> Iterator[tuple[Trail, str]]:
    """Every `secure:` in a value, with the way to it."""
    match node:
        case Mapping(entries=((Scalar(value="secure"), Scalar(value=str(ciphertext))),)):
            yield trail, ciphertext
        case Mapping(entries=entries):
            for key, value in entries:
                yield from _ciphertexts(value, (*trail, key.text))
        case Sequence(items=items):
            for index, item in enumerate(items):
                yield from _ciphertexts(item, (*trail, index))
        case _:
            pass


def _placeholder(project: Project, key: str) -> str:
    declared = project.declarations.get(key)
    kind = declared.type.name if declared is not None and declared.type is not None else ""
    return _PLACEHOLDERS.get(kind, PLACEHOLDER)
