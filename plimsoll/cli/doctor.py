"""`plimsoll doctor`: what is installed, which credentials are present, and what would fail without the rest.

Credentials are looked for, never looked at: no value of a variable and no content of a key file is printed.
Nothing is asked over the network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.table import Table
from rich.text import Text

from plimsoll.cli.options import Goal
from plimsoll.cli.output import Exit, print_json, relative, show
from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import find
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.offline import find_interpreter
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project, read_stack
from plimsoll.settings.tree import Mapping, Scalar
from plimsoll.settings.yaml import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Mapping as MappingType

    from plimsoll.settings.project import Project


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    `needed_for` names the first goal that fails without it; None where nothing does. `said` is a version, a
    place or a name, never a credential. `remedy` is the exact command, or "" where it is `present`.
    """

    name: str
    present: bool
    said: str
    needed_for: Goal | None = None
    remedy: str = ""


@dataclass(frozen=True)
class Machine:
    """What is looked at: the environment's variables, the home folder, and where commands are found."""

    environment: MappingType[str, str] = field(default_factory=lambda: os.environ, repr=False)
    home: Path = field(default_factory=Path.home)
    which: Callable[[str], str | None] = shutil.which

    def set(self, *names: str) -> str | None:
        """The first of these variables that is set and not empty."""
        return next((name for name in names if bool(self.environment.get(name))), None)

    @property
    def pulumi_home(self) -> Path:
        """Where the engine keeps logins and plugins."""
        return Path(self.environment.get("PULUMI_HOME") or self.home / ".pulumi")

    @property
    def gcloud_folder(self) -> Path:
        """Where gcloud keeps what it knows."""
        return Path(self.environment.get("CLOUDSDK_CONFIG") or self.home / ".config" / "gcloud")


@dataclass(frozen=True, slots=True)
class Credential:
    """How a provider is told who asks: by any of the variables, or by application-default credentials."""

    package: str
    name: str
    variables: tuple[str, ...]
    remedy: str
    key_files: tuple[str, ...] = ()
    application_default: bool = False
    config_key: str = ""


