"""Bringing the engine: by Pulumi's installer, else with Go; once, whole, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from plimsoll.engine import cache, host
from plimsoll.engine.build import Progress, needed_go, sources
from plimsoll.engine.cache import Origin
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.install import fetch_script, install
from plimsoll.engine.pinned import pinned
from tests.engine.stand_ins import builds, go, pulumi

if TYPE_CHECKING:
    from collections.abc import Generator

NOBODY = "http://127.0.0.1:1"
"""Where nothing listens: the internet of a machine that has none."""

SCRIPT = f"""#!/bin/sh
set -e
[ "$1 $2 $3 $5" = "--version {pinned().version} --install-root --no-edit-path" ]
mkdir -p "$4/bin"
printf '#!/bin/sh\\necho v{pinned().version}\\n' > "$4/bin/pulumi"
printf '#!/bin/sh\\n' > "$4/bin/{host.NAME}"
chmod +x "$4/bin/pulumi" "$4/bin/{host.NAME}"
"""


class Server(ThreadingHTTPServer):
    """Answers every request with `answer`, after `delay` seconds."""

    answer = SCRIPT
    delay = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        time.sleep(self.server.delay)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answer.encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Heard(list[Progress]):
    """What an install reported."""

    @property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(progress.phase for progress in self))


def left_over() -> list[Path]:
    return list((cache.home() / "engine").glob(".*"))


class TestWhereTheInternetIsReachable:
    def test_the_official_installer_brings_it_with_its_own_language_host(self, bare: Path, server: Server):
        go(bare)
        found = install(lambda _: None, server.address)
        assert found.origin is Origin.OFFICIAL
        assert (found.path.parent / host.NAME).read_text("utf-8") == "#!/bin/sh\n"
        assert builds(bare) == 0
        assert not left_over()

    def test_an_installer_that_fails_leaves_it_to_go(self, bare: Path, server: Server):
        server.answer = "#!/bin/sh\necho no such release\nexit 4\n"
        go(bare)
        heard = Heard()
        assert install(heard.append, server.address).origin is Origin.SOURCE
        assert any("no such release" in phase for phase in heard.phases)

    @pytest.mark.usefixtures("bare")
    def test_another_version_than_was_asked_for_is_not_kept(self, server: Server):
        server.answer = SCRIPT.replace(f"echo v{pinned().version}", "echo v3.1.0")
        with pytest.raises(EngineError, match=r"3\.1\.0") as refused:
            install(lambda _: None, server.address)
        assert refused.value.failure is Failure.UNOBTAINABLE
        assert not cache.engine_folder(pinned().version).exists()
        assert not left_over()

    def test_a_portal_that_answers_everything_is_no_installer(self, server: Server):
        server.answer = "<html>Please log in</html>"
        script, reason = fetch_script(server.address)
        assert script is None
        assert "something else" in reason

    def test_one_that_keeps_silent_is_not_waited_for(self, server: Server):
        server.delay = 5.0
        script, reason = fetch_script(server.address, seconds=0.2)
        assert script is None
        assert server.address in reason


class TestWhereItIsNot:
    def test_go_builds_it_once(self, bare: Path):
        go(bare)
        heard = Heard()
        found = install(heard.append, NOBODY)
        assert found.origin is Origin.SOURCE
        assert heard.phases[-2:] == ["downloading modules", "compiling packages"]
        assert install(heard.append, NOBODY) == found
        assert builds(bare) == 1
        assert not left_over()

    def test_what_is_built_is_pinned_whole(self, bare: Path):
        go(bare)
        install(lambda _: None, NOBODY)
        arguments = (bare / "log").read_text("utf-8")
        assert "-mod=readonly" in arguments  # or go.sum would not be held
        assert f"version.Version=v{pinned().version}" in arguments
        for module in ("pkg", "sdk"):
            assert f"github.com/pulumi/pulumi/{module}/v3 v{pinned().version} h1:" in sources()["go.sum"]

    @pytest.mark.usefixtures("bare")
    def test_without_go_the_error_says_both_reasons_and_what_to_install(self):
        with pytest.raises(EngineError, match=r"127\.0\.0\.1.*no `go` on PATH") as refused:
            install(lambda _: None, NOBODY)
        assert refused.value.failure is Failure.UNOBTAINABLE
        assert "{}.{}".format(*needed_go()) in refused.value.remedy

    @pytest.mark.parametrize("version", ["go1.20.1", "nonsense"])
    def test_an_older_go_is_refused(self, bare: Path, version: str):
        go(bare, version=version)
        with pytest.raises(EngineError, match=version):
            install(lambda _: None, NOBODY)
        assert builds(bare) == 0

    def test_a_build_that_fails_shows_what_go_said_and_leaves_nothing(self, bare: Path):
        go(bare, then="echo 'verifying module: checksum mismatch' >&2; exit 1")
        with pytest.raises(EngineError, match="checksum mismatch"):
            install(lambda _: None, NOBODY)
        assert not cache.engine_folder(pinned().version).exists()
        assert not left_over()

    def test_a_corrupt_engine_is_said_and_replaced(self, bare: Path):
        go(bare)
        found = install(lambda _: None, NOBODY)
        found.path.write_text("#!/bin/sh\necho v9.9.9\n", "utf-8")
        heard = Heard()
        assert install(heard.append, NOBODY) == found
        assert any("SHA-256" in phase for phase in heard.phases)
        assert builds(bare) == 2
        assert not left_over()

    def test_two_at_once_build_it_once(self, bare: Path):
        go(bare, then="sleep 0.5")
        heard = Heard()
        with ThreadPoolExecutor() as pool:
            both = list(pool.map(lambda _: install(heard.append, NOBODY), range(2)))
        assert both[0] == both[1]
        assert builds(bare) == 1
        assert "waiting for another install" in heard.phases

    def test_what_a_killed_install_left_is_swept_up(self, bare: Path):
        go(bare)
        stale = cache.engine_folder(pinned().version).with_name(f"{cache.STAGING}{pinned().version}-killed")
        (stale / "bin").mkdir(parents=True)
        install(lambda _: None, NOBODY)
        assert not left_over()


def test_pulumi_on_path_needs_no_install(bare: Path):
    command = pulumi(bare / "pulumi")
    assert install(lambda _: None, NOBODY).path == command
    assert not (cache.home() / "engine").exists()


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "engine", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "https_proxy": NOBODY},
    )


class TestTheCommand:
    def test_install_then_path_then_version(self, bare: Path):
        go(bare)
        expected = cache.engine_folder(pinned().version) / "bin" / "pulumi"
        process = command("install")
        out, err = process.communicate()
        assert (process.returncode, out) == (0, f"{expected}\n"), err
        assert "compiling packages" in err
        assert command("path").communicate() == (f"{expected}\n", "")
        out, _ = command("version", "--json").communicate()
        assert json.loads(out) == {
            "ok": True,
            "path": str(expected),
            "version": str(pinned().version),
            "origin": "source",
            "languageHost": {"path": str(expected.parent / host.NAME), "of": "plimsoll"},
        }

    @pytest.mark.usefixtures("bare")
    @pytest.mark.parametrize("which", ["path", "version", "install"])
    def test_no_engine_is_wrong_input(self, which: str):
        process = command(which, "--json")
        out, _ = process.communicate()
        assert process.returncode == 2
        [fault] = json.loads(out)["faults"]
        assert fault["rule"] in {"engine/missing", "engine/unobtainable"}
        assert fault["remedy"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_interrupted_it_leaves_nothing(self, bare: Path, number: signal.Signals):
        go(bare, then=f"echo $$ > {bare / 'pid'}; sleep 60")
        process = command("install")
        while not ((bare / "pid").exists() and (bare / "pid").read_text()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate()
        assert process.returncode == 130
        assert "nothing half-done is left" in err
        assert not cache.engine_folder(pinned().version).exists()
        assert not left_over()
        with pytest.raises(ProcessLookupError):
            os.kill(int((bare / "pid").read_text()), 0)
