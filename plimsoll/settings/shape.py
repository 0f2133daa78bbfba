"""Takes a file's tree apart, and gathers what is wrong in it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from plimsoll.settings.errors import Fault, SettingsError, key_path, shown
from plimsoll.settings.tree import Mapping, Node, Scalar

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.settings.tree import Trail

SOURCE = "Pulumi's project and stack files"


class Report:
    """The faults of one file, and the looks into its tree that find them."""

    def __init__(self, file: Path) -> None:
        self.faults: list[Fault] = []
        self._file = file

    def note(
        self,
        rule: str,
        node: Node | None,
        trail: Trail,
        message: str,
        remedy: str,
        *,
        value: str | None = None,
        file: Path | None = None,
    ) -> None:
        """Gather one fault, about a node of this file or of another one."""
        self.faults.append(
            Fault(
                message,
                file=file or self._file,
                line=node.line if node else None,
                column=node.column if node else None,
                key=key_path(trail) or None,
                value=None if value is None else shown(value),
                rule=rule,
                source=SOURCE,
                remedy=remedy,
            )
        )

    def close(self) -> None:
        """Raise what was gathered."""
        if self.faults:
            raise SettingsError(self.faults)

    def root(self, tree: Node | None, known: tuple[str, ...]) -> Mapping:
        """The map that a file is, empty where there is none; raises where it is something else.

        The engine ignores keys that it does not know: so do we, unless one looks like a slip of the pen.
        """
        if tree is None:
            return Mapping((), 1, 1)
        if not isinstance(tree, Mapping):
            self.note("file/type", tree, (), "this file is not a map", f"begin it with {known[0]}:")
            raise SettingsError(self.faults)
        for key, _ in tree.entries:
            if not isinstance(key.value, str):
                self.note("config/key", key, (key.text,), "a key on the top level must be text", "quote it")
                continue
            lowered = {name.lower(): name for name in known}
            near = get_close_matches(key.text.lower(), lowered, n=1, cutoff=0.8)
            if key.text not in known and (near or ":" in key.text):
                remedy = f"write {lowered[near[0]]}" if near else "indent it, below config"
                self.note("file/unknown-key", key, (key.text,), "the engine ignores this key", remedy)
        return tree

    def configuration(self, root: Mapping, project: str) -> list[tuple[str, Scalar, Node]]:
        """The members of `config`, each with its full key: a bare name is in the project's namespace."""
        members: dict[str, tuple[str, Scalar, Node]] = {}
        config = self.map(root, "config")
        for key, node in config.entries if config else ():
            parts = key.text.split(":")
            if not isinstance(key.value, str) or len(parts) > 3 or (len(parts) == 3 and parts[1] != "config"):
                message = f"{shown(key.text)} cannot be a configuration key"
                self.note("config/key", key, (), message, "write a name, or namespace:name, as text")
                continue
            # namespace:config:name is an older form of namespace:name.
            full = f"{parts[0]}:{parts[-1]}" if len(parts) > 1 else f"{project}:{key.text}"
            if full in members:
                message = f"this key stands on line {members[full][1].line} already"
                self.note("config/duplicate", key, (full,), message, "keep one of the two")
            members[full] = (full, key, node)
        return list(members.values())

    def only(self, node: Mapping, trail: Trail, known: tuple[str, ...]) -> None:
        """Note the keys of a map that are not known."""
        for key, _ in node.entries:
            if key.text not in known:
                near = get_close_matches(key.text, known, n=1)
                remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                self.note("file/unknown-key", key, (*trail, key.text), "there is no such key", remedy)

    def map(
        self, parent: Mapping, name: str, trail: Trail = (), *, known: tuple[str, ...] | None = None
    ) -> Mapping | None:
        """A member that is a map; None where there is none, or null."""
        node = unless_null(parent.get(name))
        if isinstance(node, Mapping):
            if known is not None:
                self.only(node, (*trail, name), known)
            return node
        if node is not None:
            self.note(
                "file/type", node, (*trail, name), "this must be a map", "write keys and values below it"
            )
        return None

    def text(
        self, parent: Mapping | None, name: str, trail: Trail = (), *, nullable: bool = False
    ) -> str | None:
        """A member that is text; None where there is none."""
        node = None if parent is None else parent.get(name)
        if nullable:
            node = unless_null(node)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        if node is not None:
            self.note("file/type", node, (*trail, name), "this must be text", "quote it, if it is")
        return None

    def flag(self, parent: Mapping, name: str, trail: Trail) -> bool:
        """A member that is true or false; false where there is none."""
        node = parent.get(name)
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        if node is not None:
            self.note("file/type", node, (*trail, name), "this must be true or false", "write one of the two")
        return False


def refusal(file: Path | None, rule: str, message: str, remedy: str) -> SettingsError:
    """The error for a file that is refused as a whole."""
    return SettingsError([Fault(message, file=file, rule=rule, source=SOURCE, remedy=remedy)])


def unless_null(node: Node | None) -> Node | None:
    """A node, or None where it is a null."""
    return None if isinstance(node, Scalar) and node.value is None else node
