"""The folder of a rehearsal: both sides, the interpreter they run under, the engine's state and the cloud's.

plimsoll-rehearse-…/
  checkout/        where the side at work is: the same path for both, so that a path is no difference
  base/ change/    the side that is not at work
  python/          the virtual environment (see `python`)
  home/ backend/   the engine's own folder, and its state
  cloud.jsonl      what exists in the local cloud
  owner.json       whose it is (see `folders`)
  elsewhere-….jsonl  where each side makes what it adopts (see `living`), with a backend-… of its own
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plimsoll.checkout.git import Checkout, Commit, find_checkout, relink
from plimsoll.checkout.python import Moved, shadow
from plimsoll.rehearse.files import Environment, read_environment, rewrite, salt_of, synthesise
from plimsoll.rehearse.folders import Folder, sweep
from plimsoll.settings.tree import Mapping, Scalar, to_python
from plimsoll.settings.yaml import read

if TYPE_CHECKING:
    from pathlib import Path

BASE, CHANGE = "base", "change"


@dataclass
class Workspace:
    """A folder of its own, gone on leaving it unless `keep`. `project` is its path in the checkout."""

    checkout: Checkout
    project: Path
    stack: str
    keep: bool = False
    folder: Path = field(init=False)
    passphrase: str = field(init=False, repr=False)
    salt: str | None = field(init=False, default=None, repr=False)
    at_work: str | None = field(init=False, default=None)
    _users: Path | None = field(init=False, default=None, repr=False)
    _own: Folder = field(init=False, repr=False)

    def __enter__(self) -> Workspace:
        sweep()
        self._own = Folder(keep=self.keep)
        self.folder = self._own.path
        self.passphrase = secrets.token_hex(16)
        if self.keep:
            (self.folder / "passphrase").touch(mode=0o600)
            (self.folder / "passphrase").write_text(self.passphrase, "utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._own.leave()

    @property
    def here(self) -> Path:
        """Where the side at work has its checkout."""
        return self.folder / "checkout"

    @property
    def project_folder(self) -> Path:
        """Where the side at work has its Pulumi.yaml."""
        return self.here / self.project

    @property
    def moved(self) -> Moved:
        """Where paths into the user's checkout lead."""
        return Moved(self.checkout.root, self.here)

    def fill(self, commit: Commit) -> None:
        """Bring both sides."""
        self.checkout.export(commit, self.folder / BASE)
        self.checkout.copy(self.folder / CHANGE)
        for side in (BASE, CHANGE):
            relink(self.folder / side, self.checkout.root)

    def make_python(self, interpreter: Path) -> Path:
        """Make the environment that both sides run in, and give its interpreter."""
        self._users = interpreter.parent.parent
        return shadow(interpreter, self.moved, self.folder / "python")

    def put_to_work(self, side: str) -> Environment | None:
        """Put a side where both are run, and its environment's files as a rehearsal needs them.

        None where this side has no such environment. Raises SettingsError for what is wrong in its files.
        """
        if self.at_work is not None:
            self.here.rename(self.folder / self.at_work)
        (self.folder / side).rename(self.here)
        self.at_work = side
        environment = read_environment(self.project_folder, self.stack)
        if environment is not None:
            synthesise(environment, self.folder / "python", self.salt)
        return environment

    def keep_salt(self, environment: Environment) -> None:
        """Remember what the engine wrote into the stack file when it made the stack."""
        self.salt = salt_of(environment.file)

    def find_pack(self) -> Path | None:
        """The policy pack of the side at work; None where it has none.

        It runs in the same environment, unless it names one of its own that is there.
        """
        pack = self.project_folder / "policies"
        file = pack / "PulumiPolicy.yaml"
        if not file.is_file():
            return None
        tree = read(file)
        runtime = tree.get("runtime") if isinstance(tree, Mapping) else None
        name, options = runtime, None
        if isinstance(runtime, Mapping):
            name, options = runtime.get("name"), runtime.get("options")
        if not (isinstance(name, Scalar) and name.value == "python"):
            return pack  # In another language: whoever runs it finds its own interpreter.
        written = to_python(options) if isinstance(options, Mapping) else {}
        own = self.checkout.root / self.project / pack.name / str(written.get("virtualenv", ""))
        is_own = (own / "pyvenv.cfg").is_file() and (self._users is None or not own.samefile(self._users))
        virtualenv = own.resolve() if is_own else self.folder / "python"
        chosen = {**written, "toolchain": "pip", "virtualenv": str(virtualenv)}
        rewrite(file, {"runtime": {"name": "python", "options": chosen}})
        return pack


def open_workspace(folder: Path, stack: str, *, keep: bool) -> Workspace:
    """The workspace for the project of `folder`, not yet made. Raises CheckoutError outside a checkout."""
    checkout = find_checkout(folder)
    return Workspace(checkout, folder.resolve().relative_to(checkout.root.resolve()), stack, keep)
