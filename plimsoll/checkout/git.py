"""The two sides of a change out of a git checkout: a commit, and the working tree as git sees it.

The checkout is only read: its files, index, HEAD and list of worktrees stay as they are. A commit is exported
through an index of our own, not by `git archive`, which leaves out what `.gitattributes` marks export-ignore.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from plimsoll.checkout.failure import CheckoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_FILES: Final = (
    "requirements.lock",
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
)
"""Files that say which packages a program runs on."""

_LINK: Final = "160000"
"""The mode of a submodule in an index."""

# Neither the user's index (optional locks, split index, file-system monitor) nor another checkout that a git
# hook's environment names.
_ENVIRONMENT: Final = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_NOT_OURS: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
_SETTINGS: Final = ("core.fsmonitor=false", "core.splitIndex=false", "core.sparseCheckout=false")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit to compare with: its full hash, and the words for it that a reader knows."""

    sha: str
    label: str

    @override
    def __str__(self) -> str:
        return f"{self.label} ({self.sha[:12]})"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git checkout; `root` is its top folder, absolute."""

    root: Path

    def base(self, ref: str | None) -> Commit:
        """The commit that `ref` names; without one, where HEAD left the default branch.

        Raises CheckoutError with what to fetch, or with the nearest name.
        """
        if ref is not None:
            return Commit(self._commit(ref), ref)
        branch = self._default_branch()
        self._commit("HEAD")
        found = _try(self.root, "merge-base", "HEAD", branch)
        if found is None:
            raise self._shallow() or CheckoutError(
                "checkout/merge-base",
                f"HEAD and {branch} have no commit in common",
                "name the commit to begin from: --from REF",
            )
        return Commit(found, f"the merge base with {branch}")

    def head(self) -> tuple[str, bool]:
        """The full hash of HEAD, and whether the working tree is as it says. Raises CheckoutError."""
        return self._commit("HEAD"), not git(self.root, "status", "--porcelain")

    def export(self, commit: Commit, target: Path) -> None:
        """Write the files of `commit` into the new folder `target`, its submodules at their commits too."""
        self._export(self.root, commit.sha, target)

    def _export(self, repository: Path, sha: str, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        index = target.parent / f"{target.name}.index"
        environment = {"GIT_INDEX_FILE": str(index)}
        git(repository, "read-tree", sha, environment=environment)
        git(repository, "checkout-index", "--all", f"--prefix={target}/", environment=environment)
        for mode, inner, path in _entries(repository, environment):
            if mode == _LINK:
                self._export_submodule(repository / path, inner, target / path)
        index.unlink()

    def _export_submodule(self, submodule: Path, sha: str, target: Path) -> None:
        if not (submodule / ".git").exists():  # Never checked out: the program does without.
            return
        if _try(submodule, "cat-file", "-e", f"{sha}^{{commit}}") is None:
            where = submodule.relative_to(self.root)
            raise CheckoutError(
                "checkout/submodule",
                f"the submodule {where} does not have the commit {sha[:12]} that it was at",
                f"fetch it: git -C {where} fetch origin {sha}",
            )
        self._export(submodule, sha, target)

    def copy(self, target: Path) -> int:
        """Copy the working tree as git sees it: tracked, and untracked but not ignored. Gives their number.

        Submodules come as they are, dirty or not. A virtual environment is no part of a project.
        """
        copied = 0
        for path in _files(self.root, Path()):
            destination = target / path
            destination.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(self.root / path, destination, follow_symlinks=False)
            except FileNotFoundError:  # Deleted, and not yet said to git.
                continue
            copied += 1
        target.mkdir(exist_ok=True)
        return copied

    def _commit(self, ref: str) -> str:
        ref = ref.strip() or "''"  # nothing is no name either, and is said as it was written
        found = _try(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found is not None:
            return found
        if ref == "HEAD":
            message = f"{self.root} has no commit yet"
            raise CheckoutError("checkout/no-commit", message, "commit what is deployed today")
        names = (_try(self.root, "for-each-ref", "--format=%(refname:short)") or "").splitlines()
        near = get_close_matches(ref, names, n=1)
        if not near and (shallow := self._shallow()) is not None:
            raise shallow
        remedy = f"did you mean {near[0]}?" if near else "name a branch, a tag or a commit that is here"
        raise CheckoutError("checkout/ref", f"there is no commit {ref} in {self.root}", remedy)

    def _shallow(self) -> CheckoutError | None:
        """What to fetch, where history was left out."""
        if _try(self.root, "rev-parse", "--is-shallow-repository") != "true":
            return None
        return CheckoutError(
            "checkout/shallow",
            "this is a shallow clone, which lacks the commit to begin from",
            f"fetch the history: git fetch --unshallow {self._remote()} "
            "(GitHub Actions: fetch-depth: 0 for actions/checkout)",
        )

    def _remote(self) -> str:
        remotes = (_try(self.root, "remote") or "").splitlines()
        return remotes[0] if len(remotes) == 1 else "origin"

    def _default_branch(self) -> str:
        """The remote's default branch as it is known here, else a branch with a default's name."""
        remote = self._remote()
        named = _try(self.root, "symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD")
        usual = (_try(self.root, "config", "init.defaultBranch"), "main", "master")
        names = [named, *(f"{remote}/{name}" for name in usual if name is not None), *usual]
        for name in filter(None, names):
            if _try(self.root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") is not None:
                return name
        self._commit("HEAD")
        raise self._shallow() or CheckoutError(
            "checkout/default-branch",
            f"the default branch is not known here: there is no {remote}/HEAD, main or master",
            f"name the commit to begin from, --from REF, or: git remote set-head {remote} --auto",
        )


def find_checkout(folder: Path) -> Checkout:
    """The checkout that `folder` belongs to. Raises CheckoutError where there is none, or no git."""
    try:
        return Checkout(Path(git(folder, "rev-parse", "--show-toplevel")))
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip()
        if "not a git repository" not in said:  # As for a folder of another owner, which git explains well.
            raise CheckoutError("checkout/git", said.splitlines()[0], "see what git says") from None
        message = f"{folder.absolute()} is in no git checkout, so there is no commit to begin from"
        remedy = "go to the project's checkout, or make one: git init && git add . && git commit"
        raise CheckoutError("checkout/no-checkout", message, remedy) from None
    except FileNotFoundError:
        message = "there is no git here, which knows what the change is"
        raise CheckoutError("checkout/no-git", message, "install git") from None


def other_packages(before: Path, after: Path, project: Path) -> tuple[str, ...]:
    """The lock files that differ between two sides, from the project's folder up; relative paths."""
    folders = (project, *project.parents)
    locks = (folder / name for folder in folders for name in LOCK_FILES)
    return tuple(str(lock) for lock in locks if _content(before / lock) != _content(after / lock))


