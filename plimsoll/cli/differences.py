"""`plimsoll check --differences`: in what environments differ."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.cells import cell_len
from rich.text import Text

from plimsoll.cli.output import console, print_json, refuse
from plimsoll.printable import printable
from plimsoll.settings.differences import Comparison, compare
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.load import from_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plimsoll.settings.differences import Difference, Setting
    from plimsoll.settings.model import Settings
    from plimsoll.settings.project import Project

_ABSENT = "—"


def run(project: Project, named: Sequence[str], *, as_json: bool) -> None:
    """Print every difference of each pair; a stack file with an error is refused instead."""
    settings: dict[str, Settings] = {}
    faults: list[Fault] = []
    # Which of the others is production, only their files say.
    for stack in dict.fromkeys(named if len(named) > 1 else [*named, *project.stacks()]):
        try:
            settings[stack] = from_stack(project, stack).settings
        except SettingsError as error:
            faults += error.faults
    if faults:
        refuse(faults, as_json=as_json)
    several = pairs({stack: one.cloud.production for stack, one in settings.items()}, named)
    if not several:
        _nothing(project, as_json=as_json)
    found = {(left, right): compare(settings[left], settings[right]) for left, right in several}
    if as_json:
        print_json({"ok": True, "pairs": [_json(*pair, one) for pair, one in found.items()]})
        return
    for index, ((left, right), one) in enumerate(found.items()):
        if index:
            typer.echo()
        for line in _lines(left, right, one):
            console().print(line)


def pairs(production: dict[str, bool], named: Sequence[str]) -> list[tuple[str, str]]:
    """Who is compared with whom: each named one with the last of them; one, or all, with production."""
    if len(named) > 1:
        return [(stack, named[-1]) for stack in named[:-1] if stack != named[-1]]
    against = [stack for stack, is_production in production.items() if is_production]
    if named and named[0] in against:
        return [(stack, named[0]) for stack in production if stack != named[0]]
    return [(stack, other) for stack in named or production for other in against if not production[stack]]


def _nothing(project: Project, *, as_json: bool) -> NoReturn:
    fault = Fault(
        "there are no two environments to compare: by default each is compared with production",
        file=project.file,
        rule="settings/nothing-to-compare",
        remedy="name two: plimsoll check --differences ENV ENV",
    )
    refuse([fault], as_json=as_json)


def _lines(left: str, right: str, comparison: Comparison) -> Iterator[Text]:
    count = len(comparison.differences)
    same = f"{comparison.same} are the same"
    if not count:
        yield Text.assemble((f"{left} and {right} do not differ", "bold"), (f"  {same}", "dim"))
        return
    settings = f"{count} setting{'s' if count > 1 else ''}"
    yield Text.assemble((f"{left} and {right} differ in {settings}", "bold"), (f"  {same}", "dim"))
    for section, several in groupby(comparison.differences, lambda one: one.section):
        yield from _section(section.upper(), left, right, list(several))


def _section(title: str, left: str, right: str, differences: list[Difference]) -> Iterator[Text]:
    rows = [
        (f"  {printable(one.path)}", _cell(one.left, one), _cell(one.right, one, last=True))
        for one in differences
    ]
    first, second = (
        max(map(cell_len, column)) for column in list(zip((title, left, right), *rows, strict=True))[:2]
    )
    yield Text.assemble("\n", (f"{title:<{first}}", "bold"), (f"  {left:<{second}}  {right}", "dim"))
    for path, here, there in rows:
        # Not a table: where it is narrow a line wraps, and no value is ever cut.
        between = " " * (first - cell_len(path) + 2), " " * (second - cell_len(here) + 2)
        yield Text(f"{path}{between[0]}{here}{between[1]}{there}")


def _cell(setting: Setting | None, one: Difference, *, last: bool = False) -> str:
    if one.secret:
        both = one.left is not None and one.right is not None and one.left.text == one.right.text
        known = setting is not None and setting.text == "set"
        return ("set, differs" if both and last else "set") if known else "unset"
    if setting is None:
        return _ABSENT
    return printable(setting.text) + (" (default)" if setting.default else "")


def _json(left: str, right: str, comparison: Comparison) -> dict[str, object]:
    return {
        "left": left,
        "right": right,
        "same": comparison.same,
        "differences": [
            {
                "section": one.section,
                "path": one.path,
                "secret": one.secret,
                "left": _setting(one.left),
                "right": _setting(one.right),
            }
            for one in comparison.differences
        ],
    }


def _setting(one: Setting | None) -> dict[str, object] | None:
    return None if one is None else {"value": one.text, "default": one.default}
