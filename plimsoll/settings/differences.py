"""In what two environments differ: setting by setting, defaults included. Pure.

Values are written as a stack file would say them. Of a secret only whether there is one, and whether it is
another one: neither its name nor its version is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from plimsoll import units
from plimsoll.settings import model
from plimsoll.settings.errors import key_path
from plimsoll.settings.values import Unit

if TYPE_CHECKING:
    from decimal import Decimal

    from pydantic.fields import FieldInfo

_FORMATS: Final[Mapping[Callable[[Any], Decimal | int], Callable[[Any], str]]] = {
    units.parse_cpu: units.format_cpu,
    units.parse_memory: units.format_memory,
    units.parse_duration: units.format_seconds,
}
"""How a quantity is written again, by what reads it."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What one environment says, or what holds because it says nothing; for a secret, that it is set."""

    text: str
    default: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same. `None`: there is no such setting on that side."""

    section: str
    path: str
    """Below the section, as `pulumi config set --path` takes it; "" for the section itself."""
    left: Setting | None
    right: Setting | None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two environments side by side."""

    differences: tuple[Difference, ...]
    same: int
    """How many settings both have, with the same value."""


def compare(left: model.Settings, right: model.Settings) -> Comparison:
    """What differs, in the order of the sections; a default and the same value written out do not differ."""
    ours, theirs = (dict(_leaves((), one, given=True)) for one in (left, right))
    paths = [path for path in dict.fromkeys([*ours, *theirs]) if not _is_only_absence(path, ours, theirs)]
    sections = list(model.Settings.model_fields)
    paths.sort(key=lambda path: sections.index(path[0]))
    differences: list[Difference] = []
    for path in paths:
        here, there = ours.get(path), theirs.get(path)
        if here is not None and there is not None and here.value == there.value:
            continue
        differences.append(
            Difference(
                section=path[0],
                path=key_path(path[1:]),
                left=None if here is None else here.setting,
                right=None if there is None else there.setting,
                secret=any(leaf is not None and leaf.secret for leaf in (here, there)),
            )
        )
    return Comparison(tuple(differences), len(paths) - len(differences))


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: object
    setting: Setting
    secret: bool = False


def _is_only_absence(path: Path, *sides: Mapping[Path, _Leaf]) -> bool:
    """Whether a part is absent on one side, and the other tells more of it: `pooler`, and `pooler.mode`."""
    return any(other[: len(path)] == path and other != path for side in sides for other in side)


def _leaves(path: Path, section: model.Section, *, given: bool) -> Iterator[tuple[Path, _Leaf]]:
    hidden = isinstance(section, model.Variable) and section.sensitive
    for name, field in type(section).model_fields.items():
        yield from _below(
            (*path, field.alias or name),
            getattr(section, name),
            given=given and name in section.model_fields_set,
            write=_writer(field),
            hidden=hidden and name == "value",
        )


def _below(
    path: Path, value: object, *, given: bool, write: Callable[[Any], str], hidden: bool
) -> Iterator[tuple[Path, _Leaf]]:
    if isinstance(value, model.SecretReference) or (hidden and value is not None):
        yield path, _Leaf(value, Setting("set", default=False), secret=True)
    elif isinstance(value, model.Section):
        yield from _leaves(path, value, given=given)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below((*path, str(key)), inner, given=given, write=write, hidden=False)
    else:
        yield path, _Leaf(value, Setting(_written(value, write), default=not given))


def _writer(field: FieldInfo) -> Callable[[Any], str]:
    """How a field's value is written: by its unit, where it has one, of its own or within `… | None`."""
    within = [extra for part in get_args(field.annotation) for extra in getattr(part, "__metadata__", ())]
    unit = next((extra for extra in (*field.metadata, *within) if isinstance(extra, Unit)), None)
    return _FORMATS.get(unit.parse, str) if unit is not None else str


def _written(value: object, write: Callable[[Any], str]) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(str(item) for item in value)}]"
    return write(value)
