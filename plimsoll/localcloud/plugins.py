"""Real providers' plugins: which one to ask for a package, and the environment that it is started in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from semver import Version

from plimsoll.localcloud.rules import DATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plimsoll.localcloud.wire import Wire

_PREFIX: Final = "pulumi-resource-"
_FOLDER: Final = re.compile(r"resource-(?P<package>.+)-v(?P<version>\d+\.\d+\.\d+.*)")
_CHOICE: Final = re.compile(r"(?:(?P<package>[a-z0-9][a-z0-9-]*)=)?(?P<path>.+)", re.DOTALL)

NOBODY: Final = "none"
"""In `--provider NAME=none`: no real provider is asked for the package."""


class PluginError(Exception):
    """A real provider cannot be asked: what is wrong with it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Plugin:
    """The program that a package's real provider is. `version` is that of its folder, "" where none says."""

    package: str
    path: Path
    version: str = ""


@dataclass(frozen=True, slots=True)
class Plugins:
    """Where plugins are looked for: what somebody named, by package (None: ask nobody), then a folder.

    `home` is the engine's own folder, `PULUMI_HOME`; None where none is to be looked for.
    """

    home: Path | None = None
    named: Mapping[str, Path | None] | None = None

    def find(self, package: str, wanted: str = "") -> Plugin | None:
        """The plugin to ask for a package whose SDK wants version `wanted` ("": there is no SDK)."""
        named = self.named or {}
        if package in named:
            path = named[package]
            return None if path is None else Plugin(package, path)
        return None if self.home is None else find_installed(self.home, package, wanted)


def find_installed(home: Path, package: str, wanted: str = "") -> Plugin | None:
    """The installed plugin that fits: version `wanted`, else the newest of its major version.

    Where nothing is wanted, the newest. A folder that the engine is still filling is none.
    """
    found: dict[Version, Path] = {}
    for folder in (home / "plugins").glob(f"resource-{package}-v*"):
        named = _FOLDER.fullmatch(folder.name)
        program = folder / f"{_PREFIX}{package}"
        filling = folder.with_name(f"{folder.name}.partial").exists()
        if not named or named["package"] != package or filling or not program.is_file():
            continue
        if Version.is_valid(named["version"]):
            found[Version.parse(named["version"])] = program
    if Version.is_valid(wanted):
        pinned = Version.parse(wanted)
        if pinned in found:
            return Plugin(package, found[pinned], wanted)
        found = {version: path for version, path in found.items() if version.major == pinned.major}
    return Plugin(package, found[max(found)], str(max(found))) if found else None


def read_choices(written: Iterable[str]) -> dict[str, Path | None]:
    """What `--provider` says, by package: `NAME=PATH`, a path whose file says the name, or `NAME=none`.

    Raises PluginError for what is none of them, for a name given twice, and for a path that is no program.
    """
    choices: dict[str, Path | None] = {}
    for text in written:
        said = _CHOICE.fullmatch(text)
        path = Path(said["path"] if said else text).expanduser()
        package = (said and said["package"]) or path.name.removeprefix(_PREFIX)
        if (not said or not said["package"]) and not path.exists():
            raise PluginError(
                f"--provider {text}: there is no such file",
                f"name the program itself, {_PREFIX}NAME, or write NAME=PATH",
            )
        if not said or (not said["package"] and package == path.name):
            raise PluginError(
                f"--provider {text} does not say whose provider it is",
                f"write NAME=PATH, or name a file that is called {_PREFIX}NAME",
            )
        if package in choices:
            raise PluginError(f"--provider names {package} twice", "name one provider for each package")
        if said["package"] and said["path"] == NOBODY:
            choices[package] = None
            continue
        choices[package] = check_program(Plugin(package, path.absolute())).path
    return choices


def check_program(plugin: Plugin) -> Plugin:
    """The plugin itself. Raises PluginError where it is no file that may be run."""
    if not plugin.path.is_file():
        raise PluginError(
            f"the provider {plugin.package} is not at {plugin.path}: there is no such file",
            f"name the program itself, PULUMI_HOME/plugins/resource-{plugin.package}-vVERSION/"
            f"{_PREFIX}{plugin.package}",
        )
    if not plugin.path.stat().st_mode & 0o111:
        raise PluginError(
            f"the provider {plugin.package} at {plugin.path} may not be run", f"chmod +x {plugin.path}"
        )
    return plugin


@dataclass(frozen=True, slots=True)
class Stand:
    """What stands in for credentials, from dated data.

    `variables` are added to the provider's environment. `config` replaces properties of its configuration
    that the program gives; None leaves one out.
    """

    variables: Mapping[str, str]
    config: Mapping[str, str | None]


@cache
def _data() -> Mapping[str, Wire]:
    return json.loads((DATA / "providers.json").read_text("utf-8"))


def stand_in(package: str) -> Stand:
    """What stands in for the credentials of a package's provider; nothing where no data says."""
    said = _data()["packages"].get(package, {})
    return Stand(said.get("variables", {}), said.get("config", {}))


def environment_of(package: str, ours: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of a package's provider: of `ours` only what can be no credential, and dummies.

    `home` is an empty folder: in the user's own, providers find key files by themselves.
    """
    passed = {
        name: value
        for name, value in ours.items()
        if any(fnmatchcase(name, pattern) for pattern in _data()["passed"])
        # A proxy's address may hold a password.
        and not (name.lower().endswith("_proxy") and "@" in value)
    }
    return {**passed, "HOME": str(home), **stand_in(package).variables}
