"""The environment that a side runs in: the user's packages, and the side's own modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from plimsoll.checkout.failure import CheckoutError
from plimsoll.checkout.python import Moved, search_path, shadow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a virtual environment in it, which has one package and everything of this one."""
    root = tmp_path_factory.mktemp("project") / "checkout"
    venv.create(root / ".venv", with_pip=False, symlinks=True)
    site = site_of(root / ".venv")
    (site / "installed.py").write_text("WHERE = 'installed'\n")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "everything-of-this.pth").write_text("\n".join(here) + "\n")
    return root


def site_of(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def run(python: Path, code: str, **environment: str) -> object:
    done = subprocess.run(
        [python, "-c", f"import json; {code}"],
        cwd="/",
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


FINDER = """
import os, sys
from importlib.util import spec_from_file_location
MAPPING = {{'wares': '{root}/src/wares', 'added': '{root}/src/added'}}
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        for file in (MAPPING.get(name, '') + '/__init__.py', MAPPING.get(name, '') + '.py'):
            if name in MAPPING and os.path.exists(file):
                return spec_from_file_location(name, file)
def install():
    sys.meta_path.append(Finder)
"""

EDITABLE = {
    "a-folder": lambda site, root: (site / "lib.pth").write_text(f"{root}/src\n"),
    "a-relative-folder": lambda site, _: (site / "lib.pth").write_text("../../../../src\n"),
    "a-finder": lambda site, root: (
        (site / "__editable___lib_finder.py").write_text(FINDER.format(root=root)),
        (site / "__editable__.lib.pth").write_text(
            "import __editable___lib_finder; __editable___lib_finder.install()\n"
        ),
    ),
    "code": lambda site, root: (site / "lib.pth").write_text(
        f"import sys; sys.path.insert(0, '{root}/src')\n"
    ),
}


@pytest.fixture(params=EDITABLE)
def editable(request: pytest.FixtureRequest, project: Path):
    """The project's own package, installed editable in each of the ways that there are."""
    site = site_of(project / ".venv")
    EDITABLE[request.param](site, project)
    yield project
    for file in (*site.glob("lib.pth"), *site.glob("__editable__*")):
        file.unlink()


def write(side: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (side / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (side / "src" / name).write_text(content)


@pytest.fixture
def side(editable: Path, tmp_path: Path) -> Path:
    write(
        editable,
        {"wares/__init__.py": "", "wares/size.py": "SIZE = 'today'\n", "wares/new.py": "", "added.py": ""},
    )
    write(tmp_path / "side", {"wares/__init__.py": "", "wares/size.py": "SIZE = 'then'\n"})
    return tmp_path / "side"


def test_a_module_that_differs_is_the_sides_own(editable: Path, side: Path, tmp_path: Path):
    code = "import wares.size, installed; print(json.dumps([wares.size.SIZE, installed.WHERE]))"
    mine = editable / ".venv/bin/python"
    assert run(mine, code) == ["today", "installed"]
    python = shadow(mine, Moved(editable, side), tmp_path / "python")
    assert run(python, code) == ["then", "installed"]
    assert run(python, "import pulumi, sys; print(json.dumps(sys.prefix))") == str(tmp_path / "python")


@pytest.mark.parametrize("module", ["wares.new", "added"])
def test_a_module_that_only_the_working_tree_has_is_not_there(
    editable: Path, side: Path, tmp_path: Path, module: str
):
    python = shadow(editable / ".venv/bin/python", Moved(editable, side), tmp_path / "python")
    assert str(run(python, f"import {module}")).startswith("ModuleNotFoundError")


def test_a_package_without_init_is_not_the_working_trees_with_one(editable: Path, tmp_path: Path):
    write(editable, {"wares/__init__.py": "", "wares/size.py": "SIZE = 'today'\n"})
    side = tmp_path / "side"
    write(side, {"wares/size.py": "SIZE = 'then'\n"})
    python = shadow(editable / ".venv/bin/python", Moved(editable, side), tmp_path / "python")
    # A finder of an editable install that knows packages only does not find it; a path does.
    found = run(python, "import wares.size; print(json.dumps(wares.size.SIZE))")
    assert found in ("then", "ModuleNotFoundError: No module named 'wares'")


def test_the_users_environment_is_not_written(editable: Path, side: Path, tmp_path: Path):
    before = sorted(editable.rglob("*"))
    shadow(editable / ".venv/bin/python", Moved(editable, side), tmp_path / "python")
    assert sorted(editable.rglob("*")) == before


def test_pythonpath_is_moved_but_for_what_is_elsewhere():
    moved = Moved(Path("/shop"), Path("/side"), (Path("/shop/.venv"),))
    assert (
        search_path({"PYTHONPATH": "/shop/src:/opt/x::/shop/.venv/y"}, moved)
        == "/side/src:/opt/x::/shop/.venv/y"
    )
    assert search_path({}, moved) is None


def test_text_moves_whole_folders_only():
    moved = Moved(Path("/shop"), Path("/side"), (Path("/shop/.venv"),))
    source = """M = {'a': '/shop/src/a', "b": "/shopping/b", 'c': '/shop/.venv/c', 'd': '/shop'}"""
    expected = """M = {'a': '/side/src/a', "b": "/shopping/b", 'c': '/shop/.venv/c', 'd': '/side'}"""
    assert moved.text(source) == expected


def script(folder: Path, text: str) -> Path:
    file = folder / "python"
    file.write_text(text)
    file.chmod(0o755)
    return file


def bare(folder: Path) -> Path:
    venv.create(folder / "bare", with_pip=False, symlinks=True)
    return folder / "bare" / "bin" / "python"


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda folder: folder / "nowhere", "checkout/interpreter"),
        (lambda folder: script(folder, "#!/bin/sh\necho broken >&2; exit 3\n"), "checkout/interpreter"),
        (lambda folder: script(folder, "#!/bin/sh\necho hello\n"), "checkout/interpreter"),
        (bare, "checkout/no-pulumi"),
    ],
    ids=["absent", "fails", "is-no-python", "has-no-sdk"],
)
def test_an_interpreter_of_no_use_is_refused(make, rule: str, tmp_path: Path):
    with pytest.raises(CheckoutError) as caught:
        shadow(make(tmp_path), Moved(tmp_path, tmp_path), tmp_path / "python")
    assert (caught.value.rule, bool(caught.value.remedy)) == (rule, True)
