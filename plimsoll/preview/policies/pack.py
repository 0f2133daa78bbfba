"""Which policy pack judges an environment, under which interpreter, and how it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.preview.failure import Failure, PreviewError
from plimsoll.preview.offline import find_interpreter
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.tree import Mapping, Scalar, to_python
from plimsoll.settings.yaml import read

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.settings.project import Project

LEAVE_OUT: Final = "or leave the policies out: --no-policies"


@dataclass(frozen=True, slots=True)
class PolicyPack:
    """A pack to run: the absolute folder of its PulumiPolicy.yaml, and how a reader writes it.

    `config` is its configuration file, absolute, or None; `shown_config` how a reader writes that.
    """

    folder: Path
    shown: str
    interpreter: Path
    config: Path | None
    shown_config: str


def find_pack(project: Project, stack: str, folder: Path | None, config: Path | None) -> PolicyPack | None:
    """The pack in `folder`, or else the one in `policies` beside Pulumi.yaml; None where that has none.

    Its configuration is `config`, else the pack's `config/STACK.json`, where it is there. Raises
    SettingsError for a pack that is named and is none, a pack of another language than Python, or a
    configuration for no pack, and PreviewError where the pack's interpreter is not there.
    """
    root = project.file.parent
    pack = folder or root / "policies"
    file = pack / "PulumiPolicy.yaml"
    if not file.is_file():
        if folder is not None:
            raise _refusal("there is no policy pack here", file, "name the folder of a PulumiPolicy.yaml")
        if config is not None:
            raise _refusal("this configures a policy pack, and there is none", config, f"write {file}")
        return None
    by_itself = pack / "config" / f"{stack}.json"
    if config is None and by_itself.is_file():
        config = by_itself
    return PolicyPack(
        folder=pack.absolute(),
        shown=str(pack),
        interpreter=_interpreter(project, pack, file).absolute(),
        config=config.absolute() if config else None,
        shown_config=str(config or ""),
    )


def _interpreter(project: Project, pack: Path, file: Path) -> Path:
    """The pack's own `runtime.options.virtualenv`, else a `.venv` beside it, else the project's."""
    tree = read(file)
    runtime = tree.get("runtime") if isinstance(tree, Mapping) else None
    name, options = runtime, None
    if isinstance(runtime, Mapping):
        name, options = runtime.get("name"), runtime.get("options")
    language = name.value if isinstance(name, Scalar) else "not said"
    if language != "python":
        said = f"the pack's runtime is {language}, and only Python packs are run offline"
        raise _refusal(said, file, f"use `plimsoll rehearse`, {LEAVE_OUT}")
    written = to_python(options) if isinstance(options, Mapping) else {}
    named = written.get("virtualenv")
    if named:
        interpreter = pack / str(named) / "bin" / "python"
        if not interpreter.exists():
            raise PreviewError(
                Failure.NO_INTERPRETER,
                f"{file} says `virtualenv: {named}`, but there is no {interpreter}",
                remedy=f"Make it, {LEAVE_OUT}",
            )
        return interpreter
    beside = pack / ".venv" / "bin" / "python"
    return beside if beside.exists() else find_interpreter(project.file.parent, project.runtime_options)


def _refusal(message: str, file: Path, remedy: str) -> SettingsError:
    return SettingsError([Fault(message, file, rule="preview/policy-pack", remedy=remedy)])
