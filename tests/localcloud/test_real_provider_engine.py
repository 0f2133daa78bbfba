"""The real engine on the local cloud with a real provider as judge: what it decides is what is shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.plugins import Plugins
from plimsoll.localcloud.proxy import Proxy
from plimsoll.localcloud.wire import bare, is_secret
from tests.localcloud.conftest import install_plugin, starting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.localcloud.conftest import Engine

pytestmark = pytest.mark.engine

TYPE = "harbour:index:Berth"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    plugin = install_plugin(tmp_path / "plugin")
    with LocalCloud(
        interpreter=Path(sys.executable),
        state=tmp_path / "cloud.jsonl",
        plugins=Plugins(named={"harbour": plugin}),
    ) as local:
        yield local


@pytest.fixture
def stack(cloud: LocalCloud, tmp_path: Path) -> Iterator[Engine]:
    with starting(cloud, tmp_path) as start:
        yield start("harbour")


def test_a_stack_lives_as_its_provider_decides(cloud: LocalCloud, stack: Engine):
    first = stack.succeed("preview")
    assert cloud.records == ()
    made = stack.succeed("up")
    assert made.counts == first.counts
    # Explicit providers and the default one are configured each for itself.
    by_name = {record.urn.rpartition("::")[2]: record for record in cloud.records}
    projects = {name: record.properties.get("project") for name, record in by_name.items()}
    assert projects == {"one": "acme-north", "two": "acme-south", "three": "acme", "rope": None}

    assert stack.succeed("preview", expect_no_changes=True).counts == {}
    stack.succeed("refresh", expect_no_changes=True)
    key = by_name["one"].properties["key"]
    assert is_secret(key)
    exported = stack.command("stack", "export", "--stack", "dev")
    assert "acme-north" in exported
    assert not [text for text in (bare(key), "hunter2hunter2") if text in exported]

    # An update, and what reads its changed tag.
    stack.edit("__main__.py", '"length": 3', '"length": 6')
    updated = stack.succeed("preview")
    assert updated.of("update") == {
        "harbour:Berth one": {"length": "update"},
        "harbour:Mooring rope": {"seen": "update"},
    }
    stack.succeed("up")
    assert stack.succeed("preview", expect_no_changes=True).counts == {}

    # A replacement: made first where the provider made up the name, deleted first where the program did.
    stack.edit("__main__.py", '"length": 6, ', '"length": 6, "size": "large", ')
    stack.edit("__main__.py", '"size": "large"}, south', '"size": "huge"}, south')
    replaced = stack.succeed("preview")
    assert replaced.of("replace") == {
        "harbour:Berth one": {"size": "update-replace"},
        "harbour:Berth two": {"size": "update-replace"},
    }
    assert "harbour:Mooring rope" in replaced.of("update")
    applied = stack.succeed("up")
    order = [(step["urn"].rpartition("::")[2], step["op"]) for step in applied.steps]
    assert order.index(("one", "create-replacement")) < order.index(("one", "delete-replaced"))
    assert order.index(("two", "delete-replaced")) < order.index(("two", "create-replacement"))
    assert stack.succeed("preview", expect_no_changes=True).counts == {}

    # Behind the engine's back, and taken over.
    two = next(record for record in cloud.records if record.urn.endswith("::two"))
    cloud.state.edit(TYPE, two.id, {"length": 9})
    drifted = stack.do("refresh", expect_no_changes=True)
    assert drifted.failed
    cloud.seed(TYPE, "berths/old", {"length": 7, "name": "old"})
    owned = 'Berth("old", {"length": 7, "name": "old"}, pulumi.ResourceOptions(import_="berths/old"))'
    stack.edit("__main__.py", 'pulumi.export("url"', f'{owned}\npulumi.export("url"')
    taken = stack.succeed("up")
    assert list(taken.of("import")) == ["harbour:Berth old"]
    assert list(taken.of("update")) == ["harbour:Berth two"]
    assert stack.succeed("preview", expect_no_changes=True).counts == {}

    stack.succeed("destroy")
    assert cloud.records == ()
    assert cloud.failure is None
    assert (cloud.judgement.judge, cloud.judgement.unproven) == ("harbour: provider 1.4.2 (plugin)", ())


def test_what_its_check_refuses_is_shown_by_path(stack: Engine):
    stack.edit("__main__.py", '{"quay": "east"}', '{"quai": "east"}')
    stack.edit("__main__.py", '"length": 4', '"length": "four"')
    refused = stack.do("preview")
    assert refused.failed
    assert "dock.quai" in refused.said
    assert "Invalid or unknown key" in refused.said
    # And its own configuration, before anything else.
    stack.edit("__main__.py", "0123456789abcdef01234567", "a token")
    refused = stack.do("preview")
    assert refused.failed
    assert "24 hexadecimal characters" in refused.said


def test_to_echo_what_was_asked_for_is_not_enough(stack: Engine, monkeypatch: pytest.MonkeyPatch):
    """The tests above can fail: without what the provider adds, an unchanged program would be replaced."""
    monkeypatch.setattr(Proxy, "_planned", lambda *_: None)
    stack.succeed("up")
    again = stack.do("preview", expect_no_changes=True)
    assert again.failed
    assert again.of("replace")["harbour:Berth one"] == {"project": "add-replace"}
