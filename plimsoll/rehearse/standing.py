"""One environment on the real engine and a local cloud that lasts, for any command: plain `pulumi`, a shell.

What stands is kept in a folder of its own, and the user's files are only read:

FOLDER/
  plimsoll-cloud.lock   held by whoever is at work here; that it is there makes the folder ours
  checkout/      links to the user's files, but for the project's and the stacks' own, which are rewritten
  home/ backend/ the engine's own folder, and its state
  passphrase     of the secrets in that state
  cloud.jsonl    what exists in the local cloud
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.engine import cache
from plimsoll.engine import run as engine_run
from plimsoll.engine.checkpoint import find_damage
from plimsoll.engine.find import find
from plimsoll.engine.run import Engine
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import StateError
from plimsoll.preview.offline import find_interpreter
from plimsoll.rehearse import dynamic
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.files import Environment, read_environment, salt_of, synthesise
from plimsoll.settings.explain import nearest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from plimsoll.engine.checkpoint import Damage
    from plimsoll.settings.project import Project

LOCK: Final = "plimsoll-cloud.lock"
STAGED: Final = "checkout.new"
OURS: Final = (LOCK, STAGED, "checkout", "home", "backend", "passphrase", "cloud.jsonl")
"""What a folder of ours has in it, and all that `reset` takes away."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An environment whose local cloud is up. Commands run in `folder`, and `variables` are all of theirs.

    `damage` is what is wrong with its state: the engine does nothing then, and `plimsoll recover` mends it.
    """

    folder: Path
    variables: Mapping[str, str]
    damage: Damage | None = None


def state_folder(project: Project, stack: str) -> Path:
    """Where an environment stands unless told otherwise: in Plimsoll's cache, by the checkout's path.

    Raises SettingsError where that cannot be a stack's name, RehearsalError where it has no file.
    """
    if not project.stack_file(stack).is_file():
        known = f"known here: {', '.join(project.stacks()) or 'none yet'}"
        remedy = nearest(stack, list(project.stacks())) or known
        raise RehearsalError("cloud/environment", f"the stack {stack} has no file", remedy)
    path = project.file.parent.resolve()
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return cache.home() / "cloud" / f"{project.name}-{digest}" / stack


def reset(folder: Path) -> None:
    """Take away all that stands in a folder. Raises RehearsalError where it is not ours, or in use."""
    if folder.exists():
        with _holding(folder):
            for name in OURS:
                path = folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def standing(project: Project, stack: str, folder: Path) -> Generator[Standing]:
    """Bring the local cloud up for an environment, as it was left; `folder` is made if need be.

    Encrypted values of the stack file are replaced by placeholders. Raises SettingsError for what is wrong in
    the project's files, EngineError where there is no engine, PreviewError without an interpreter, and
    RehearsalError for all else.
    """
    root = project.file.parent.absolute()
    installation = find()
    environment = read_environment(root, stack)
    if environment is None:
        raise AssertionError("`state_folder` has looked")
    interpreter = find_interpreter(root, project.runtime_options)
    with ExitStack() as up:
        up.enter_context(_holding(folder))
        here = _link(environment, folder / "checkout", interpreter)
        try:
            cloud = up.enter_context(
                LocalCloud(interpreter=interpreter, state=folder / "cloud.jsonl", packages=[dynamic.PACKAGE])
            )
        except (SdkError, StateError) as error:
            remedy = f"mend that, or begin with nothing: plimsoll cloud {stack} --reset -- COMMAND"
            raise RehearsalError("cloud/local-cloud", str(error), remedy) from None
        engine = Engine(
            installation,
            engine_run.Workspace(
                backend=folder / "backend",
                home=folder / "home",
                passphrase=_passphrase(folder),
                environment={**cloud.environment, "PYTHONDONTWRITEBYTECODE": "1"},
            ),
        )
        selected = engine.run(["stack", "select", "--create", stack], cwd=here).failure()
        said = "" if selected is None else selected.message.partition(": ")[2]
        backend = folder / "backend"
        damage = find_damage(said, backend.as_uri(), backend, project.name, stack)
        if selected is not None and damage is None:
            raise selected
        pairs = [
            part for one in environment.secrets for part in ("--secret", f"{one.path}={one.placeholder}")
        ]
        if pairs and selected is None:
            engine.require(["config", "set-all", "--path", *pairs, "--stack", stack], cwd=here)
        variables = {**engine.environment(), "PWD": str(here)}
        variables.pop("PULUMI_STACK", None)  # it would name another than the one that was selected
        yield Standing(here, variables, damage)


@contextmanager
def _holding(folder: Path) -> Generator[None]:
    """Be the only one at work in a folder of ours, made if need be."""
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / LOCK).is_file():
            raise RehearsalError(
                "cloud/state", f"{folder} holds other files", "name an empty or new folder: --state DIR"
            )
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise RehearsalError(
            "cloud/state",
            f"{error.filename or folder} cannot be written: {error.strerror}",
            "name a folder that you may write to: --state DIR",
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RehearsalError(
                "cloud/in-use",
                f"another `plimsoll cloud` is at work in {folder}",
                "end that one, or name another folder: --state DIR",
            ) from None
        yield


def _passphrase(folder: Path) -> str:
    file = folder / "passphrase"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16), "utf-8")
    return file.read_text("utf-8")


def _link(environment: Environment, target: Path, interpreter: Path) -> Path:
    """Make a checkout of links to the user's files, and give the project's folder in it.

    The engine writes its salt and every `pulumi config set` into the stack's file, so that of each stack is a
    copy. From the top of the git checkout on, so that a program finds what lies beside its project.
    """
    project = environment.project
    folder = project.file.parent.resolve()
    root = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    file = target / environment.file.resolve().relative_to(root)
    salt = salt_of(file) if file.is_file() else None
    # Whole or not at all: the old one has the salt.
    staged = target.with_name(STAGED)
    shutil.rmtree(staged, ignore_errors=True)
    stacks = (project.stack_file(stack) for stack in project.stacks())
    _mirror(root, staged, frozenset(path.resolve() for path in (project.file, *stacks)))
    copied = read_environment(staged / folder.relative_to(root), environment.stack)
    if copied is None:
        raise AssertionError("it was copied above")
    virtualenv = interpreter.parent.parent
    synthesise(copied, virtualenv if (virtualenv / "pyvenv.cfg").is_file() else None, salt)
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
    return target / folder.relative_to(root)


def _mirror(source: Path, target: Path, copied: frozenset[Path]) -> None:
    """Fill the new folder `target` with links to what is in `source`, but with copies of some files."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path in copied:
            shutil.copy(path, target / path.name)
        elif not path.is_symlink() and any(one.is_relative_to(path) for one in copied):
            _mirror(path, target / path.name, copied)
        elif path.name != ".git":  # what a command says to git is not meant for the user's checkout
            (target / path.name).symlink_to(path)
