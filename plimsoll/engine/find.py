"""Find the engine: `pulumi` on PATH, else the one that Plimsoll brought. Brings nothing (see `install`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plimsoll.engine import cache, host
from plimsoll.engine.cache import Origin
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.pinned import Version, parse_version, pinned

VERSION_TIMEOUT: Final = 30.0
"""Seconds for `pulumi version`, which takes 0.1."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An engine that can be run.

    `host` is a folder with our Python language host that must stand on PATH, for an engine on the user's PATH
    that has none; None where the engine finds one without help.
    """

    path: Path
    version: Version
    origin: Origin
    host: Path | None = None

    @property
    def language_host(self) -> tuple[Path | None, str]:
        """The Python language host that the engine starts, as it looks for one, and whose it is."""
        if self.host is not None:
            return self.host / host.NAME, "plimsoll"
        on_path = shutil.which(host.NAME)
        beside = self.path.resolve().parent / host.NAME
        found = Path(on_path) if on_path is not None else beside if beside.exists() else None
        return found, "plimsoll" if found is not None and host.is_ours(found) else "pulumi"


def find() -> Installation:
    """The engine that is used here.

    Raises EngineError: MISSING where there is none, TOO_OLD where the one on PATH is, CORRUPT where ours is
    not what was put there, BROKEN where it does not run, HOME where our folder is none or cannot be written.
    """
    return find_on_path() or find_in_cache()


def find_on_path() -> Installation | None:
    """`pulumi` on PATH, if there is one; its age is checked. Raises EngineError."""
    command = shutil.which("pulumi")
    if command is None:
        return None
    path = Path(command).absolute()
    if path.resolve() == (cache.engine_folder(pinned().version) / "bin" / "pulumi").resolve():
        return None  # ours: it is checked as such
    version = ask_version(path)
    if version < pinned().minimum:
        raise EngineError(
            Failure.TOO_OLD,
            f"{path} is Pulumi {version}, and Plimsoll needs {pinned().minimum} or newer",
            "update it (pulumi.com/docs/install), or take it off PATH and run: plimsoll engine install",
        )
    own = shutil.which(host.NAME) is not None or (path.resolve().parent / host.NAME).exists()
    return Installation(path, version, Origin.PATH, None if own else _own_host())


def _own_host() -> Path:
    return host.set_host(cache.home() / "host").parent


def find_in_cache() -> Installation:
    """The engine that Plimsoll brought, its files checked. Raises EngineError."""
    version = pinned().version
    folder = cache.engine_folder(version)
    if not folder.exists():
        cache.check_home()
        raise EngineError(
            Failure.MISSING,
            f"there is no `pulumi` on PATH, and none in {folder}",
            "bring it: plimsoll engine install",
        )
    manifest = cache.verify(folder)
    if manifest.origin is Origin.SOURCE:
        host.set_host(folder / "bin")
    return Installation(folder / "bin" / "pulumi", version, manifest.origin)


def ask_version(command: Path) -> Version:
    """What `pulumi version` says. Raises EngineError where it does not run."""
    try:
        asked = subprocess.run(
            [command, "version"],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise EngineError(
            Failure.BROKEN, f"{command} does not run: {said}".strip(), "reinstall Pulumi"
        ) from None
    try:
        return parse_version(asked.stdout)
    except EngineError:
        said = (asked.stdout.strip() or asked.stderr.strip() or "nothing").splitlines()[0][:80]
        raise EngineError(
            Failure.BROKEN,
            f"{command} is not Pulumi, or a broken one: asked for its version it says {said!r}",
            "take it off PATH and run `plimsoll engine install`, or reinstall it (pulumi.com/docs/install)",
        ) from None
