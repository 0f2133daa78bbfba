"""`plimsoll adopt`, and what `plimsoll check` says of entries."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.cli.test_cli import answer, plimsoll, project  # noqa: F401 (a fixture)
from tests.conftest import ROOT, STACKS

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "projects/acme-goals-dev/serviceAccounts/web@acme-goals-dev.iam.gserviceaccount.com"
ID = "projects/acme-goals-dev/locations/europe-west1/services/goals-api"


def test_it_lists_ids_and_commands_with_the_environments_own_names():
    done = plimsoll("adopt", "dev", cwd=STACKS)
    assert done.returncode == 0
    assert f"service/api\n  id    {ID}\n  find  gcloud run services describe goals-api" in done.stdout
    assert "find  gcloud sql instances describe goals-dev --project=acme-goals-dev" in done.stdout
    assert "secret-grant/" not in done.stdout
    assert "secret-grant/" in plimsoll("adopt", "dev", "--all", cwd=STACKS).stdout


def test_it_says_what_is_adopted_in_json(project: Path):  # noqa: F811
    with (project / "Pulumi.dev.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  plimsoll:adopt: {{ service/api: {ID} }}\n")
    said = answer(plimsoll("adopt", "dev", "--json", cwd=project))
    adopted = {one["name"]: one["adopted"] for one in said["resources"] if one["adopted"]}
    assert (said["ok"], adopted) == (True, {"service/api": ID})


def test_a_wrong_id_has_its_line_and_the_form_that_is_right(project: Path):  # noqa: F811
    file = project / "Pulumi.dev.yaml"
    line = len(file.read_text("utf-8").splitlines()) + 2
    with file.open("a", encoding="utf-8") as opened:
        opened.write("  plimsoll:adopt:\n    service/api: goals-api\n")
    for command in ("check", "adopt"):
        done = plimsoll(command, "dev", cwd=project)
        assert done.returncode == 2
        assert f"Pulumi.dev.yaml:{line}  plimsoll:adopt.service/api = goals-api" in done.stdout + done.stderr
        assert "projects/PROJECT/locations/LOCATION/services/NAME" in done.stdout + done.stderr


def test_an_entry_that_nothing_declares_has_its_line_too(project: Path):  # noqa: F811
    # The program looks for the stack file in its own project.
    shutil.copytree(ROOT / "infra", project / "infra")
    text = (project / "Pulumi.yaml").read_text("utf-8")
    (project / "Pulumi.yaml").write_text(text.replace(f"main: {ROOT / 'infra'}", "main: infra"), "utf-8")
    file = project / "Pulumi.dev.yaml"
    line = len(file.read_text("utf-8").splitlines()) + 1
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"  plimsoll:adopt: {{ account/web: {ACCOUNT} }}\n")
    done = plimsoll("adopt", "dev", cwd=project)
    assert done.returncode == 2
    assert f"Pulumi.dev.yaml:{line}: plimsoll:adopt.account/web" in done.stderr
    assert "the program declares no such resource" in done.stderr.replace("The program", "the program")