def relink(side: Path, root: Path) -> None:
    """Turn the absolute links of a side that lead into the user's checkout, so that they stay in the side."""
    for folder, folders, files in os.walk(side):
        for name in (*folders, *files):
            link = Path(folder, name)
            if not (link.is_symlink() and (target := link.readlink()).is_relative_to(root)):
                continue
            inside = side / target.relative_to(root)
            if inside.exists():  # What git ignores, a virtual environment say, is only in the checkout.
                link.unlink()
                link.symlink_to(os.path.relpath(inside, link.parent))


def git(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """What git answers, without the line's end. Raises CalledProcessError; FileNotFoundError without git."""
    return _run(folder, arguments, environment).removesuffix("\n")


def _try(folder: Path, *arguments: str) -> str | None:
    try:
        return git(folder, *arguments)
    except subprocess.CalledProcessError:
        return None


def _run(folder: Path, arguments: tuple[str, ...], environment: dict[str, str] | None) -> str:
    own = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    return subprocess.run(
        ["git", *settings, *arguments],  # noqa: S607 (whichever git the user uses)
        cwd=folder,
        env={**own, **_ENVIRONMENT, **(environment or {})},
        capture_output=True,
        check=True,
        text=True,
        # Names of files are bytes: whatever they are, they come back as they were.
        encoding="utf-8",
        errors="surrogateescape",
    ).stdout


def _entries(repository: Path, environment: dict[str, str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Mode, object and path of everything in an index, conflicts once for each side."""
    for entry in _run(repository, ("ls-files", "-z", "--stage"), environment).split("\0")[:-1]:
        described, _, path = entry.partition("\t")
        mode, inner, _ = described.split()
        yield mode, inner, path


def _files(root: Path, prefix: Path) -> Iterator[Path]:
    """What git sees in a repository and in those within it, relative to the outermost one."""
    repository = root / prefix
    others = _run(repository, ("ls-files", "-z", "--others", "--exclude-standard"), None).split("\0")[:-1]
    environments = {os.path.dirname(path) + "/" for path in others if path.endswith("/pyvenv.cfg")}  # noqa: PTH120
    within: list[str] = []
    seen = dict.fromkeys(path for mode, _, path in _entries(repository) if mode != _LINK)
    within += [path for mode, _, path in _entries(repository) if mode == _LINK]
    for path in others:
        if path.endswith("/"):  # A repository that is no submodule.
            within.append(path)
        elif not path.startswith(tuple(environments)):
            seen[path] = None
    yield from (prefix / path for path in seen)
    for path in within:
        if (repository / path / ".git").exists():
            yield from _files(root, prefix / path)


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
