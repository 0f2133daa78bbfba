"""What a killed `up` leaves behind: explained, cleared, and gone on from, on the real engine."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from plimsoll.cli import app
from plimsoll.engine.checkpoint import State, emptied, file_backend, find_damage, read_state
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.find import find
from plimsoll.engine.locks import Lock
from plimsoll.engine.recovery import FATES, Condition, Pending, ask_for_locks, pending_of, refusal
from plimsoll.engine.run import Engine, Workspace
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.faults import parse_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.engine.conftest import Project

ACCOUNTS = """
import pulumi, pulumi_gcp as gcp
google = gcp.Provider("google", project="example", region="europe-west1")


class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("a:b:Team", name)


inside = dict(provider=google, parent=Team("team"))
first = gcp.serviceaccount.Account("first", account_id="first-account", opts=pulumi.ResourceOptions(**inside))
gcp.serviceaccount.Account(
    "second", account_id="second-account", opts=pulumi.ResourceOptions(depends_on=[first], **inside)
)
"""
WIDE = {"COLUMNS": "400"}
"""A terminal in which no sentence is broken, however long a path is."""
SECOND = "projects/example/serviceAccounts/second-account@example.iam.gserviceaccount.com"


class Stack:
    """A stack of two accounts in a local cloud, and the commands that a user would type there."""

    def __init__(self, folder: Path, cloud: LocalCloud, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "project"
        self.backend = folder / "backend"
        self.cloud = cloud
        self.folder.mkdir()
        own = Engine(
            find(),
            Workspace(
                backend=self.backend, home=folder / "home", passphrase="x", environment=cloud.environment
            ),
        )
        for name, value in own.environment().items():
            patch.setenv(name, value)
        (self.folder / "Pulumi.yaml").write_text(
            f"name: tiny\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
        )
        (self.folder / "__main__.py").write_text(ACCOUNTS)
        self.engine = Engine(find(), Workspace())
        self.pulumi("stack", "init", "dev")

    def pulumi(self, *arguments: str) -> None:
        self.engine.require([*arguments], cwd=self.folder)

    def recover(self, *arguments: str) -> Result:
        return CliRunner(env=WIDE).invoke(app, ["recover", "dev", *arguments, "-C", str(self.folder)])

    def killed_up(self, *signals: signal.Signals) -> int:
        """Begin an `up`, end it while it creates the second account, and give its exit code."""
        process = subprocess.Popen(
            [self.engine.installation.path, "up", "--yes", "--skip-preview", "--stack", "dev"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not self.cloud.faults.struck:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(0.2)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        return process.wait(60)

    def finishes(self) -> None:
        """The next `up` finishes, and a preview after it is empty."""
        self.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
        ran = self.engine.run(["preview", "--expect-no-changes", "--stack", "dev"], cwd=self.folder)
        assert ran.exit_code == 0, ran.stdout
        assert len(self.cloud.records) == 2


@contextmanager
def standing(folder: Path, fault: str) -> Generator[Stack]:
    with (
        pytest.MonkeyPatch.context() as patch,
        LocalCloud(
            interpreter=Path(sys.executable), state=folder / "cloud.jsonl", faults=[parse_fault(fault)]
        ) as cloud,
    ):
        yield Stack(folder, cloud, patch)


@pytest.mark.engine
class TestAnUpThatIsKilled:
    def test_when_the_thing_exists_it_is_imported(self, tmp_path: Path):
        with standing(tmp_path, "create:2=slow:1m") as stack:
            assert stack.killed_up(signal.SIGKILL) == -signal.SIGKILL

            explained = stack.recover()
            assert explained.exit_code == 1, explained.output
            assert f"@{socket.gethostname()} (process " in explained.output
            assert "which has ended" in explained.output
            assert "creating second  gcp:serviceaccount/account:Account" in explained.output
            assert "--import second=ID" in explained.output

            locked = stack.engine.run(["up", "--yes", "--stack", "dev"], cwd=stack.folder).failure()
            assert locked is not None
            assert locked.failure is Failure.LOCKED
            assert "which has ended" in locked.message

            cleared = stack.recover("--yes", "--import", f"second={SECOND}", "--json")
            assert cleared.exit_code == 0, cleared.output
            [copy] = json.loads(cleared.stdout)["copies"]
            copied = json.loads(Path(copy).read_text("utf-8"))["deployment"]
            assert [one["type"] for one in copied["pending_operations"]] == ["creating"]
            assert Path(copy).stat().st_mode & 0o777 == 0o600

            before = stack.cloud.records
            stack.finishes()
            assert stack.cloud.records == before, "it was neither made again nor changed"
            assert "nothing to recover from" in stack.recover().output

    def test_when_it_does_not_it_is_created(self, tmp_path: Path):
        with standing(tmp_path, "create:2=stalled:1m") as stack:
            stack.killed_up(signal.SIGKILL)
            cleared = stack.recover("--yes")
            assert cleared.exit_code == 0
            assert "leaving second out: if it exists, the next `pulumi up` is told so (409)" in cleared.output
            stack.finishes()

    def test_one_that_was_left_out_is_imported_afterwards(self, tmp_path: Path):
        with standing(tmp_path, "create:2=slow:1m") as stack:
            stack.killed_up(signal.SIGKILL)
            assert stack.recover("--yes").exit_code == 0
            refused = stack.recover("--yes", "--import", f"third={SECOND}")
            assert (refused.exit_code, "name one of these: second" in refused.output) == (2, True)
            taken = stack.recover("--yes", "--import", f"second={SECOND}")
            assert taken.exit_code == 0, taken.output
            stack.finishes()

    def test_told_to_end_it_finishes_what_it_is_at_and_leaves_nothing(self, tmp_path: Path):
        with standing(tmp_path, "create:2=slow:1s") as stack:
            assert stack.killed_up(signal.SIGTERM) != 0
            explained = stack.recover()
            assert (explained.exit_code, "nothing to recover from" in explained.output) == (0, True)
            stack.finishes()

    @pytest.mark.nightly
    def test_told_twice_it_leaves_what_it_was_at_and_no_lock(self, tmp_path: Path):
        with standing(tmp_path, "create:2=stalled:1m") as stack:
            stack.killed_up(signal.SIGTERM, signal.SIGTERM)
            explained = json.loads(stack.recover("--json").stdout)
            assert (explained["locks"], len(explained["pending"])) == ([], 1)
            assert stack.recover("--yes").exit_code == 0
            stack.finishes()

    @pytest.mark.nightly
    def test_a_wrong_id_is_refused_and_nothing_is_lost(self, tmp_path: Path):
        with standing(tmp_path, "create:2=slow:1m") as stack:
            stack.killed_up(signal.SIGKILL)
            refused = stack.recover("--yes", "--import", "second=projects/example/serviceAccounts/none")
            assert refused.exit_code == 2
            assert "The state as it was: " in refused.output
            assert stack.recover("--yes", "--import", f"second={SECOND}").exit_code == 0
            stack.finishes()


def hold(folder: Path, pid: int, host: str) -> Path:
    """A lock of another process, as the engine writes it."""
    file = folder / ".pulumi/locks/organization/tiny/dev/1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    since = "2026-01-02T03:04:05.678901234Z"
    file.write_text(json.dumps({"pid": pid, "username": "jo", "hostname": host, "timestamp": since}))
    return file


@pytest.fixture
def own(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project, as its user's own: what its backend is stands in the environment."""
    for name, value in project.engine.environment().items():
        monkeypatch.setenv(name, value)
    return project


