"""The two sides of a change: a commit, and the working tree as git sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plimsoll.checkout.failure import CheckoutError
from plimsoll.checkout.git import Checkout, Commit, find_checkout, other_packages, relink
from tests.rehearse.conftest import Repository, tree


def refused(act) -> CheckoutError:
    with pytest.raises(CheckoutError) as caught:
        act()
    return caught.value


# Which commit -----------------------------------------------------------------------------------------------


def test_without_a_name_it_is_where_head_left_the_default_branch(repository: Repository):
    left = repository.commit({"a": "1"})
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit({"a": "2"})
    repository.git("switch", "--quiet", "main")
    repository.commit({"b": "1"})
    repository.git("switch", "--quiet", "feature")
    assert Checkout(repository.root).base(None) == Commit(left, "the merge base with main")


def test_the_remotes_default_branch_is_asked_first(repository: Repository, tmp_path: Path):
    first = repository.commit({"a": "1"})
    repository.git("branch", "--move", "main", "trunk")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    there = Checkout(clone)
    repository.git("branch", "main", at=clone)
    assert there.base(None) == Commit(first, "the merge base with origin/trunk")


@pytest.mark.parametrize("name", ["v1", "main~1", "SHA"])
def test_a_tag_a_branch_and_a_hash_are_names(repository: Repository, name: str):
    sha = repository.commit({"a": "1"})
    repository.git("tag", "v1")
    repository.commit({"a": "2"})
    assert Checkout(repository.root).base(sha if name == "SHA" else name).sha == sha


def test_an_unknown_name_is_told_the_nearest(repository: Repository):
    repository.commit({"a": "1"})
    repository.git("branch", "release-2026")
    error = refused(lambda: Checkout(repository.root).base("release-2062"))
    assert (error.rule, error.remedy) == ("checkout/ref", "did you mean release-2026?")


@pytest.mark.parametrize("name", ["--output=x", "-h", "", "HEAD:a", "nothing..HEAD"])
def test_a_name_is_never_an_option_nor_anything_but_a_commit(repository: Repository, name: str):
    repository.commit({"a": "1"})
    assert refused(lambda: Checkout(repository.root).base(name)).rule == "checkout/ref"
    assert not (repository.root / "x").exists()


def test_a_shallow_clone_is_told_what_to_fetch(repository: Repository, tmp_path: Path):
    repository.commit({"a": "1"})
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit({"a": "2"})
    repository.git("switch", "--quiet", "main")
    clone = tmp_path / "shallow"
    source = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", "--branch=feature", source, str(clone))
    for ref in (None, "v1", "0123456789abcdef"):
        error = refused(lambda ref=ref: Checkout(clone).base(ref))
        assert error.rule == "checkout/shallow"
        assert "git fetch --unshallow origin" in error.remedy


def test_branches_without_a_common_commit_need_a_name(repository: Repository):
    repository.commit({"a": "1"})
    repository.git("switch", "--quiet", "--orphan", "other")
    repository.commit({"b": "1"})
    assert refused(lambda: Checkout(repository.root).base(None)).rule == "checkout/merge-base"


def test_no_commit_yet(repository: Repository):
    assert refused(lambda: Checkout(repository.root).base(None)).rule == "checkout/no-commit"


def test_no_default_branch_known(repository: Repository):
    repository.git("switch", "--quiet", "--create", "solo")
    repository.commit({"a": "1"})
    error = refused(lambda: Checkout(repository.root).base(None))
    assert error.rule == "checkout/default-branch"
    assert "--from REF" in error.remedy


def test_no_checkout(tmp_path: Path):
    assert refused(lambda: find_checkout(tmp_path)).rule == "checkout/no-checkout"


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(lambda: find_checkout(tmp_path)).rule == "checkout/no-git"


def test_a_hooks_environment_names_another_checkout(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    repository.commit({"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere" / "index"))
    assert find_checkout(repository.root).base("main").label == "main"


# What a commit holds ----------------------------------------------------------------------------------------


def test_a_commit_is_exported_whole(repository: Repository, tmp_path: Path):
    files = {"a": "1", "infra/__main__.py": "x", ".gitattributes": "infra export-ignore\na export-subst\n"}
    sha = repository.commit({**files, "a": "$Format:%H$"})
    repository.commit({"a": "2", "new": "2"})
    Checkout(repository.root).export(Commit(sha, "then"), tmp_path / "base")
    assert tree(tmp_path / "base") == {**files, "a": "$Format:%H$"}
    assert [path.name for path in tmp_path.iterdir() if "index" in path.name] == []


def test_submodules_are_at_the_commits_that_they_were_at(repository: Repository, tmp_path: Path):
    library = Repository(tmp_path / "library")
    library.commit({"lib.py": "old"})
    repository.git("submodule", "--quiet", "add", str(library.root), "vendor/lib")
    then = repository.commit({"a": "1"})
    library.commit({"lib.py": "new"})
    repository.git("pull", "--quiet", at=repository.root / "vendor/lib")
    repository.commit()
    (repository.root / "vendor/lib/lib.py").write_text("dirty")
    (repository.root / "vendor/lib/untracked.py").write_text("mine")
    checkout = Checkout(repository.root)
    checkout.export(Commit(then, "then"), tmp_path / "base")
    checkout.copy(tmp_path / "change")
    assert tree(tmp_path / "base")["vendor/lib/lib.py"] == "old"
    change = tree(tmp_path / "change")
    assert (change["vendor/lib/lib.py"], change["vendor/lib/untracked.py"]) == ("dirty", "mine")


def test_a_submodules_missing_commit_is_said_with_what_to_fetch(repository: Repository, tmp_path: Path):
    library = Repository(tmp_path / "library")
    library.commit({"lib.py": "old"})
    repository.git("submodule", "--quiet", "add", str(library.root), "lib")
    missing = "1" * 40
    repository.git("update-index", "--cacheinfo", f"160000,{missing},lib")
    repository.git("commit", "--quiet", "--message", "a commit that is not here")
    sha = repository.git("rev-parse", "HEAD")
    error = refused(lambda: Checkout(repository.root).export(Commit(sha, "then"), tmp_path / "base"))
    assert (error.rule, f"git -C lib fetch origin {missing}" in error.remedy) == ("checkout/submodule", True)


# What the working tree holds --------------------------------------------------------------------------------


def test_the_working_tree_is_copied_as_git_sees_it(repository: Repository, tmp_path: Path):
    repository.commit({"kept": "1", "edited": "1", "deleted": "1", ".gitignore": "ignored\n", "ignored": "1"})
    repository.write({"edited": "2", "untracked/new": "2", "staged": "2", "ünïcode\n name": "2"})
    repository.git("add", "staged")
    (repository.root / "deleted").unlink()
    (repository.root / "link").symlink_to("kept")
    count = Checkout(repository.root).copy(tmp_path / "change")
    copied = tree(tmp_path / "change")
    assert copied == {
        "kept": "1",
        "edited": "2",
        ".gitignore": "ignored\n",
        "untracked/new": "2",
        "staged": "2",
        "ünïcode\n name": "2",
        "link": "1",
    }
    assert count == len(copied)
    assert (tmp_path / "change/link").is_symlink()


def test_a_virtual_environment_is_left_out_even_where_git_does_not_ignore_it(
    repository: Repository, tmp_path: Path
):
    repository.commit({"a": "1"})
    repository.write({"envs/one/pyvenv.cfg": "home = /usr", "envs/one/lib/x.py": "", "envs/note": "kept"})
    Checkout(repository.root).copy(tmp_path / "change")
    assert tree(tmp_path / "change") == {"a": "1", "envs/note": "kept"}


def test_links_into_the_checkout_stay_in_the_copy(repository: Repository, tmp_path: Path):
    repository.commit({"a": "1", ".gitignore": "here\n"})
    repository.write({"here": "ignored"})
    for name in ("a", "here"):
        (repository.root / f"to-{name}").symlink_to(repository.root / name)
    (repository.root / "out").symlink_to(tmp_path)
    change = tmp_path / "change"
    Checkout(repository.root).copy(change)
    relink(change, repository.root)
    assert (change / "to-a").resolve() == change / "a"
    assert (change / "to-here").readlink() == repository.root / "here"
    assert (change / "out").readlink() == tmp_path


def test_lock_files_that_differ_are_named_from_the_project_up(tmp_path: Path):
    for side, content in (("base", "1"), ("change", "2")):
        for lock in ("uv.lock", "infra/requirements.txt", "other/poetry.lock"):
            file = tmp_path / side / lock
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    found = other_packages(tmp_path / "base", tmp_path / "change", Path("infra"))
    assert found == ("infra/requirements.txt", "uv.lock")


# The checkout is only read ----------------------------------------------------------------------------------


def test_everything_of_the_checkout_is_byte_for_byte_as_before(repository: Repository, tmp_path: Path):
    library = Repository(tmp_path / "library")
    library.commit({"lib.py": "old"})
    repository.git("submodule", "--quiet", "add", str(library.root), "lib")
    sha = repository.commit({"a": "1", "b": "1"})
    repository.git("config", "core.splitIndex", "true")
    repository.commit({"a": "2"})
    repository.write({"b": "edited", "c": "untracked"})
    # The same content with another time: git would like to refresh its index now.
    os.utime(repository.root / "a", (1, 1))
    before = repository.fingerprint()
    checkout = find_checkout(repository.root)
    checkout.base(None)
    checkout.export(Commit(sha, "then"), tmp_path / "base")
    checkout.copy(tmp_path / "change")
    assert repository.fingerprint() == before
