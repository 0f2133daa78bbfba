"""Taking over what runs already, on the real engine: what lives was made by somebody else, or differs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.limits.adoption import key_of
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.rehearse.living import merged
from tests.environments.conftest import RENAMED, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.localcloud.state import Record
    from tests.environments.conftest import Edit, Ran

pytestmark = pytest.mark.engine

PROJECT = "projects/acme-goals-dev"
IDS = {
    "service/api": f"{PROJECT}/locations/europe-west1/services/goals-api",
    "account/api": f"{PROJECT}/serviceAccounts/goals-api@acme-goals-dev.iam.gserviceaccount.com",
    "instance/database": f"{PROJECT}/instances/goals-dev",
    "database/database": f"{PROJECT}/instances/goals-dev/databases/goals",
    "network/network": f"{PROJECT}/global/networks/goals-dev",
    "frontend/frontend": "prj_ofTheTeam",
}
BY_REFERENCE: Edit = (
    r"(?m)^    user: goals\n    urlScheme: .*$",
    "    url: { secret: goals-url, version: 1 }",
)
IMAGE = "europe-west1-docker.pkg.dev/acme-goals-dev/services/api:v41"


def adopting(*leave_out: str, **changes: list[str]) -> Edit:
    """The entries in the stack file, with what may be overwritten, by the kind of the resource."""
    entries = {
        key: {"id": id_, "changes": changes.get(key.partition("/")[0], [])}
        for key, id_ in IDS.items()
        if key not in leave_out
    }
    return r"(?m)^  plimsoll:cloud:$", f"  plimsoll:adopt: {json.dumps(entries)}\n  plimsoll:cloud:"


class System:
    """What runs, as a team made it with nobody's help, and our stack, which knows nothing of it yet."""

    def __init__(self, stack: Stack, cloud: LocalCloud, made: dict[str, Record]) -> None:
        self.stack, self.cloud, self._made = stack, cloud, made

    def lives(self, **differently: dict[str, Any]) -> None:
        """Let exactly what `IDS` names live, each as we would make it but for these properties."""
        for record in self.cloud.records:
            self.cloud.state.remove(record.type, record.id)
        for key, id_ in IDS.items():
            record = self._made[key]
            properties = merged(record.properties, differently.get(key.partition("/")[0], {}))
            self.cloud.state.put(replace(record, id=id_, urn="", properties=properties))

    def refusal(self, *edits: Edit) -> str:
        """What a plain preview says when it refuses; nothing was changed by it."""
        before = self.cloud.records
        ran = self.stack.pulumi("preview", edits=(BY_REFERENCE, *edits))
        assert ran.code != 0, ran.stdout
        assert self.cloud.records == before
        return ran.stdout + ran.stderr

    def do(self, *arguments: str, edits: tuple[Edit, ...] = ()) -> Ran:
        return self.stack.pulumi(*arguments, edits=(BY_REFERENCE, *edits))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("adoption")
    (folder / "theirs").mkdir()
    (folder / "ours").mkdir()
    with LocalCloud(interpreter=Path(sys.executable), state=folder / "cloud.jsonl") as cloud:
        theirs = Stack("dev", folder / "theirs", cloud)
        up = theirs.pulumi("up", "--yes", "--skip-preview", edits=(BY_REFERENCE,))
        assert up.code == 0, up.stdout
        made = {key_of(one.type, one.urn.rpartition("::")[2]) or one.id: one for one in cloud.records}
        yield System(Stack("dev", folder / "ours", cloud), cloud, made)


def live(system: System, type_: str) -> dict[str, Any]:
    [record] = [one for one in system.cloud.records if one.type == type_]
    return dict(record.properties)


DIFFERENT = {
    "service": ({"template": {"timeout": "300s"}}, 'template.timeout ("300s" → "60s")'),
    "instance": ({"settings": {"tier": "db-f1-micro"}}, 'settings.tier ("db-f1-micro" → "db-g1-small")'),
    "frontend": ({"nodeVersion": "20.x"}, 'nodeVersion ("20.x" → "22.x")'),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_lives_with_other_settings_is_refused_with_their_names(system: System, kind: str):
    properties, said = DIFFERENT[kind]
    system.lives(**{kind: properties})
    refused = system.refusal(adopting())
    assert said in refused
    assert "changes: [" in refused


def test_what_lives_in_another_region_would_be_replaced_and_is_refused(system: System):
    system.lives(service={"location": "us-central1"})
    refused = system.refusal(adopting())
    assert "service/api lives as" in refused
    assert "would be deleted and created anew" in refused
    assert "us-central1" in refused


def test_an_id_of_something_that_does_not_exist_is_refused(system: System):
    system.lives()
    system.cloud.state.remove("vercel:index/project:Project", IDS["frontend/frontend"])
    assert "prj_ofTheTeam" in system.refusal(adopting())


def test_a_live_user_that_is_not_adopted_gets_no_new_password(system: System):
    """Where the database is adopted nobody makes its user: the live one would lose its password."""
    system.lives()
    user = live_user(system)
    before = system.cloud.records
    for arguments in (("preview",), ("up", "--yes", "--skip-preview")):
        ran = system.stack.pulumi(*arguments, edits=(adopting(),))
        assert ran.code != 0
        assert "plimsoll:database" in ran.stdout + ran.stderr
        assert "secret" in ran.stdout + ran.stderr
    assert system.cloud.records == before
    assert system.cloud.state.find(user.type, user.id) == user


def live_user(system: System) -> Record:
    inputs = {"instance": "goals-dev", "name": "goals", "password": "of-the-team"}
    return system.cloud.seed("gcp:sql/user:User", "goals//goals-dev", inputs)


def test_adopted_settled_the_entries_removed_and_a_key_renamed(system: System):
    """In this order, as a team would: each step stands on the one before."""
    system.lives(
        service={"template": {"timeout": "300s", "containers": containers(system)}},
        instance={"settings": {"tier": "db-f1-micro"}},
        frontend={"nodeVersion": "20.x"},
    )
    user = live_user(system)
    entries = adopting(service=["template.timeout"], instance=["settings.tier"], frontend=["nodeVersion"])
    up = system.do("up", "--yes", edits=(entries,))
    assert up.code == 0, up.stdout
    assert f"= {len(IDS)} imported" in up.stdout
    service = live(system, "gcp:cloudrunv2/service:Service")
    assert service["template"]["timeout"] == "60s"
    # The pipeline's, not the stack file's.
    assert service["template"]["containers"][0]["image"] == IMAGE
    assert [one for one in system.cloud.records if one.type == user.type] == [user]

    settled = system.do("preview", "--expect-no-changes", edits=(entries,))
    assert settled.code == 0, settled.stdout
    removed = system.do("preview", "--expect-no-changes")
    assert removed.code == 0, removed.stdout

    # While an entry stands, what is adopted is guarded.
    guarded = system.do("preview", edits=(adopting(), (r"\bmemory: \S+", "memory: 1Gi")))
    assert "template.containers[0].resources.limits.memory" in guarded.stdout + guarded.stderr
    assert guarded.code != 0

    name = (r"(?m)^    web:$", "    web:\n      name: goals-api\n      was: api")
    renamed = system.do("preview", "--json", edits=(*RENAMED, name))
    assert renamed.code == 0, renamed.stdout
    assert set(renamed.changes) == {"update"}


def containers(system: System) -> list[dict[str, Any]]:
    """The service's container with the image that a pipeline has deployed by now."""
    [container] = system._made["service/api"].properties["template"]["containers"]
    return [{**container, "image": IMAGE}]