def recover(project: Project, *arguments: str) -> Result:
    return CliRunner(env=WIDE).invoke(app, ["recover", *(arguments or ("dev",)), "-C", str(project.folder)])


@pytest.mark.engine
class TestWhoeverHoldsTheLock:
    def test_on_another_machine_must_be_known_to_have_ended(self, own: Project):
        assert own.engine.workspace.backend is not None
        file = hold(own.engine.workspace.backend, 1, "build-7")
        [lock] = ask_for_locks(own.engine, "tiny", "dev", cwd=own.folder)
        assert (lock.user, lock.host, lock.pid) == ("jo", "build-7", 1)

        refused = recover(own, "dev", "--yes")
        assert (refused.exit_code, file.exists()) == (2, True)
        assert "jo@build-7 (process 1) since 2026-01-02 03:04:05 UTC" in refused.output
        assert "--force" in refused.output

        forced = json.loads(recover(own, "dev", "--yes", "--force", "the runner is off", "--json").stdout)
        assert not file.exists()
        note = Path(forced["copies"][0]).with_suffix(".note.json")
        assert json.loads(note.read_text("utf-8"))["reason"] == "the runner is off"
        assert ask_for_locks(own.engine, "tiny", "dev", cwd=own.folder) == ()

    def test_and_runs_here_is_never_overruled(self, own: Project):
        assert own.engine.workspace.backend is not None
        file = hold(own.engine.workspace.backend, os.getpid(), socket.gethostname())
        # The lock of a process that runs now, and has run since.
        held = json.loads(file.read_text())
        file.write_text(json.dumps({**held, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))
        refused = recover(own, "dev", "--yes", "--force", "I am sure")
        assert (refused.exit_code, file.exists()) == (2, True)
        assert "which is still running" in refused.output


@pytest.mark.engine
def test_a_damaged_state_is_kept_aside_and_the_last_good_one_comes_back(own: Project):
    own.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert own.engine.workspace.backend is not None
    state = own.engine.workspace.backend / ".pulumi/stacks/tiny/dev.json"
    whole = state.read_bytes()
    for damaged in (whole[:500], b'{"version": 99, "checkpoint": {}}'):
        state.write_bytes(damaged)
        explained = json.loads(recover(own, "dev", "--json").stdout)
        assert explained["damage"]["good"], damaged
        assert explained["damage"]["remedy"].endswith(f"cp {explained['damage']['good']} {state}")
        assert state.read_bytes() == damaged, "a look changes nothing"

        cleared = json.loads(recover(own, "dev", "--yes", "--json").stdout)
        kept, copied = map(Path, cleared["copies"])
        assert kept.parent == state.parent
        assert kept.read_bytes() == damaged
        assert json.loads(copied.read_text("utf-8"))["deployment"]["resources"]
        assert json.loads(state.read_bytes()) == json.loads(whole)
    own.pulumi("preview", "--expect-no-changes", "--stack", "dev")


NO_STACK = b'{"version": 3, "checkpoint": {}}'


WRITTEN = {"manifest": {"time": "2026-11-24T16:10:05.810364268+01:00"}, "resources": [1]}


@pytest.mark.engine
@pytest.mark.parametrize("name", ["stacks/tiny/dev.json.attrs", "stacks/tiny/dev.json.bak.attrs"])
def test_what_lies_damaged_beside_a_whole_state_is_only_kept_aside(own: Project, name: str):
    own.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    assert own.engine.workspace.backend is not None
    sidecar = own.engine.workspace.backend / ".pulumi" / name
    state = own.engine.workspace.backend / ".pulumi/stacks/tiny/dev.json"
    whole = state.read_bytes()
    sidecar.write_bytes(b"")
    explained = recover(own)
    assert (explained.exit_code, f"{sidecar} is damaged" in explained.output) == (1, True)
    cleared = recover(own, "dev", "--yes")
    assert cleared.exit_code == 0, cleared.output
    assert not sidecar.exists()
    assert list(sidecar.parent.glob(f"{sidecar.name}.damaged-*"))
    assert state.read_bytes() == whole
    own.pulumi("preview", "--expect-no-changes", "--stack", "dev")
    assert recover(own).exit_code == 0


@pytest.mark.engine
def test_a_state_that_lost_everything_is_damaged_and_a_destroyed_one_is_not(own: Project):
    assert own.engine.workspace.backend is not None
    state = own.engine.workspace.backend / ".pulumi/stacks/tiny/dev.json"
    new = state.read_bytes()
    assert recover(own).exit_code == 0, "nothing was ever brought up"
    own.pulumi("up", "--yes", "--skip-preview", "--stack", "dev")
    whole = state.read_bytes()
    for damaged in (b"{}", b"null", NO_STACK, new):
        state.write_bytes(damaged)
        explained = recover(own)
        assert (explained.exit_code, "the last good one is of" in explained.output) == (1, True), damaged
    assert recover(own, "dev", "--yes").exit_code == 0
    assert json.loads(state.read_bytes()) == json.loads(whole)
    own.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev")
    assert recover(own).exit_code == 0


@pytest.mark.parametrize(
    ("history", "damaged"),
    [
        ([], False),
        ([{"kind": "destroy", "resourceChanges": {"delete": 4}}], False),
        ([{"kind": "update", "resourceChanges": {}}], False),
        ([{"kind": "update", "resourceChanges": {"create": 4}}], True),
        ([{"kind": "refresh", "resourceChanges": {"same": 4}}], True),
    ],
)
def test_an_empty_state_in_a_bucket_is_told_by_its_history(history: list[dict[str, Any]], *, damaged: bool):
    assert (emptied(history, "gs://acme-state", "tiny", "dev") is not None) is damaged


@pytest.mark.engine
def test_without_a_login_it_says_how_to_log_in(own: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "nobody"))
    refused = recover(own)
    assert (refused.exit_code, "pulumi login gs://BUCKET" in refused.output) == (2, True)


