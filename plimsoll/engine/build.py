"""Build the engine from the Go module in `go/`, with the user's own Go and its caches."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.pinned import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

COMMAND: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE: Final = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
TAGS: Final = "osusergo,grpcnotrace"
"""Pulumi's own build tags, as far as they matter here."""

LAST_LINES: Final = 12
"""Of a build that fails, so many of its last lines are shown."""

_GO_LINE = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an install is. `done` counts what `phase` speaks of, `total` is about how many (0: unknown)."""

    phase: str
    seconds: float
    done: int = 0
    total: int = 0


def sources() -> Mapping[str, str]:
    """The files of our Go module, by name."""
    folder = files("plimsoll.engine").joinpath("go")
    return {name: folder.joinpath(name).read_text("utf-8") for name in ("go.mod", "go.sum", "tools.go")}


def needed_go() -> tuple[int, int]:
    """The version of Go that our go.mod asks for."""
    match = _GO_LINE.search(sources()["go.mod"])
    if match is None:
        raise AssertionError("go.mod names no version of Go")
    return int(match[1]), int(match[2])


def check_go() -> Path:
    """The `go` on PATH. Raises EngineError where there is none, or it is too old."""
    major, minor = needed_go()
    remedy = f"install Go {major}.{minor} or newer (go.dev/dl), or Pulumi itself (pulumi.com/docs/install)"
    found = shutil.which("go")
    if found is None:
        raise EngineError(Failure.UNOBTAINABLE, "there is no `go` on PATH to build Pulumi with", remedy)
    asked = subprocess.run(
        [found, "env", "GOVERSION"],
        cwd="/",  # no folder's go.mod has a say
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = asked.stdout.strip() or asked.stderr.strip()
    match = _GO_VERSION.match(said)
    if match is None:
        raise EngineError(Failure.UNOBTAINABLE, f"{found} does not say its version, but {said!r}", remedy)
    if (int(match[1]), int(match[2])) < (major, minor):
        raise EngineError(Failure.UNOBTAINABLE, f"{found} is {said}, too old to build Pulumi with", remedy)
    return Path(found)


def _environment() -> dict[str, str]:
    """The user's, without what would make this another build; GOPROXY and the caches stay the user's."""
    return {**os.environ, "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}


def build(go: Path, staged: Path, on_progress: Callable[[Progress], None]) -> None:
    """Build `staged/bin/pulumi`: 4 to 5 minutes of two cores the first time.

    What is downloaded is checked against our go.sum. Raises EngineError where the build fails; an exception,
    KeyboardInterrupt included, ends everything that Go started.
    """
    module = staged / "module"
    module.mkdir()
    for name, text in sources().items():
        (module / name).write_text(text, "utf-8")
    version = pinned().version
    process = subprocess.Popen(
        [
            go,
            "build",
            "-v",
            "-mod=readonly",
            "-buildvcs=false",
            "-trimpath",
            f"-tags={TAGS}",
            f"-ldflags=-s -w -X {VERSION_VARIABLE}=v{version}",
            "-o",
            staged / "bin" / "pulumi",
            COMMAND,
        ],
        cwd=module,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        last_lines = _follow(process, on_progress)
        code = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    shutil.rmtree(module)
    if code:
        said = "\n".join(last_lines)
        raise EngineError(
            Failure.UNOBTAINABLE,
            f"`go build` of Pulumi {version} failed with exit code {code}:\n{said}",
            "look at what Go says; or install Pulumi itself (pulumi.com/docs/install)",
        )


def _follow(process: subprocess.Popen[str], on_progress: Callable[[Progress], None]) -> Iterable[str]:
    """Report what Go says as progress; give its last lines."""
    if process.stderr is None:
        raise AssertionError("it was asked for as a pipe")
    began = time.monotonic()
    downloaded = compiled = 0
    last_lines: deque[str] = deque(maxlen=LAST_LINES)
    for line in process.stderr:
        last_lines.append(line.rstrip())
        if line.startswith("go: downloading "):
            downloaded += 1
            progress = Progress("downloading modules", time.monotonic() - began, downloaded)
        else:
            compiled += 1
            progress = Progress("compiling packages", time.monotonic() - began, compiled, pinned().packages)
        on_progress(progress)
    return last_lines
