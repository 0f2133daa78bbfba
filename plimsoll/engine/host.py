"""Our Python language host (`plimsoll.guest.language_host`) as the engine looks for it: an executable."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "pulumi-language-python"
"""What the engine looks for: beside the `pulumi` that runs (symbolic links followed), and on PATH."""


def launcher() -> str:
    """The script that starts the host under the interpreter that runs this.

    That interpreter has Plimsoll, the SDK and gRPC; programs run under their own. Should it be gone, the
    script says so.
    """
    python = shlex.quote(sys.executable)
    return f"""#!/bin/sh
# Pulumi's language host for Python, set here by Plimsoll. `plimsoll engine install` writes it anew.
if [ ! -x {python} ]; then
  echo "The Plimsoll that set this language host is gone. Set it anew: plimsoll engine install" >&2
  exit 1
fi
exec {python} -P -m plimsoll.guest.language_host "$@"
"""


def set_host(folder: Path) -> Path:
    """Write the launcher into a folder, whole and at once, unless it is there already."""
    file, text = folder / NAME, launcher()
    if file.is_file() and os.access(file, os.X_OK) and file.read_text("utf-8") == text:
        return file
    folder.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{NAME}-{os.getpid()}")
    staged.write_text(text, "utf-8")
    staged.chmod(0o755)
    return staged.replace(file)