@pytest.mark.engine
def test_a_lock_that_nobody_can_read_asks_for_a_reason_at_once(own: Project):
    assert own.engine.workspace.backend is not None
    hold(own.engine.workspace.backend, 1, "x").write_text("no JSON")
    explained = recover(own)
    assert (explained.exit_code, "--force REASON" in explained.output) == (1, True)


def test_an_import_without_yes_is_no_look(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    refused = CliRunner().invoke(app, ["recover", "dev", "--import", "a=b", "-C", str(tmp_path)])
    assert (refused.exit_code, "--yes" in refused.output) == (2, True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"hello", b"\x1f\x8bzip", b"{}", b"null", NO_STACK])
def test_what_is_no_state(tmp_path: Path, content: bytes):
    file = tmp_path / "dev.json"
    file.write_bytes(content)
    assert read_state(file) is None


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_a_state_says_when_it_was_written(tmp_path: Path, pack: Callable[[bytes], bytes]):
    file = tmp_path / "dev.json"
    file.write_bytes(pack(json.dumps({"checkpoint": {"stack": "dev", "latest": WRITTEN}}).encode()))
    assert read_state(file) == State(datetime(2026, 11, 24, 15, 10, 5, 810364, tzinfo=UTC), 1)
    file.write_bytes(pack(b'{"version": 3, "checkpoint": {"stack": "dev"}}'))
    assert read_state(file) == State(datetime.min.replace(tzinfo=UTC), 0)


