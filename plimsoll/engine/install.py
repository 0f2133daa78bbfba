"""Bring the engine where there is none: by Pulumi's install script if it can be reached, else with Go."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from plimsoll.engine import cache
from plimsoll.engine.build import Progress, build, check_go
from plimsoll.engine.cache import Origin
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.find import Installation, ask_version, find_in_cache, find_on_path
from plimsoll.engine.pinned import pinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REACH: Final = 4.0
"""Seconds in which the install script must arrive; resolving its host's name included."""

LARGEST_SCRIPT: Final = 1_000_000
"""Bytes. The script has about ten thousand."""

SCRIPT_TIMEOUT: Final = 900.0
"""Seconds for the script, which downloads about 150 MB."""


def install(on_progress: Callable[[Progress], None], installer: str = "") -> Installation:
    """The engine that is used here, brought if there is none; again in a second.

    Safe beside another install, and interrupted at any time: nothing half-done is ever found. `installer` is
    the address of the install script, Pulumi's own if it is empty. Raises EngineError.
    """
    found = find_on_path()
    if found is not None:
        return found
    version = pinned().version
    with cache.locked(version, lambda: on_progress(Progress("waiting for another install", 0.0))):
        try:
            return find_in_cache()
        except EngineError as error:
            if error.failure is Failure.CORRUPT:
                on_progress(Progress(f"replacing an engine, because {error.message}", 0.0))
            elif error.failure is not Failure.MISSING:
                raise
        with cache.staging(version) as staged:
            origin = _bring(staged, on_progress, installer or pinned().installer)
            brought = ask_version(staged / "bin" / "pulumi")
            if brought != version:
                message = f"the engine that was brought is {brought}, not {version}"
                raise EngineError(
                    Failure.UNOBTAINABLE, message, "install Pulumi itself (pulumi.com/docs/install)"
                )
            cache.seal(staged, version, origin)
            cache.publish(staged, version)
        return find_in_cache()


def _bring(staged: Path, on_progress: Callable[[Progress], None], installer: str) -> Origin:
    """Fill `staged/bin`, by whichever way is open. Raises EngineError with the reason of each that is not."""
    on_progress(Progress(f"looking for {installer}", 0.0))
    script, reason = fetch_script(installer)
    if script is not None:
        try:
            run_script(script, staged, on_progress)
        except EngineError as error:
            reason = error.message
        else:
            return Origin.OFFICIAL
    try:
        go = check_go()
    except EngineError as error:
        message = f"Pulumi's installer is no way here ({reason}), and {error.message}"
        raise EngineError(Failure.UNOBTAINABLE, message, error.remedy) from None
    on_progress(Progress(f"building from source, because {reason}", 0.0))
    build(go, staged, on_progress)
    return Origin.SOURCE


def fetch_script(address: str, seconds: float = REACH) -> tuple[bytes | None, str]:
    """The install script, or None with the reason why it did not come in time. Proxies are the user's.

    In a thread of its own: resolving a name has no time limit.
    """
    answer: list[tuple[bytes | None, str]] = []

    def fetch() -> None:
        try:
            request = urllib.request.Request(address, headers={"User-Agent": "plimsoll"})  # noqa: S310 (ours)
            with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310 (ours)
                script = response.read(LARGEST_SCRIPT)
        except (OSError, ValueError) as error:
            answer.append((None, f"{address} cannot be reached: {getattr(error, 'reason', error)}"))
            return
        if script.startswith(b"#!"):
            answer.append((script, ""))
        else:
            answer.append((None, f"{address} answered something else than a script"))

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else (None, f"{address} did not answer within {seconds:g} s")


def run_script(script: bytes, staged: Path, on_progress: Callable[[Progress], None]) -> None:
    """Let the install script fill `staged/bin`; it touches nothing else. Raises EngineError."""
    began = time.monotonic()
    progress = Progress(f"installing Pulumi {pinned().version} with its own installer", 0.0)
    on_progress(progress)
    arguments = ["--version", str(pinned().version), "--install-root", str(staged), "--no-edit-path"]
    process = subprocess.Popen(
        ["sh", "-s", "--", *arguments],  # noqa: S607 (the system's shell)
        cwd=staged,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(script, timeout=SCRIPT_TIMEOUT)
    except subprocess.TimeoutExpired:
        message = f"Pulumi's installer did not end within {SCRIPT_TIMEOUT:g} s"
        raise EngineError(Failure.UNOBTAINABLE, message) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode or not (staged / "bin" / "pulumi").is_file():
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        message = f"Pulumi's installer failed with exit code {process.returncode}: {last[0]}"
        raise EngineError(Failure.UNOBTAINABLE, message)
    on_progress(replace(progress, seconds=time.monotonic() - began))
