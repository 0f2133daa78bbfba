"""Which engine is used: the user's own, else ours, and only what is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.engine import cache, host
from plimsoll.engine.cache import Origin
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.find import find
from plimsoll.engine.install import install
from plimsoll.engine.pinned import Version, parse_version, pinned
from tests.engine.stand_ins import executable, pulumi


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0", (3, 259, 0)),
        ("3.259.0\n", (3, 259, 0)),
        ("v3.260.0-alpha.1771234567+0123abc", (3, 260, 0)),
        ("v3.259.0+dirty", (3, 259, 0)),
    ],
)
def test_versions_as_pulumi_writes_them(text: str, version: tuple[int, int, int]):
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "3.259", "latest", "v3.259.0 (beta)", "v3.259.0\nupgrade now"])
def test_what_is_no_version(text: str):
    with pytest.raises(EngineError) as refused:
        parse_version(text)
    assert refused.value.failure is Failure.BROKEN


numbers = st.integers(min_value=0, max_value=10**6)


@given(numbers, numbers, numbers)
def test_a_version_is_read_as_it_is_written(major: int, minor: int, patch: int):
    version = Version(major, minor, patch)
    assert parse_version(f"v{version}") == version


def test_what_is_brought_is_new_enough():
    assert pinned().version >= pinned().minimum
    assert f"/v3 v{pinned().version}" in Path(cache.__file__).with_name("go").joinpath("go.mod").read_text()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"PLIMSOLL_HOME": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/plimsoll"),
        ({"PLIMSOLL_HOME": "", "XDG_CACHE_HOME": "", "HOME": "/c"}, "/c/.cache/plimsoll"),
    ],
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str):
    for name in ("PLIMSOLL_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache.home() == Path(folder)


def brought(origin: Origin) -> Path:
    """An engine in the cache, as an install leaves it."""
    folder = cache.engine_folder(pinned().version)
    pulumi(folder / "bin" / "pulumi")
    if origin is Origin.OFFICIAL:
        executable(folder / "bin" / host.NAME, "exit 0")
    cache.seal(folder, pinned().version, origin)
    return folder


@pytest.mark.usefixtures("bare")
class TestWithoutPulumiOnPath:
    def test_there_is_none(self):
        with pytest.raises(EngineError, match="plimsoll engine install") as refused:
            find()
        assert refused.value.failure is Failure.MISSING

    def test_one_that_was_built_has_our_language_host_beside_it(self):
        folder = brought(Origin.SOURCE)
        found = find()
        assert (found.path, found.version, found.origin) == (
            folder / "bin" / "pulumi",
            pinned().version,
            Origin.SOURCE,
        )
        assert found.host is None
        assert (folder / "bin" / host.NAME).read_text("utf-8") == host.launcher(sys.executable)
        assert os.access(folder / "bin" / host.NAME, os.X_OK)

    def test_a_launcher_of_another_checkout_stays_as_long_as_that_is_there(self, tmp_path: Path):
        folder = brought(Origin.SOURCE)
        other = executable(tmp_path / "another's $HOME" / "python", "exit 0")
        executable(folder / "bin" / host.NAME, "").write_text(host.launcher(str(other)), "utf-8")
        find()
        assert (folder / "bin" / host.NAME).read_text("utf-8") == host.launcher(str(other))
        other.unlink()
        find()
        assert (folder / "bin" / host.NAME).read_text("utf-8") == host.launcher(sys.executable)

    def test_a_launcher_of_another_version_is_replaced(self):
        folder = brought(Origin.SOURCE)
        executable(folder / "bin" / host.NAME, "exec /gone/python")
        find()
        assert (folder / "bin" / host.NAME).read_text("utf-8") == host.launcher(sys.executable)

    def test_an_official_one_keeps_its_own(self):
        folder = brought(Origin.OFFICIAL)
        before = (folder / "bin" / host.NAME).read_bytes()
        assert find().origin is Origin.OFFICIAL
        assert (folder / "bin" / host.NAME).read_bytes() == before

    @pytest.mark.parametrize("name", ["bin/pulumi", f"bin/{host.NAME}"])
    def test_a_changed_file_is_noticed(self, name: str):
        file = brought(Origin.OFFICIAL) / name
        file.write_text(file.read_text("utf-8") + "#", "utf-8")
        with pytest.raises(EngineError, match=name) as refused:
            find()
        assert refused.value.failure is Failure.CORRUPT

    def test_a_missing_file_is_noticed(self):
        (brought(Origin.SOURCE) / "bin" / "pulumi").unlink()
        with pytest.raises(EngineError, match="is missing"):
            find()

    @pytest.mark.parametrize(
        "text",
        [
            *("", "{", "[]", "{}", '{"version": "3.259.0", "origin": "elsewhere", "sha256": {}}'),
            json.dumps({"version": "3.259.0", "origin": "source", "sha256": {}}),
        ],
    )
    def test_a_broken_manifest_is_noticed(self, text: str):
        (brought(Origin.SOURCE) / cache.MANIFEST).write_text(text, "utf-8")
        with pytest.raises(EngineError, match="manifest") as refused:
            find()
        assert refused.value.failure is Failure.CORRUPT


class TestWithPulumiOnPath:
    def test_it_is_used_before_ours(self, bare: Path):
        brought(Origin.SOURCE)
        command = pulumi(bare / "pulumi", "3.300.1")
        executable(bare / host.NAME, "exit 0")
        found = find()
        assert (found.path, found.version, found.origin) == (command, (3, 300, 1), Origin.PATH)
        assert found.host is None

    def test_our_language_host_helps_one_that_has_none(self, bare: Path):
        pulumi(bare / "pulumi")
        found = find()
        assert found.host == cache.home() / "host"
        assert found.language_host == (found.host / host.NAME, "plimsoll")
        assert (found.host / host.NAME).read_text("utf-8") == host.launcher(sys.executable)

    def test_the_language_host_may_lie_beside_what_a_link_leads_to(self, bare: Path, tmp_path: Path):
        (bare / "pulumi").symlink_to(pulumi(tmp_path / "official" / "pulumi"))
        own = executable(tmp_path / "official" / host.NAME, "exit 0")
        assert find().host is None
        assert find().language_host == (own, "pulumi")

    def test_ours_on_path_is_still_checked(self, bare: Path):
        folder = brought(Origin.SOURCE)
        (bare / "pulumi").symlink_to(folder / "bin" / "pulumi")
        assert find().origin is Origin.SOURCE
        pulumi(folder / "bin" / "pulumi", "3.999.0")
        with pytest.raises(EngineError) as refused:
            find()
        assert refused.value.failure is Failure.CORRUPT

    def test_one_that_is_too_old_is_refused(self, bare: Path):
        major, minor, _ = pinned().minimum
        pulumi(bare / "pulumi", f"{major}.{minor - 1}.9")
        with pytest.raises(EngineError, match=str(pinned().minimum)) as refused:
            find()
        assert refused.value.failure is Failure.TOO_OLD

    def test_the_oldest_that_is_accepted(self, bare: Path):
        pulumi(bare / "pulumi", str(pinned().minimum))
        assert find().version == pinned().minimum

    @pytest.mark.parametrize("does", ["exit 3", "kill -9 $$"])
    def test_one_that_does_not_run_is_refused(self, bare: Path, does: str):
        executable(bare / "pulumi", does)
        with pytest.raises(EngineError, match="Reinstall Pulumi") as refused:
            find()
        assert refused.value.failure is Failure.BROKEN

    @pytest.mark.parametrize(
        ("does", "says"),
        [("echo hello; echo you", "'hello'"), ("echo what? >&2", "'what?'"), ("", "'nothing'")],
    )
    def test_one_that_is_something_else_is_refused(self, bare: Path, does: str, says: str):
        command = executable(bare / "pulumi", does)
        with pytest.raises(EngineError) as refused:
            find()
        assert refused.value.failure is Failure.BROKEN
        assert refused.value.message == (
            f"{command} is not Pulumi, or a broken one: asked for its version it says {says}"
        )
        assert refused.value.remedy.startswith("take it off PATH and run `plimsoll engine install`")


@pytest.mark.usefixtures("bare")
class TestAHomeThatCannotBeUsed:
    def test_a_file_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("PLIMSOLL_HOME", str(tmp_path / "file" / "below"))
        for asks in (find, lambda: install(lambda _: None)):
            with pytest.raises(EngineError) as refused:
                asks()
            assert refused.value.failure is Failure.HOME
            assert refused.value.message == f"{tmp_path / 'file'} is a file, and no folder"
            assert "export PLIMSOLL_HOME=FOLDER" in refused.value.remedy

    @pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="needs a folder that not even root writes to"
    )
    def test_one_that_cannot_be_written(self, bare: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PLIMSOLL_HOME", "/proc/plimsoll")
        pulumi(bare / "pulumi")  # without a host of its own, which then is to be written
        for asks in (find, lambda: install(lambda _: None)):
            with pytest.raises(EngineError, match=r"/proc/plimsoll.* cannot be written: ") as refused:
                asks()
            assert refused.value.failure is Failure.HOME
        (bare / "pulumi").unlink()
        with pytest.raises(EngineError, match=r"/proc/plimsoll.* cannot be written: "):
            install(lambda _: None)


@pytest.mark.parametrize("gone", [False, True])
def test_checkouts_that_share_an_engine_get_their_own_hosts(tmp_path: Path, *, gone: bool):
    """By the variable; else by the active environment; else whoever came first."""
    first, _, named = (
        executable(tmp_path / name / "bin" / "python", f"echo {name} $4")
        for name in ("first", "active", "named")
    )
    executable(tmp_path / "active" / "bin" / "plimsoll", "")
    command = executable(tmp_path / "engine" / host.NAME, "")
    command.write_text(host.launcher(str(first)), "utf-8")
    if gone:
        first.unlink()
    environments: dict[str, dict[str, str]] = {
        "named": {host.INTERPRETER: str(named), "VIRTUAL_ENV": str(tmp_path / "active")},
        "active": {"VIRTUAL_ENV": str(tmp_path / "active")},
        "first": {"VIRTUAL_ENV": str(tmp_path / "named")},  # an environment without Plimsoll
    }
    running = {
        name: subprocess.Popen([command, "address"], env=variables, text=True, stdout=-1, stderr=-1)
        for name, variables in environments.items()
    }
    said = {name: process.communicate() for name, process in running.items()}
    assert [said[name] for name in ("named", "active")] == [("named address\n", ""), ("active address\n", "")]
    if gone:
        assert (running["first"].returncode, "plimsoll engine install" in said["first"][1]) == (1, True)
    else:
        assert said["first"] == ("first address\n", "")
