"""Our Python language host (`plimsoll.guest.language_host`) as the engine looks for it: an executable."""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, Final

from plimsoll.engine import cache

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "pulumi-language-python"
"""What the engine looks for: beside the `pulumi` that runs (symbolic links followed), and on PATH."""


INTERPRETER: Final = "PLIMSOLL_PYTHON"
"""The variable that names the interpreter whose Plimsoll is at work; `Engine.environment` sets it."""

_DEFAULT: Final = re.compile(r"^default=(.*)$", re.MULTILINE)


def launcher(default: str) -> str:
    """The script that starts the host, under an interpreter that has Plimsoll, the SDK and gRPC.

    Several checkouts share the engine, and each brings its own host: the script takes the interpreter that
    `PLIMSOLL_PYTHON` names, else that of the active virtual environment, if Plimsoll is installed in it, else
    `default`. Should that be gone, the script says so. Programs run under their own.
    """
    return f"""#!/bin/sh
# Pulumi's language host for Python, set here by Plimsoll. `plimsoll engine install` writes it anew.
default={shlex.quote(default)}
python=${INTERPRETER}
if [ -z "$python" ] && [ -x "$VIRTUAL_ENV/bin/plimsoll" ]; then python=$VIRTUAL_ENV/bin/python; fi
if [ -z "$python" ]; then python=$default; fi
if [ ! -x "$python" ]; then
  echo "The Plimsoll whose language host this is, $python, is gone. Set it anew: plimsoll engine install" >&2
  exit 1
fi
exec "$python" -P -m plimsoll.guest.language_host "$@"
"""


def set_host(folder: Path) -> Path:
    """Write the launcher into a folder, whole and at once, unless one that works is there already.

    Whichever checkout came first is its default, as long as that is there. Raises EngineError (HOME) where
    the folder cannot be written.
    """
    file = folder / NAME
    if _works(file):
        return file
    with cache.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        staged = file.with_name(f".{NAME}-{os.getpid()}")
        staged.write_text(launcher(sys.executable), "utf-8")
        staged.chmod(0o755)
        return staged.replace(file)


def is_ours(file: Path) -> bool:
    """Whether a language host is a launcher of ours, of whichever version, and not Pulumi's own program."""
    with file.open("rb") as content:
        return b"set here by Plimsoll" in content.read(200)


def _works(file: Path) -> bool:
    """Whether a launcher of this version is there, and its default interpreter too."""
    if not os.access(file, os.X_OK):
        return False
    text = file.read_text("utf-8", errors="replace")
    found = _DEFAULT.search(text)
    default = "".join(shlex.split(found[1])) if found else ""
    return text == launcher(default) and os.access(default, os.X_OK)
