"""The engine in a rehearsal's workspace, attached to a local cloud."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.checkout.python import search_path
from plimsoll.engine import run as engine_run
from plimsoll.engine.events import StepEvent
from plimsoll.engine.run import Engine
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.plugins import Plugins
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import StateError
from plimsoll.rehearse import dynamic
from plimsoll.rehearse.failure import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from plimsoll.engine.events import Event
    from plimsoll.engine.find import Installation
    from plimsoll.engine.run import Ran
    from plimsoll.rehearse.files import Environment
    from plimsoll.rehearse.workspace import Workspace

_NO_PLUGIN: Final = re.compile(r"no resource plugin 'pulumi-resource-([a-z0-9-]+)'")
_MOST_PACKAGES: Final = 20
"""How often a run is begun again with one more package; no program of ours needs more than one."""


@contextmanager
def local_cloud(
    workspace: Workspace, python: Path, providers: Mapping[str, Path | None], state: str = "cloud.jsonl"
) -> Generator[LocalCloud]:
    """A local cloud in the workspace. Raises RehearsalError where there can be none."""
    users = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        with LocalCloud(
            interpreter=python,
            state=workspace.folder / state,
            packages=[dynamic.PACKAGE],
            plugins=Plugins(users, providers),
            folder=workspace.project_folder,
        ) as cloud:
            yield cloud
    except (SdkError, StateError) as error:
        remedy = "mend that, and rehearse again: `plimsoll doctor` says what is installed"
        raise RehearsalError("rehearse/local-cloud", str(error), remedy) from error


class Stage:
    """The engine in the workspace, attached to the local cloud."""

    def __init__(
        self,
        workspace: Workspace,
        installation: Installation,
        cloud: LocalCloud,
        timeout: float,
        on_progress: Callable[[str], None],
        *,
        backend: str = "backend",
    ) -> None:
        self.workspace = workspace
        self.say = on_progress
        self.cloud = cloud
        self._backend = backend
        self._installation = installation
        self._timeout = timeout

    def in_another(self, cloud: LocalCloud) -> Stage:
        """The same engine, attached to another cloud and with a state of its own."""
        backend = f"backend-{time.monotonic_ns()}"
        return Stage(self.workspace, self._installation, cloud, self._timeout, self.say, backend=backend)

    def run(self, *arguments: str, said: str = "") -> Ran:
        """Run one command on the environment's stack, however it ends but for a signal (RehearsalError).

        Raises RehearsalError where a real provider cannot be asked, which is nobody's change. A package
        without an SDK is only known to be needed when the engine asks for it: then it is served too, and the
        command goes on where it stopped.
        """
        for _ in range(_MOST_PACKAGES):
            ran = self._engine().run(
                [*arguments, "--stack", self.workspace.stack],
                cwd=self.workspace.project_folder,
                timeout=self._timeout,
                on_event=lambda event: self._hear(event, said),
            )
            if ran.exit_code and (failure := self.cloud.failure) is not None:
                raise RehearsalError("rehearse/provider", str(failure), failure.remedy)
            if ran.exit_code < 0:
                name = signal.Signals(-ran.exit_code).name
                message = f"`pulumi {arguments[0]}` was ended by {name}, which the rehearsal did not send"
                remedy = "see whether this machine ran out of memory, and rehearse again"
                raise RehearsalError("rehearse/killed", message, remedy)
            missing = _missing_package(ran)
            if missing is None or not self.cloud.serve(missing):
                return ran
        return ran

    def require(self, *arguments: str, said: str = "") -> Ran:
        """As `run`, but raises RehearsalError where it fails."""
        ran = self.run(*arguments, said=said)
        if (error := ran.failure()) is not None:
            raise error
        return ran

    def _engine(self) -> Engine:
        folder = self.workspace.folder
        environment = {
            "PULUMI_DEBUG_PROVIDERS": self.cloud.environment["PULUMI_DEBUG_PROVIDERS"],
            # Nothing is written beside the user's packages, and what is compiled there already is used.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if (path := search_path(os.environ, self.workspace.moved)) is not None:
            environment["PYTHONPATH"] = path
        return Engine(
            self._installation,
            engine_run.Workspace(
                backend=folder / self._backend,
                home=folder / "home",
                passphrase=self.workspace.passphrase,
                environment=environment,
            ),
            # The engine masks the stack's secrets, and not those that the program makes.
            mask=self.cloud.mask,
        )

    def _hear(self, event: Event, said: str) -> None:
        if said and isinstance(event, StepEvent) and event.stage == "begins":
            self.say(f"{said}: {event.urn.rpartition('::')[2]}")

    def set_secrets(self, environment: Environment) -> None:
        """Write the engine's salt and each secret's placeholder into the stack file of the side at work."""
        self.workspace.keep_salt(environment)
        self.set_placeholders(environment)

    def set_placeholders(self, environment: Environment) -> None:
        """Write a placeholder for each secret into the stack file of the side at work."""
        pairs = [
            part for one in environment.secrets for part in ("--secret", f"{one.path}={one.placeholder}")
        ]
        if pairs:
            self.require("config", "set-all", "--path", *pairs)


def _missing_package(ran: Ran) -> str | None:
    """The package that the engine found nobody for."""
    if ran.exit_code == 0:
        return None
    texts = [ran.stderr, ran.stdout, *(said.message for said in ran.diagnostics)]
    found = next(filter(None, map(_NO_PLUGIN.search, texts)), None)
    return None if found is None else str(found[1])
