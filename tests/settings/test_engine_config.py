"""What we read is what the real engine reads: `pulumi config --json` beside our resolved configuration.

One call costs about half a second, so a stack file holds many cases at once.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import ResolvedConfig, examine, find_project, read_stack
from tests.settings.test_project import PROJECT, SHOP, STACK, mutations
from tests.settings.test_yaml import DOCUMENTS, JSON, SCALARS

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.settings.errors import Fault

pytestmark = pytest.mark.engine

Values = dict[str, tuple[str | None, bool]]
"""By key, the text and whether it is secret; the text of a secret is None."""


class Engine:
    """A stack on a backend in a folder, whose files can be set."""

    def __init__(self, folder: Path) -> None:
        self._project = folder / "project"
        self._environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        for name in ("backend", "project"):
            (folder / name).mkdir()
        self._write(SHOP, "")
        assert self._pulumi("stack", "init", "dev").returncode == 0

    def _write(self, project: str, stack: str) -> None:
        (self._project / "Pulumi.yaml").write_text(project, "utf-8", newline="")
        (self._project / "Pulumi.dev.yaml").write_text(stack, "utf-8", newline="")

    def _pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments],  # noqa: S607 (the user's own, wherever it is)
            cwd=self._project,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def asked(self, project: str, stack: str) -> Values | None:
        """What the engine says; None where it refuses."""
        self._write(project, stack)
        answer = self._pulumi("config", "--json", "--stack", "dev")
        if answer.returncode:
            return None
        values: Values = {}
        for key, entry in json.loads(answer.stdout).items():
            text = entry.get("value")
            values[key] = (text, entry["secret"])
            if "objectValue" in entry:
                assert json.loads(str(text)) == entry["objectValue"]
        return values

    def ours(self, project: str, stack: str) -> tuple[ResolvedConfig, tuple[Fault, ...]]:
        """What we say of the same files."""
        self._write(project, stack)
        found = find_project(self._project)
        return examine(found, read_stack(found, "dev"))


def comparable(config: ResolvedConfig) -> Values:
    return {
        key: (None if key in config.secret_keys else text, key in config.secret_keys)
        for key, text in config.values.items()
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("engine"))


def agree(engine: Engine, project: str, stack: str) -> None:
    """Both say the same, or we refuse by name; `config` shows even what a preview would refuse."""
    try:
        config, faults = engine.ours(project, stack)
    except SettingsError as error:
        assert all(fault.rule for fault in error.faults)
        return
    if "stack/environment" not in {fault.rule for fault in faults}:
        assert comparable(config) == engine.asked(project, stack)


def test_every_scalar_of_our_table_alone_in_a_list_and_in_a_map(engine: Engine):
    lines = [
        f"  k{at}: {text}\n  l{at}: [1, {text}]\n" for at, (text, _) in enumerate(SCALARS) if "?" not in text
    ]
    maps = "".join(f"    m{at}: {text}\n" for at, (text, _) in enumerate(SCALARS))
    stack = f"config:\n{''.join(lines)}  all:\n{maps}"
    config, faults = engine.ours(SHOP, stack)
    assert not faults
    assert comparable(config) == engine.asked(SHOP, stack)


def test_every_document_of_our_table(engine: Engine):
    nested = {
        what: "\n".join(f"    {line}" if line else "" for line in text.lstrip("\ufeff").splitlines())
        for what, (text, _) in DOCUMENTS.items()
        if not text.startswith("---")
    }
    stack = "config:\n" + "".join(f"  k{at}:\n{text}\n" for at, text in enumerate(nested.values()))
    config, faults = engine.ours(SHOP, stack)
    assert not faults
    assert comparable(config) == engine.asked(SHOP, stack)


def test_every_json_of_our_table(engine: Engine):
    stack = "config:\n" + "".join(f"  k{at}: {text}\n" for at, (text, _) in enumerate(JSON.values()))
    said = engine.asked(SHOP, stack)
    assert said == {f"shop:k{at}": (written, False) for at, (_, written) in enumerate(JSON.values())}


@pytest.mark.parametrize(
    ("project", "stack"),
    [
        pytest.param(PROJECT, STACK, id="a realistic pair"),
        pytest.param(PROJECT, STACK.replace("\n", "\r\n"), id="with Windows line endings"),
        pytest.param(PROJECT, "\ufeff" + STACK, id="with a byte order mark"),
        pytest.param(SHOP, "", id="an empty file"),
        pytest.param(SHOP, "# nothing\n", id="only a comment"),
        pytest.param(SHOP, "--- # here\nconfig: {a: 1}\n...\n", id="document markers"),
        pytest.param(SHOP, "config:\n  a:\n  b: ~\n  c: {d: ~}\n", id="nulls"),
        pytest.param(SHOP, "other: 1\nconfig: {shop:a: 1, gcp:b: 2, c:config:d: 3}\n", id="keys"),
        pytest.param(
            SHOP,
            "config:\n  a: {secure: v1:x}\n  b: {c: [1, {secure: v1:y}]}\n"
            "  d: {secure: 1}\n  e: {secure: x, f: 1}\n",
            id="secrets",
        ),
        pytest.param(
            SHOP + "config:\n  a: 1\n  b: x\n  c: [1, 2.5]\n  d: {default: 1.5}\n  e: {default: 1e6}\n"
            "  f: {type: object, default: {g: 1, h: {i: [~]}}}\n  gcp:zone: z\n  aws:t: {value: {u: v}}\n",
            "config:\n  f: {g: 2}\n",
            id="defaults",
        ),
    ],
)
def test_the_engine_reads_the_same(engine: Engine, project: str, stack: str):
    config, faults = engine.ours(project, stack)
    assert not faults
    assert comparable(config) == engine.asked(project, stack)


@pytest.mark.parametrize(
    "stack",
    [
        "config: [a]\n",
        "config:\n  1: a\n",
        "config:\n  a:b:c: d\n",
        "config:\n  a: {b: .inf}\n",
        "config:\n  ? [a]\n  : 1\n",
        "config:\n  a: {1: x, '1': y}\n",
        "config:\n\ta: 1\n",
        "%YAML 1.2\n---\nconfig: {}\n",
    ],
)
def test_what_the_engine_refuses_we_refuse(engine: Engine, stack: str):
    assert engine.asked(SHOP, stack) is None
    with pytest.raises(SettingsError):
        engine.ours(SHOP, stack)


MANGLED = {
    "a date": ("2024-01-15", "2024-01-15 00:00:00 +0000 UTC"),
    "a number of 21 digits": ("103456789012345678901", "103456789012345680000"),
    "an empty line that begins a text": (r'"\nx"', "x"),
    "a quoted <<": ("{'<<': {b: 1}}", '{"b":1}'),
}


@pytest.mark.parametrize(("written", "read"), MANGLED.values(), ids=MANGLED)
def test_what_the_engine_changes_silently_we_refuse(engine: Engine, written: str, read: str):
    """Should one of these fail, the engine has changed, and the refusal can go."""
    stack = f"config:\n  k: {written}\n"
    assert engine.asked(SHOP, stack) == {"shop:k": (read, False)}
    with pytest.raises(SettingsError):
        engine.ours(SHOP, stack)


words = st.sampled_from([text for text, _ in SCALARS]) | st.text(
    "abxyz019.,:;-_+*&!?#@%~'\"|>{}[]<=\\/ éñ", min_size=1, max_size=8
)
numbers = (
    st.integers().map(str)
    | st.floats(allow_nan=False).map(repr)
    | st.from_regex(r"[-+]?0?[box]?[0-9_.]{1,6}(e[0-9])?", fullmatch=True)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10).map(json.dumps)
atoms = words | numbers | texts
few = settings(max_examples=max(10, settings().max_examples // 20))


@few
@given(st.lists(atoms, min_size=20, max_size=60))
def test_generated_scalars_are_read_alike(engine: Engine, written: list[str]):
    """Each key that we take alone goes into one file for the engine."""
    taken = []
    for text in written:
        try:
            engine.ours(SHOP, f"config:\n  k: {text}\n  l: {{m: [{text}]}}\n")
        except SettingsError:
            continue
        taken.append(text)
    stack = "config:\n" + "".join(
        f"  k{at}: {text}\n  l{at}: {{m: [{text}]}}\n" for at, text in enumerate(taken)
    )
    config, faults = engine.ours(SHOP, stack)
    assert not faults
    assert comparable(config) == engine.asked(SHOP, stack)


@few
@given(mutations(STACK))
def test_mutated_stack_files_are_read_alike_or_refused(engine: Engine, stack: str):
    agree(engine, PROJECT, stack)


@few
@given(mutations(PROJECT))
def test_mutated_project_files_are_read_alike_or_refused(engine: Engine, project: str):
    agree(engine, project, STACK)
