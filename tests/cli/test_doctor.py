"""`plimsoll doctor`: what is there, what is missing, what to do, and never a value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.cli.doctor import Finding, Machine, examine
from plimsoll.cli.options import Goal
from tests.conftest import ROOT

CANARY = "canary-5d1f0a"

PROJECT = "name: shop\nruntime: {{name: python, options: {{virtualenv: {}}}}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that runs under this interpreter, on a machine with nothing else: no PATH, an empty home."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT.format(sys.prefix), "utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config:\n  shop:a: 1\n", "utf-8")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLIMSOLL_HOME", str(tmp_path / "cache"))
    return folder


def looked(folder: Path, **environment: str) -> dict[str, Finding]:
    machine = Machine(environment=environment, home=folder.parent)
    return {finding.name: finding for finding in examine(folder, machine)}


def command(folder: Path, name: str, says: str = "") -> Path:
    file = folder.parent / "bin" / name
    file.write_text(f"#!/bin/sh\necho {says}\n", "utf-8")
    file.chmod(0o755)
    return file


def test_on_a_bare_machine_a_preview_works_and_the_rest_is_told_what_to_do(project: Path):
    found = looked(project)
    assert [name for name, one in found.items() if one.needed_for is Goal.PREVIEW and not one.present] == []
    missing = {
        name: one.remedy for name, one in found.items() if not one.present and one.needed_for is not None
    }
    assert missing == {
        "engine": "bring it: plimsoll engine install",
        "git": "install git: git-scm.com/downloads",
        "Google Cloud credentials": "gcloud auth application-default login",
        "Vercel token": "export VERCEL_API_TOKEN=…  (a token of vercel.com/account/settings/tokens)",
        "state backend": "pulumi login gs://BUCKET  (docs/state.md says how to make the bucket)",
    }


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("Google Cloud credentials", "GOOGLE_CREDENTIALS"),
        ("Google Cloud credentials", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ("Vercel token", "VERCEL_API_TOKEN"),
        ("state backend", "PULUMI_BACKEND_URL"),
    ],
)
def test_a_variable_is_seen_by_its_name_alone(project: Path, name: str, variable: str):
    finding = looked(project, **{variable: CANARY})[name]
    assert (finding.present, finding.said) == (True, f"{variable} is set")
    assert not looked(project, **{variable: ""})[name].present


def test_a_key_file_must_exist(project: Path):
    name = "Google Cloud credentials"
    key = project / "key.json"
    finding = looked(project, GOOGLE_APPLICATION_CREDENTIALS=str(key))[name]
    assert (finding.present, "names no file" in finding.said) == (False, True)
    assert finding.remedy.endswith(
        "unset GOOGLE_APPLICATION_CREDENTIALS && gcloud auth application-default login"
    )
    key.write_text(CANARY)
    assert looked(project, GOOGLE_APPLICATION_CREDENTIALS=str(key))[name].present


def test_application_default_credentials_are_found_where_gcloud_keeps_them(project: Path):
    for folder, environment in (
        (project.parent / ".config/gcloud", {}),
        (project.parent / "elsewhere", {"CLOUDSDK_CONFIG": str(project.parent / "elsewhere")}),
    ):
        folder.mkdir(parents=True)
        assert not looked(project, **environment)["Google Cloud credentials"].present
        (folder / "application_default_credentials.json").write_text(CANARY)
        assert looked(project, **environment)["Google Cloud credentials"].present


def test_a_token_may_stand_encrypted_in_a_stack_file(project: Path):
    (project / "Pulumi.dev.yaml").write_text("config:\n  shop:vercelToken: { secure: AAAB }\n", "utf-8")
    finding = looked(project)["Vercel token"]
    assert (finding.present, finding.said) == (True, "vercelToken stands encrypted in dev")


def test_the_login_is_named_without_who_is_logged_in(project: Path):
    home = project.parent / ".pulumi"
    home.mkdir()
    login = {"current": f"https://ada:{CANARY}@state.example.com", "accessTokens": {"x": CANARY}}
    (home / "credentials.json").write_text(json.dumps(login))
    finding = looked(project)["state backend"]
    assert (finding.present, finding.said) == (True, "https://state.example.com, by login")
    (home / "credentials.json").write_text("not json")
    assert not looked(project)["state backend"].present


@pytest.mark.parametrize(
    ("stack", "environment", "present"),
    [
        ("encryptionsalt: v1:a:b\n", {}, False),
        ("encryptionsalt: v1:a:b\n", {"PULUMI_CONFIG_PASSPHRASE": ""}, True),
        ("encryptionsalt: v1:a:b\n", {"PULUMI_CONFIG_PASSPHRASE_FILE": "f"}, True),
        ("secretsprovider: gcpkms://projects/x\nencryptedkey: a\n", {}, True),
        ("secretsprovider: passphrase\n", {}, False),
    ],
)
def test_what_decrypts_a_stacks_secrets(
    project: Path, stack: str, environment: dict[str, str], *, present: bool
):
    (project / "Pulumi.dev.yaml").write_text(stack, "utf-8")
    finding = looked(project, **environment)["secrets of dev"]
    assert finding.present == present


def test_a_stack_without_secrets_needs_nothing(project: Path):
    assert "secrets of dev" not in looked(project)


def test_esc_needs_a_token(project: Path):
    (project / "Pulumi.dev.yaml").write_text("environment: [base]\n", "utf-8")
    assert not looked(project)["environment of dev"].present
    assert looked(project, PULUMI_ACCESS_TOKEN=CANARY)["environment of dev"].present


def test_an_engine_without_its_host_does_for_a_rehearsal_and_not_for_pulumi_up(project: Path):
    command(project, "pulumi", "v3.259.0")
    found = looked(project)
    assert (found["engine"].present, found["pulumi on PATH"].present) == (True, True)
    host = found["Python language host"]
    assert (host.present, host.needed_for) == (False, Goal.UP)
    assert host.remedy.startswith('export PATH="')
    command(project, "pulumi-language-python")
    assert looked(project)["Python language host"].present


def test_an_engine_that_is_too_old_is_said(project: Path):
    command(project, "pulumi", "v3.1.0")
    engine = looked(project)["engine"]
    assert (engine.present, "3.1.0" in engine.said, engine.needed_for) == (False, True, Goal.REHEARSE)


def test_a_plugin_is_found_in_the_engines_home(project: Path):
    name = "provider plugin random"
    version = looked(project)[name].said.split()[0]
    assert not looked(project)[name].present
    assert "`plimsoll rehearse` does without" in looked(project)[name].said
    folder = project.parent / f".pulumi/plugins/resource-random-v{version}"
    folder.mkdir(parents=True)
    (folder / "pulumi-resource-random").touch(mode=0o755)
    assert looked(project)[name].present
    assert f"`plimsoll rehearse` asks {version}" in looked(project)[name].said


def test_an_interpreter_without_the_sdk_stops_even_a_preview(project: Path):
    python = project / "env/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (project / "Pulumi.yaml").write_text(PROJECT.format("env"), "utf-8")
    finding = looked(project)["the project's Python"]
    assert (finding.present, finding.needed_for) == (False, Goal.PREVIEW)
    assert finding.remedy == f"{python} -m pip install -r requirements.txt"


def test_outside_a_project_the_machine_is_reported_all_the_same(project: Path):
    outside = project.parent / "outside"
    outside.mkdir()
    (project.parent / ".pulumi/plugins/resource-random-v4.21.4").mkdir(parents=True)
    command(project, "pulumi", "v3.259.0")
    found = looked(outside)
    names = ["Python", "project", "engine", "pulumi on PATH", "Python language host", "git", "gcloud", "go"]
    assert list(found) == [*names, "node", "provider plugins"]
    assert (found["project"].present, found["project"].needed_for) == (False, Goal.PREVIEW)
    assert found["engine"].present
    assert found["provider plugins"].said == f"1 installed in {project.parent / '.pulumi/plugins'}"


def test_the_plugins_are_counted_and_what_is_missing_is_said_to_mean(project: Path):
    packages = [name for name in looked(project) if name.startswith("provider plugin ")]
    count = len(packages)
    plugins = looked(project)["provider plugins"]
    assert (plugins.present, plugins.said) == (
        False,
        f"0 of {count} installed, {count} missing; for these the local cloud judges by the SDK's classes and "
        "dated data",
    )
    for name in packages:
        command(project, f"pulumi-resource-{name.rpartition(' ')[2]}")
    plugins = looked(project)["provider plugins"]
    assert (plugins.present, plugins.said.startswith(f"{count} of {count} installed, 0 missing")) == (
        True,
        True,
    )


@pytest.mark.parametrize(("goal", "code"), [("preview", 0), ("rehearse", 1), ("up", 1)])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["words", "json"])
def test_the_exit_code_answers_for_the_goal_and_no_value_is_ever_printed(
    project: Path, goal: str, code: int, form: list[str]
):
    names = ("GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "VERCEL_API_TOKEN")
    names += ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE")
    secret = dict.fromkeys(names, CANARY)
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "doctor", "--for", goal, "-C", project, *form],
        env={**os.environ, **secret, "HOME": str(project.parent), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert CANARY not in done.stdout + done.stderr
    if form:
        said = json.loads(done.stdout)
        assert said["ok"] == (code == 0)
        assert said["goals"] == {"preview": {"ok": True}, "rehearse": {"ok": False}, "up": {"ok": False}}
        assert all(one["present"] or one["remedy"] or not one["neededFor"] for one in said["findings"])
    else:
        assert "plimsoll rehearse  would fail" in done.stdout
        assert "→ bring it: plimsoll engine install" in done.stdout
