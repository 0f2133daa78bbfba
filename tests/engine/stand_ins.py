"""Commands of others, as small shell scripts: a `pulumi` that tells its version, a `go` that builds one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from plimsoll.engine.pinned import pinned


def executable(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return file


def pulumi(file: Path, version: str = "") -> Path:
    return executable(file, f"echo v{version or pinned().version}")


def go(folder: Path, *, version: str = "go1.99.0", then: str = "exit 0") -> Path:
    """A `go` whose `build` says what Go says, writes its own arguments to LOG, and then does `then`."""
    built = shlex.quote(f"#!/bin/sh\necho v{pinned().version}\n")
    return executable(
        folder / "go",
        f"""
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "$@" >> {shlex.quote(str(folder / "log"))}
echo "go: downloading github.com/pulumi/pulumi/sdk/v3 v3" >&2
echo "github.com/pulumi/pulumi/sdk/v3" >&2
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
printf %s {built} > "$2"
chmod +x "$2"
{then}""",
    )


def builds(folder: Path) -> int:
    """How often the `go` in a folder has built."""
    log = folder / "log"
    return len(log.read_text("utf-8").splitlines()) if log.exists() else 0


def system_path() -> str:
    """A PATH with the system's commands, but without `pulumi` and `go`."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    kept = [folder for folder in folders if not ((folder / "pulumi").exists() or (folder / "go").exists())]
    return os.pathsep.join(map(str, kept))
