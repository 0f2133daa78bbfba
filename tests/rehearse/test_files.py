"""Project and stack files as a rehearsal needs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plimsoll.preview.decode import PLACEHOLDER
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.files import Secret, read_environment, rewrite, salt_of, synthesise
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import read_project, read_stack

PROJECT = """\
# A project.
name: shop
backend: { url: "gs://bucket" }
runtime:
  name: python
  # Which environment.
  options:
    toolchain: uv
    virtualenv: .venv
    typechecker: mypy
options: { refresh: always }
config:
  size: { type: integer }
  loud: { type: boolean, default: false }
"""

STACK = """\
# yaml-language-server: $schema=./stack.json
secretsprovider: gcpkms://projects/x
encryptedkey: bm8=
environment:
  - base
  - more
config:
  # How large.
  shop:size:
    secure: AAAB
  shop:database:
    host: h
    replicas: [{ password: { secure: BBBB } }]
  "shop:dotted.name": { secure: CCCC }
  plain: yes
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT, "utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK, "utf-8")
    return tmp_path


def test_secrets_are_found_where_they_stand_with_a_placeholder_of_their_type(project: Path):
    environment = read_environment(project, "dev")
    assert environment is not None
    assert environment.secrets == (
        Secret("shop:size", "AAAB", "1"),
        Secret("shop:database.replicas[0].password", "BBBB", PLACEHOLDER),
        Secret('shop:["dotted.name"]', "CCCC", PLACEHOLDER),
    )
    assert environment.imports


def test_the_files_lose_what_is_the_users_and_keep_their_lines(project: Path, tmp_path: Path):
    environment = read_environment(project, "dev")
    assert environment is not None
    synthesise(environment, tmp_path / "python", "salt")
    stack = (project / "Pulumi.dev.yaml").read_text().splitlines()
    before = STACK.splitlines()
    assert stack == [*before[:1], "", "", "", "", "", *before[6:], 'encryptionsalt: "salt"']
    assert salt_of(project / "Pulumi.dev.yaml") == "salt"
    text = (project / "Pulumi.yaml").read_text().splitlines()
    assert text[10:] == PROJECT.splitlines()[10:]
    read = read_project(project / "Pulumi.yaml")
    assert (read.backend, read.always_refresh) == (None, True)
    assert read.runtime_options == {
        "toolchain": "pip",
        "virtualenv": str(tmp_path / "python"),
        "typechecker": "mypy",
    }
    assert read_stack(read, "dev").entries["shop:plain"].line == 15


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("{name: a, runtime: python, x: [1]}\n", {"runtime": "go"}, {"name": "a", "runtime": "go", "x": [1]}),
        ("a: 1\nb: |\n  c: 2\n\n  d\ne: 3", {"b": None}, {"a": 1, "e": 3}),
        ("a: &x {k: 1}\nb: *x\n", {"a": None}, {"b": {"k": 1}}),
        ("", {"a": "ü"}, {"a": "ü"}),
        ("# only a comment\n", {"a": None}, {}),
        ("a: 1\r\nb: 2\r\n", {"b": 3}, {"a": 1, "b": 3}),
    ],
    ids=["braces", "block-text", "anchor-lost", "empty", "comment", "windows"],
)
def test_a_rewritten_file_says_what_it_should_however_it_was_written(
    tmp_path: Path, text: str, changes: dict[str, object], expected: dict[str, object]
):
    from plimsoll.settings.tree import to_python
    from plimsoll.settings.yaml import read

    file = tmp_path / "file.yaml"
    file.write_bytes(text.encode())
    rewrite(file, changes)
    tree = read(file)
    assert (to_python(tree) if tree is not None else {}) == expected


def test_what_is_not_there_is_no_environment(project: Path, tmp_path: Path):
    assert read_environment(project, "prod") is None
    assert read_environment(tmp_path / "elsewhere", "dev") is None


def test_another_language_is_refused(project: Path):
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: go\n", "utf-8")
    with pytest.raises(RehearsalError) as caught:
        read_environment(project, "dev")
    assert caught.value.rule == "rehearse/runtime"


def test_what_only_esc_would_give_is_missing_by_name(project: Path):
    (project / "Pulumi.dev.yaml").write_text("environment: [base]\nconfig: { shop:loud: true }\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_environment(project, "dev")
    assert [(fault.rule, fault.key) for fault in caught.value.faults] == [("config/missing", "shop:size")]


def test_a_project_in_json_is_refused_by_name(tmp_path: Path):
    (tmp_path / "Pulumi.json").write_text(json.dumps({"name": "x", "runtime": "python"}), "utf-8")
    with pytest.raises(SettingsError) as caught:
        read_environment(tmp_path, "dev")
    assert caught.value.faults[0].rule == "project/json"
