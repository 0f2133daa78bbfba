"""`plimsoll cloud`: plain commands on the engine and a local cloud that lasts; the user's files stay."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.rehearse.conftest import Repository
from tests.rehearse.test_interrupted import belonging_to

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Ran = subprocess.CompletedProcess[str]


class Cloud:
    """`plimsoll cloud` in a project's folder, whose state lives in a folder of the test's own."""

    def __init__(self, repository: Repository, home: Path) -> None:
        self.repository = repository
        self.home = home
        self.variables = {**os.environ, "PLIMSOLL_HOME": str(home), "PULUMI_STACK": "another"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "plimsoll", "cloud", *arguments]

    def run(self, *arguments: str) -> Ran:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.repository.root,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def folder(self) -> Path:
        [folder] = (self.home / "cloud").glob("garden-*/dev")
        return folder


@pytest.fixture
def cloud(foreign: Callable[[str], Repository], tmp_path: Path) -> Cloud:
    return Cloud(foreign("garden"), tmp_path / "home")


@pytest.mark.engine
def test_a_damaged_state_is_said_and_recover_is_reached(cloud: Cloud):
    assert cloud.run("dev", "--", "pulumi", "up", "--yes", "--skip-preview").returncode == 0
    sidecar = cloud.folder / "backend/.pulumi/stacks/garden/dev.json.attrs"
    sidecar.write_bytes(b"")
    ran = cloud.run("dev", "--", "true")
    assert ran.returncode == 0
    assert f"{sidecar} is damaged" in ran.stderr
    assert "plimsoll cloud dev -- plimsoll recover dev --yes" in ran.stderr
    recover = ("dev", "--", sys.executable, "-m", "plimsoll", "recover", "dev", "--yes")
    ran = cloud.run(*recover)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert cloud.run("dev", "--", "pulumi", "preview", "--expect-no-changes").returncode == 0


def in_readme() -> list[list[str]]:
    """The arguments of each `plimsoll cloud` that README shows."""
    lines = re.findall(r"^\$ plimsoll cloud (.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.engine
def test_what_readme_says_and_the_checkout_is_as_before(cloud: Cloud):
    up, again, output, anew = in_readme()
    before = cloud.repository.fingerprint()
    ran = cloud.run(*up)
    assert (ran.returncode, " created" in ran.stdout) == (0, True), ran.stderr
    ran = cloud.run(*again)
    assert (ran.returncode, " unchanged" in ran.stdout) == (0, True), ran.stderr
    assert cloud.run(*output).returncode == 0
    assert cloud.repository.fingerprint() == before
    # An edit in the checkout is seen at once; what a command sets is in a copy only, and forgotten.
    rules = cloud.repository.root / "src/garden/rules.txt"
    written = rules.read_text("utf-8")
    rules.write_text("no stones, no fire\n", "utf-8")
    assert cloud.run(*again).returncode == 7
    assert cloud.run("dev", "--", "pulumi", "config", "set", "garden:gardener", "noor").returncode == 0
    assert "noor" not in cloud.run("dev", "--", "pulumi", "config").stdout
    rules.write_text(written, "utf-8")
    assert cloud.repository.fingerprint() == before
    ran = cloud.run(*anew)
    assert (ran.returncode, " to create" in ran.stdout, " unchanged" in ran.stdout) == (0, True, False)


@pytest.mark.engine
def test_encrypted_values_are_placeholders_and_other_stacks_are_copies_too(cloud: Cloud):
    stacks = cloud.repository.root / "environments"
    secret = "config:\n  garden:beds: 2\n  garden:gardener:\n    secure: v1:aaaa:bbbb\n"
    (stacks / "Pulumi.dev.yaml").write_text(f"secretsprovider: gcpkms://x\n{secret}", "utf-8")
    before = cloud.repository.fingerprint()
    ran = cloud.run("dev", "--", "pulumi", "config", "get", "garden:gardener")
    assert (ran.returncode, ran.stdout.startswith("undecryptable-secret-")) == (0, True), ran.stderr
    assert cloud.run("dev", "--", "pulumi", "stack", "init", "prod").returncode == 0
    assert cloud.repository.fingerprint() == before
    assert (cloud.folder / "passphrase").stat().st_mode & 0o077 == 0


@pytest.mark.engine
def test_the_exit_code_and_the_streams_are_the_commands(cloud: Cloud):
    ran = cloud.run("dev", "--", "sh", "-c", "pwd; ls; echo no >&2; exit 5")
    assert (ran.returncode, ran.stderr) == (5, "no\n")
    assert ran.stdout.splitlines()[0] == str(cloud.folder / "checkout")
    assert "Pulumi.yaml" in ran.stdout
    assert cloud.run("dev", "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9


def test_without_a_command_it_says_what_to_do(cloud: Cloud):
    ran = cloud.run("dev")
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "dev does not stand yet")
    assert "plimsoll cloud dev -- pulumi up" in ran.stdout


@pytest.mark.engine
@pytest.mark.parametrize(
    ("arguments", "rule", "says"),
    [
        (("nowhere", "--", "true"), "cloud/environment", "known here: dev, prod"),
        (("nowhere", "--reset"), "cloud/environment", "known here: dev, prod"),
        (("..", "--reset"), "cloud/environment", "known here: dev, prod"),
        (("../a", "--reset"), "stack/name", "name it alone: a"),
        (("dev", "--", "absent-command"), "cloud/command", "absent-command cannot be started"),
        (("dev", "--state", "/proc/plimsoll", "--", "true"), "cloud/state", "cannot be written"),
        (("dev", "--state", ".", "--", "true"), "cloud/state", "holds other files"),
        (("dev", "--state", ".", "--reset"), "cloud/state", "holds other files"),
    ],
)
def test_wrong_input_is_one_error_and_nothing_is_lost(
    cloud: Cloud, arguments: tuple[str, ...], rule: str, says: str
):
    before = cloud.repository.fingerprint()
    ran = cloud.run(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert [line.split()[0] for line in ran.stderr.splitlines()].count("error") == 1, ran.stderr
    assert rule in ran.stderr
    assert says in ran.stderr
    assert cloud.repository.fingerprint() == before


@contextmanager
def at_work(cloud: Cloud, mark: str, script: str) -> Generator[subprocess.Popen[str]]:
    """A command that has said its first line."""
    process = subprocess.Popen(
        cloud.command("dev", "--", "sh", "-c", script),
        cwd=cloud.repository.root,
        env={**cloud.variables, "CLOUD_MARK": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


SLOW = "import pulumi, pulumi_random, time\npulumi_random.RandomPet('one')\nprint('slow')\ntime.sleep(60)\n"


@pytest.mark.engine
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")
def test_at_a_terminal_the_command_reads_the_keyboard_and_ctrl_c_ends_it_well(cloud: Cloud):
    cloud.repository.write({"src/garden/__main__.py": SLOW})
    mark = f"{os.getpid()}-cloud-terminal"
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(cloud.repository.root)
        variables = {**cloud.variables, "CLOUD_MARK": mark}
        script = "read line; echo typed $line; exec pulumi up --yes --skip-preview"
        os.execve(sys.executable, cloud.command("dev", "--", "sh", "-c", script), variables)  # noqa: S606
    os.write(terminal, b"hello\n")
    seen = until(terminal, b"slow")
    assert b"typed hello" in seen
    os.write(terminal, b"\x03")
    seen = until(terminal, b"no process of it is left")
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGINT
    assert left_of(mark) == []
    cloud.repository.git("checkout", "src/garden/__main__.py")
    assert cloud.run("dev", "--", "pulumi", "up", "--yes", "--skip-preview").returncode == 0


def until(terminal: int, text: bytes) -> bytes:
    """What a terminal shows until a text has appeared."""
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 1024)
    return seen


def left_of(mark: str) -> list[str]:
    """What still runs, once what was killed a moment ago is gone."""
    deadline = time.monotonic() + 5
    while (left := belonging_to(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.engine
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_told_to_end_it_leaves_nothing_running_and_no_lock(cloud: Cloud, number: signal.Signals):
    cloud.repository.write({"src/garden/__main__.py": SLOW})
    mark = f"{os.getpid()}-cloud-{number}"
    # With something that left the session, as a daemon does.
    script = "setsid sleep 60 & echo begun; exec pulumi up --yes --skip-preview"
    with at_work(cloud, mark, script) as process:
        assert process.stdout is not None
        while "slow" not in process.stdout.readline():
            pass
        refused = cloud.run("dev", "--", "true")
        assert (refused.returncode, "cloud/in-use" in refused.stderr) == (2, True)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number
    assert "interrupted by" in err
    assert "Traceback" not in err
    assert left_of(mark) == []
    # The engine wrote its state and let go of the stack.
    cloud.repository.git("checkout", "src/garden/__main__.py")
    ran = cloud.run("dev", "--", "pulumi", "up", "--yes", "--skip-preview")
    assert ran.returncode == 0, ran.stdout + ran.stderr