@pytest.mark.engine
def test_a_stack_that_is_not_there(own: Project):
    refused = recover(own, "nope")
    assert (refused.exit_code, "known here: dev" in refused.output) == (2, True)
    own.write("Pulumi.nope.yaml", "config: {}\n")
    refused = recover(own, "nope")
    assert refused.exit_code == 2
    assert "there is no stack nope in file://" in refused.output


@pytest.mark.usefixtures("bare")
def test_no_engine(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    refused = CliRunner().invoke(app, ["recover", "dev", "-C", str(tmp_path)])
    assert refused.exit_code == 2
    assert "plimsoll engine install" in refused.output


@pytest.mark.parametrize("written", ["second", "=id", "second=", ""])
def test_what_is_to_be_imported_has_a_name_and_an_id(tmp_path: Path, written: str):
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    refused = CliRunner().invoke(app, ["recover", "dev", "--import", written, "-C", str(tmp_path)])
    assert refused.exit_code == 2
    assert "no NAME=ID" in refused.output


# --- what is pure

GOOGLE = "urn:pulumi:dev::tiny::pulumi:providers:gcp::google"
DEFAULT = "urn:pulumi:dev::tiny::pulumi:providers:gcp::default_10_2_0"


def deployment(provider: str) -> dict[str, Any]:
    resource = {"urn": "urn:pulumi:dev::tiny::a:b:C::it", "type": "a:b:C", "provider": f"{provider}::some-id"}
    return {
        "resources": [{"urn": provider, "inputs": {"version": "10.2.0"}}],
        "pending_operations": [{"type": "creating", "resource": resource}],
    }


def test_a_pending_operation_names_its_explicit_provider_or_the_version_of_a_default_one():
    [through_google] = pending_of(deployment(GOOGLE))
    [through_default] = pending_of(deployment(DEFAULT))
    assert (through_google.provider, through_google.version) == (GOOGLE, "")
    assert (through_default.provider, through_default.version) == ("", "10.2.0")
    assert pending_of({"pending_operations": None}) == ()


@pytest.mark.parametrize("doing", [*FATES, "contemplating"])
def test_every_operation_says_what_becomes_of_its_resource(doing: str):
    assert Pending(doing, "urn::it", "a:b:C").fate.startswith(("may ", "was ", "is "))


CONDITION = Condition("tiny", "dev", "file:///x", (), (Pending("creating", "urn::it", "a:b:C"),), None, 3)


def test_only_an_interrupted_create_is_imported():
    assert refusal(CONDITION, {"it": "id"}, "") is None
    error = refusal(CONDITION, {"that": "id"}, "")
    assert error is not None
    assert error.remedy == "name one of these: it"
    none = refusal(replace(CONDITION, pending=()), {"that": "id"}, "")
    assert none is not None
    assert "pulumi import TYPE that id --stack dev" in none.remedy
    twice = replace(CONDITION, pending=CONDITION.pending * 2)
    assert refusal(twice, {"it": "id"}, "") is not None


def test_a_lock_that_does_not_say_whose_it_is_wants_a_reason():
    held = replace(CONDITION, locks=(Lock(0, "", "", None, "gs://a/lock.json"),))
    error = refusal(held, {}, "")
    assert isinstance(error, EngineError)
    assert "gs://a/lock.json does not say whose lock it is" in error.message
    assert refusal(held, {}, "nobody deploys") is None


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///state", "/state"),
        ("file:///a%20b?no_tmp_dir=true", "/a b"),
        ("file://./state", "/here/state"),
        ("file://~/state", str(Path.home() / "state")),
        ("gs://acme", None),
        ("https://api.pulumi.com/jo", None),
    ],
)
def test_the_folder_of_a_backend(url: str, folder: str | None):
    assert file_backend(url, Path("/here")) == (None if folder is None else Path(folder))


def test_a_damaged_state_in_a_bucket_comes_back_from_its_versions():
    damage = find_damage("failed to load checkpoint: EOF", "gs://acme-state", None, "tiny", "dev")
    assert damage is not None
    assert "--all-versions gs://acme-state/.pulumi/stacks/tiny/dev.json" in damage.remedy
    assert find_damage("could not find credentials", "gs://acme-state", None, "tiny", "dev") is None


def test_a_damaged_state_without_an_older_one_says_so(tmp_path: Path):
    state = tmp_path / ".pulumi/stacks/tiny/dev.json"
    state.parent.mkdir(parents=True)
    state.write_text("{")
    assert read_state(state) is None
    damage = find_damage("failed to load checkpoint", f"file://{tmp_path}", tmp_path, "tiny", "dev")
    assert damage is not None
    assert damage.good is None
    assert "your backups" in damage.remedy
    error = refusal(replace(CONDITION, damage=damage, pending=()), {}, "")
    assert error is not None
    assert error.failure is Failure.CORRUPT