_LOGIN: Final = "gcloud auth application-default login"
CREDENTIALS: Final = (
    Credential(
        "gcp",
        "Google Cloud credentials",
        ("GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        _LOGIN,
        key_files=("GOOGLE_APPLICATION_CREDENTIALS",),
        application_default=True,
    ),
    Credential(
        "vercel",
        "Vercel token",
        ("VERCEL_API_TOKEN",),
        "export VERCEL_API_TOKEN=…  (a token of vercel.com/account/settings/tokens)",
        config_key="vercelToken",
    ),
)
"""What the providers themselves look for, in their order (pulumi_gcp 10.2.0, pulumiverse_vercel 5.21.1)."""


def run(*, goal: Goal, as_json: bool, folder: Path | None) -> None:
    """Print what there is; exit code 1 where `goal` would fail."""
    findings = tuple(examine(folder or Path.cwd(), Machine()))
    blocked = {one: _missing(findings, one) for one in Goal}
    if as_json:
        print_json(
            {
                "ok": not blocked[goal],
                "goals": {one: {"ok": not missing} for one, missing in blocked.items()},
                "findings": [
                    {
                        "name": finding.name,
                        "present": finding.present,
                        "said": finding.said,
                        "neededFor": finding.needed_for,
                        "remedy": finding.remedy or None,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        _print(findings, blocked)
    raise typer.Exit(Exit.BROKEN if blocked[goal] else Exit.DONE)


def _missing(findings: tuple[Finding, ...], goal: Goal) -> list[Finding]:
    """What stands in the way of a goal."""
    goals = list(Goal)
    upto = goals[: goals.index(goal) + 1]
    return [finding for finding in findings if not finding.present and finding.needed_for in upto]


def _print(findings: tuple[Finding, ...], blocked: dict[Goal, list[Finding]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for finding in findings:
        needed = finding.needed_for is not None
        mark = ("yes", "green") if finding.present else ("NO", "bold red") if needed else ("no", "dim")
        table.add_row(Text(*mark), Text(finding.name, "bold"), Text(finding.said, overflow="fold"))
    show(table)
    for goal, command in zip(Goal, ("plimsoll preview", "plimsoll rehearse", "pulumi up"), strict=True):
        missing = blocked[goal]
        if not missing:
            show(Text.assemble("\n", (command, "bold"), ("  has what it needs", "green")))
            continue
        show(Text.assemble("\n", (command, "bold"), (f"  would fail: {len(missing)} missing", "bold red")))
        for finding in missing:
            show(Text(f"  {finding.name}\n    → {finding.remedy}"))


def examine(folder: Path, machine: Machine) -> Iterator[Finding]:
    """Look for everything, for the project that `folder` belongs to; outside of one, at the machine alone."""
    yield Finding("Python", present=True, said=f"{sys.version.split()[0]}, for Plimsoll itself")
    packages: dict[str, str] = {}
    project = None
    try:
        project = find_project(folder)
    except SettingsError as error:
        fault = error.faults[0]
        yield Finding(
            "project", present=False, said=str(fault), needed_for=Goal.PREVIEW, remedy=fault.remedy or ""
        )
    else:
        yield from _project(project, packages)
    yield from _engine(machine)
    yield from _commands(machine)
    plugins = tuple(_plugins(machine, packages))
    yield from plugins
    yield _count_plugins(machine, plugins, project=project is not None)
    if project is None:
        return
    for credential in CREDENTIALS:
        if credential.package in packages:
            yield _credential(machine, project, credential)
    yield _backend(machine, project)
    for stack in project.stacks():
        yield from _secrets(machine, project, stack)


def _project(project: Project, packages: dict[str, str]) -> Iterator[Finding]:
    """The project, its environments and its interpreter; `packages` takes the provider packages."""
    yield Finding("project", present=True, said=f"{project.name}, {relative(project.file)}")
    stacks = project.stacks()
    yield Finding(
        "environments",
        present=bool(stacks),
        said=", ".join(stacks) or "none has a file",
        needed_for=Goal.PREVIEW,
        remedy="" if stacks else f"make one: {project.stack_file('dev').name}, as README shows",
    )
    yield from _interpreter(project, packages)


_PACKAGES: Final = """
import importlib.metadata as m, json, sys
found = {}
for one in m.distributions():
    for file in one.files or ():
        if file.name == "pulumi-plugin.json":
            told = json.loads(file.locate().read_text())
            if told.get("resource"):
                found[told.get("name", "")] = told.get("version") or one.version
print(json.dumps([sys.version.split()[0], m.version("pulumi"), found]))
"""


def _interpreter(project: Project, packages: dict[str, str]) -> Iterator[Finding]:
    """The project's Python and its SDK; `packages` takes the provider packages that it has."""
    name = "the project's Python"
    try:
        python = find_interpreter(project.file.parent.absolute(), project.runtime_options)
    except PreviewError as error:
        yield Finding(name, present=False, said=error.message, needed_for=Goal.PREVIEW, remedy=error.remedy)
        return
    try:
        asked = subprocess.run([python, "-c", _PACKAGES], capture_output=True, text=True, check=True)
        version, sdk, found = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        remedy = f"{python} -m pip install -r requirements.txt"
        said = f"{relative(python)} has no Pulumi SDK"
        yield Finding(name, present=False, said=said, needed_for=Goal.PREVIEW, remedy=remedy)
        return
    packages.update(found)
    yield Finding(name, present=True, said=f"{version}, {relative(python)}", needed_for=Goal.PREVIEW)
    providers = "".join(f", {package} {one}" for package, one in sorted(found.items()))
    yield Finding("Pulumi SDK", present=True, said=f"{sdk}{providers}", needed_for=Goal.PREVIEW)


def _engine(machine: Machine) -> Iterator[Finding]:
    """The engine and the Python language host that it needs beside it."""
    try:
        found = find()
    except EngineError as error:
        remedy = error.remedy or "plimsoll engine install"
        yield Finding("engine", present=False, said=error.message, needed_for=Goal.REHEARSE, remedy=remedy)
        return
    said = f"Pulumi {found.version}, {found.path}"
    yield Finding("engine", present=True, said=said, needed_for=Goal.REHEARSE)
    on_path = machine.which("pulumi") is not None
    yield Finding(
        "pulumi on PATH",
        present=on_path,
        said=str(found.path) if on_path else f"not on PATH; Plimsoll's own is {found.path}",
        needed_for=Goal.UP,
        remedy="" if on_path else f'export PATH="{found.path.parent}:$PATH"',
    )
    name = "Python language host"
    if found.host is None:
        yield Finding(name, present=True, said="where the engine finds it", needed_for=Goal.UP)
    else:
        said = "the engine has none, and Plimsoll's is not on PATH; `plimsoll rehearse` does without"
        remedy = f'export PATH="{found.host}:$PATH"'
        yield Finding(name, present=False, said=said, needed_for=Goal.UP, remedy=remedy)


def _commands(machine: Machine) -> Iterator[Finding]:
    """Commands that some of the work needs."""
    found = machine.which("git")
    yield Finding(
        "git",
        present=found is not None,
        said="not on PATH" if found is None else found,
        needed_for=Goal.REHEARSE,
        remedy="install git: git-scm.com/downloads" if found is None else "",
    )
    for command, purpose in (
        ("gcloud", "logs in to Google Cloud and makes buckets and keys (docs/state.md)"),
        ("go", "builds the engine where the installer cannot be reached"),
        ("node", "runs the frontend"),
    ):
        found = machine.which(command)
        yield Finding(
            command, present=found is not None, said=f"not on PATH; {purpose}" if found is None else found
        )


def _plugins(machine: Machine, packages: MappingType[str, str]) -> Iterator[Finding]:
    """The real providers. The engine fetches a missing one itself, where it may reach the internet."""
    folder = machine.pulumi_home / "plugins"
    for package, version in sorted(packages.items()):
        ambient = machine.which(f"pulumi-resource-{package}")
        present = ambient is not None or any(folder.glob(f"resource-{package}-v{version}*"))
        said = version if present else f"{version} is not installed; `pulumi up` fetches it"
        yield Finding(f"provider plugin {package}", present=present, said=said)


def _count_plugins(machine: Machine, plugins: Sequence[Finding], *, project: bool) -> Finding:
    """How many of the project's real providers there are and what it means; without a project, how many."""
    name, folder = "provider plugins", machine.pulumi_home / "plugins"
    if not project:
        count = len({file.name for file in folder.glob("resource-*-v*") if file.is_dir()})
        return Finding(name, present=count > 0, said=f"{count} installed in {folder}")
    missing = sum(not plugin.present for plugin in plugins)
    meaning = "for these the local cloud judges by the SDK's classes and dated data" if missing else folder
    said = f"{len(plugins) - missing} of {len(plugins)} installed, {missing} missing; {meaning}"
    return Finding(name, present=not missing, said=said)


def _credential(machine: Machine, project: Project, credential: Credential) -> Finding:
    """Whether a provider would find who asks."""
    variable = machine.set(*credential.variables)
    if variable in credential.key_files and not Path(machine.environment[variable]).is_file():
        said = f"{variable} is set, and names no file"
        remedy = f"correct it, or: unset {variable} && {credential.remedy}"
        return Finding(credential.name, present=False, said=said, needed_for=Goal.UP, remedy=remedy)
    if variable is not None:
        return Finding(credential.name, present=True, said=f"{variable} is set", needed_for=Goal.UP)
    if credential.application_default:
        file = machine.gcloud_folder / "application_default_credentials.json"
        if file.is_file():
            said = "application-default credentials of gcloud"
            return Finding(credential.name, present=True, said=said, needed_for=Goal.UP)
    if credential.config_key and (holding := _stacks_with(project, credential.config_key)):
        said = f"{credential.config_key} stands encrypted in {', '.join(holding)}"
        return Finding(credential.name, present=True, said=said, needed_for=Goal.UP)
    said = f"none of {', '.join(credential.variables)} is set"
    return Finding(credential.name, present=False, said=said, needed_for=Goal.UP, remedy=credential.remedy)


def _backend(machine: Machine, project: Project) -> Finding:
    """Where the state is, as the engine decides it: the variable, the project, the login."""
    name = "state backend"
    if machine.set("PULUMI_BACKEND_URL") is not None:
        return Finding(name, present=True, said="PULUMI_BACKEND_URL is set", needed_for=Goal.UP)
    if project.backend is not None:
        said = f"{_without_user(project.backend)}, by {relative(project.file)}"
        return Finding(name, present=True, said=said, needed_for=Goal.UP)
    try:
        current = json.loads((machine.pulumi_home / "credentials.json").read_text("utf-8")).get("current")
    except (OSError, ValueError, AttributeError):
        current = None
    if current:
        return Finding(name, present=True, said=f"{_without_user(current)}, by login", needed_for=Goal.UP)
    remedy = "pulumi login gs://BUCKET  (docs/state.md says how to make the bucket)"
    return Finding(name, present=False, said="not logged in", needed_for=Goal.UP, remedy=remedy)


def _without_user(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", str(url))


def _secrets(machine: Machine, project: Project, stack: str) -> Iterator[Finding]:
    """What decrypts a stack's secrets."""
    name = f"secrets of {stack}"
    file = project.stack_file(stack)
    try:
        tree = read(file)
    except SettingsError:
        yield Finding(
            name,
            present=False,
            said=f"{relative(file)} cannot be read",
            needed_for=Goal.PREVIEW,
            remedy="plimsoll check",
        )
        return
    keys = tree if isinstance(tree, Mapping) else Mapping((), 1, 1)
    provider = keys.get("secretsprovider")
    scheme = str(provider.value).partition("://")[0] if isinstance(provider, Scalar) else ""
    if keys.get("environment") is not None:
        variable = machine.set("PULUMI_ACCESS_TOKEN")
        said = "PULUMI_ACCESS_TOKEN is not set" if variable is None else f"{variable} is set"
        yield Finding(
            f"environment of {stack}",
            present=variable is not None,
            said=f"Pulumi ESC; {said}",
            needed_for=Goal.UP,
            remedy="export PULUMI_ACCESS_TOKEN=…" if variable is None else "",
        )
    if scheme == "gcpkms":
        yield Finding(name, present=True, said="Google Cloud KMS, by the same credentials")
    elif scheme and scheme != "passphrase":
        yield Finding(name, present=True, said=f"{scheme}, which is not looked into here")
    elif scheme == "passphrase" or keys.get("encryptionsalt") is not None:
        # An empty passphrase is one, if it is set.
        names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
        variable = next((one for one in names if one in machine.environment), None)
        yield Finding(
            name,
            present=variable is not None,
            said="a passphrase, which is not set" if variable is None else f"{variable} is set",
            needed_for=Goal.UP,
            remedy="export PULUMI_CONFIG_PASSPHRASE_FILE=FILE" if variable is None else "",
        )


def _stacks_with(project: Project, key: str) -> list[str]:
    """The stacks whose files have a configuration key of the project's own."""
    holding = []
    for stack in project.stacks():
        try:
            entries = read_stack(project, stack).entries
        except SettingsError:
            continue
        if f"{project.name}:{key}" in entries:
            holding.append(stack)
    return holding
