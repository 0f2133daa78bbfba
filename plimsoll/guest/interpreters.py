"""Which interpreter runs a program or a policy pack, and how to install what it needs.

As Pulumi's own Python host decides it, with one addition: a virtual environment that nobody names, but that
lies beside the project, is used, as `plimsoll preview` does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class HostError(Exception):
    """What the user has to mend, in words: what is wrong, and what to do."""


def find_python(root: Path, program: Path, options: Mapping[str, Any]) -> Path:
    """The interpreter of a project (or policy pack) in `root`, with its `runtime.options`.

    A `virtualenv` is taken relative to `root`. Else Poetry is asked where `toolchain: poetry` says so; else
    it is a `.venv` or `venv` beside the program or in a folder above it, up to `root` (with `toolchain: uv`,
    whose workspaces may be larger, up to the top); else `PULUMI_PYTHON_CMD`, `python3` or `python` on PATH.
    Raises HostError where there is none.
    """
    named, toolchain = options.get("virtualenv"), str(options.get("toolchain", "")).lower()
    if named:
        python = root / str(named) / "bin" / "python"
        if not python.exists():
            raise HostError(
                f"`virtualenv: {named}` is named, but there is no {python}. Make it: pulumi install"
            )
        return python
    if toolchain == "poetry":
        return _ask_poetry(program)
    for folder in (program, *program.parents):
        for name in (".venv", "venv"):
            python = folder / name / "bin" / "python"
            if python.exists():
                return python
        if folder == root and toolchain != "uv":
            break
    wanted = os.environ.get("PULUMI_PYTHON_CMD")
    for command in [wanted] if wanted is not None else ["python3", "python"]:
        found = shutil.which(command)
        if found is not None:
            return Path(found)
    raise HostError(
        f"there is no Python for {root}: name its virtual environment in `runtime.options.virtualenv`, "
        "or put python3 on PATH"
    )


def _ask_poetry(program: Path) -> Path:
    try:
        asked = subprocess.run(
            ["poetry", "env", "info", "--executable"],  # noqa: S607 (the user's own, wherever it is)
            cwd=program,
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise HostError("`toolchain: poetry` is named, but there is no `poetry` on PATH") from None
    except subprocess.CalledProcessError as failure:
        raise HostError(f"Poetry has no environment for {program}: {failure.stderr.strip()}") from None
    return Path(asked.stdout.strip())


def activated(environment: Mapping[str, str], python: Path) -> dict[str, str]:
    """The environment with the interpreter's virtual environment activated, if it is in one."""
    folder = python.parent.parent
    if not (folder / "pyvenv.cfg").exists():
        return dict(environment)
    changed = {name: value for name, value in environment.items() if name != "PYTHONHOME"}
    changed["VIRTUAL_ENV"] = str(folder)
    changed["PATH"] = os.pathsep.join(filter(None, [str(python.parent), environment.get("PATH")]))
    return changed


def install_commands(
    root: Path, program: Path, options: Mapping[str, Any]
) -> Iterator[tuple[Sequence[str | Path], dict[str, str]]]:
    """The commands, each with what it adds to the environment, that install what a program needs.

    As Pulumi's own host: uv and Poetry do it their way; pip makes the named virtual environment where there
    is none, and installs `requirements.txt` beside the program. Raises HostError.
    """
    toolchain = str(options.get("toolchain", "")).lower()
    named = options.get("virtualenv")
    if toolchain == "uv":
        yield ["uv", "sync"], {"UV_PROJECT_ENVIRONMENT": str(root / str(named))} if named else {}
        return
    if toolchain == "poetry":
        yield ["poetry", "install", "--no-ansi"], {}
        return
    if named and not (root / str(named) / "bin" / "python").exists():
        yield [find_python(root, root, {}), "-m", "venv", root / str(named)], {}
    if (program / "requirements.txt").exists():
        python = find_python(root, program, options)
        yield [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", "requirements.txt"], {}
