"""A virtual environment with the packages of the user's, and with the project's own modules from elsewhere.

A project installed editable is found in the user's working tree by whoever imports it, wherever the importer
stands: the commit would be run with today's modules. To put the copy first on PYTHONPATH is not enough:
a module that only the working tree has, or a package that was without `__init__.py`, is still found there.
So the environment here has the user's packages on its path but not the user's `.pth` files; it has copies of
those, in which whatever led into the checkout leads into the copy.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll.checkout.failure import CheckoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROBE: Final = """
import importlib.util, json, os, site, sys
folders = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "base": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    "folders": [folder for folder in folders if os.path.isdir(folder)],
    "pulumi": importlib.util.find_spec("pulumi") is not None,
}))
"""
_IMPORTED: Final = re.compile(r"\bimport\s+([A-Za-z_]\w*)")
_QUOTED: Final = re.compile(r"""(?P<quote>['"])(?P<path>/[^'"\n]*)(?P=quote)""")


@dataclass(frozen=True, slots=True)
class Moved:
    """Where paths into the user's checkout lead instead: below `checkout`, unless into what is installed."""

    root: Path
    checkout: Path
    installed: tuple[Path, ...] = ()

    def path(self, written: str) -> str:
        """`written`, or where it leads instead."""
        path = Path(written)
        for root in {self.root, Path(os.path.realpath(self.root))}:
            if path.is_relative_to(root) and not any(path.is_relative_to(one) for one in self.installed):
                return str(self.checkout / path.relative_to(root))
        return written

    def text(self, source: str) -> str:
        """Source code in which every quoted absolute path leads where `path` says."""
        return _QUOTED.sub(
            lambda found: found["quote"] + self.path(found["path"]) + found["quote"],
            source,
        )


def shadow(interpreter: Path, moved: Moved, folder: Path) -> Path:
    """Make the virtual environment `folder` beside that of `interpreter`, and give its interpreter.

    Raises CheckoutError where the interpreter cannot be asked, or has no Pulumi SDK.
    """
    found = _probe(interpreter, folder.parent)
    folders = tuple(Path(one) for one in found["folders"])
    moved = Moved(moved.root, moved.checkout, (*folders, *(one.resolve() for one in folders)))
    site = folder / "lib" / f"python{found['version']}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in ("python", "python3", f"python{found['version']}"):
        (folder / "bin" / name).symlink_to(found["base"])
    home = Path(found["base"]).parent
    (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n", "utf-8")
    # First on the list by its name, so that the copies below find what they import.
    (site / "00-packages.pth").write_text("".join(f"{one}\n" for one in folders), "utf-8")
    for number, packages in enumerate(folders):
        for file in sorted(packages.glob("*.pth")):
            text = _moved_pth(file.read_text("utf-8", errors="surrogateescape"), packages, site, moved)
            (site / f"{number + 1:02}-{file.name}").write_text(text, "utf-8", errors="surrogateescape")
    return folder / "bin" / "python"


def search_path(environment: Mapping[str, str], moved: Moved) -> str | None:
    """PYTHONPATH with the checkout's folders moved; None where there is none."""
    written = environment.get("PYTHONPATH")
    if written is None:
        return None
    return os.pathsep.join(moved.path(part) if part else part for part in written.split(os.pathsep))


def _probe(interpreter: Path, directory: Path) -> dict[str, Any]:
    remedy = "set `runtime.options.virtualenv` in Pulumi.yaml to the project's virtual environment"
    try:
        done = subprocess.run(
            [interpreter, "-c", _PROBE],
            cwd=directory,
            env={name: value for name, value in os.environ.items() if name != "PYTHONHOME"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        because = said[-1] if said else type(error).__name__
        message = f"{interpreter} cannot be started: {because}"
        raise CheckoutError("checkout/interpreter", message, remedy) from None
    if not found["pulumi"]:
        message = f"{interpreter} has no Pulumi SDK"
        remedy = f"install the project's requirements there: {interpreter} -m pip install -r requirements.txt"
        raise CheckoutError("checkout/no-pulumi", message, remedy)
    return found


def _moved_pth(text: str, packages: Path, site: Path, moved: Moved) -> str:
    """A `.pth` file for `site` that does what it did in `packages`, but for what leads into the checkout.

    An `import` line runs code. Where the module that it names (an editable install's finder) says paths into
    the checkout, `site` gets a copy that says others, and is searched first.
    """
    lines = []
    for line in text.splitlines():
        if line.startswith(("import ", "import\t")):
            for name in _IMPORTED.findall(line):
                _move_module(packages / f"{name}.py", site, moved)
            lines.append(moved.text(line))
        elif line.strip() and not line.startswith("#"):
            lines.append(moved.path(os.path.normpath(packages / line.rstrip())))
    return "".join(f"{line}\n" for line in lines)


def _move_module(file: Path, site: Path, moved: Moved) -> None:
    if not file.is_file():
        return
    source = file.read_text("utf-8", errors="surrogateescape")
    if (changed := moved.text(source)) != source:
        (site / file.name).write_text(changed, "utf-8", errors="surrogateescape")
