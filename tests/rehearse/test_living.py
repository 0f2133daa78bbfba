"""What lives before a rehearsal begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plimsoll.localcloud.state import Record
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.living import living, merged, read_live

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = Record(
    "vercel:index/project:Project",
    "prj_made",
    "urn:pulumi:dev::goals::vercel:index/project:Project::frontend",
    inputs={"name": "goals"},
    properties={"name": "goals", "nodeVersion": "22.x"},
)
DOMAIN = Record(
    "vercel:index/projectDomain:ProjectDomain",
    "acme.com",
    "urn:pulumi:dev::goals::x:y:Z$vercel:index/projectDomain:ProjectDomain::domain",
    inputs={"projectId": "prj_made", "domain": "acme.com"},
    properties={"projectId": "prj_made", "domain": "acme.com"},
)
IDS = {"frontend/frontend": "prj_live", "domain/domain": "prj_live/acme.com"}


def test_it_lives_under_the_adopted_id_and_so_does_what_refers_to_it():
    project, domain = living([PROJECT, DOMAIN], IDS, {})
    assert (project.id, project.urn, project.properties) == ("prj_live", "", PROJECT.properties)
    assert domain.id == "prj_live/acme.com"
    # An id that is its own name goes on meaning the name.
    assert domain.properties == {"projectId": "prj_live", "domain": "acme.com"}


def test_it_differs_as_it_is_said_to():
    (project,) = living(
        [PROJECT], {"frontend/frontend": "prj_live"}, {"frontend/frontend": {"nodeVersion": "20.x"}}
    )
    assert project.properties["nodeVersion"] == "20.x"


def test_what_is_named_and_not_adopted_lives_under_its_own_id():
    (project,) = living([PROJECT, DOMAIN], {}, {"frontend/frontend": {}})
    assert project.id == "prj_made"


def test_what_the_program_does_not_declare_is_refused_with_the_nearest():
    with pytest.raises(RehearsalError) as refused:
        list(living([PROJECT], {}, {"frontend/frontent": {}}))
    assert refused.value.remedy == "did you mean `frontend/frontend`?"


def test_null_takes_a_property_away_and_a_list_is_replaced_whole():
    changes = {"a": None, "b": {"c": 2}, "d": [3]}
    assert merged({"a": 1, "b": {"c": 1, "e": 1}, "d": [1, 2]}, changes) == {"b": {"c": 2, "e": 1}, "d": [3]}


@pytest.mark.parametrize("text", ["{", "[]", '{"service/api": 1}'])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str):
    file = tmp_path / "live.json"
    file.write_text(text, "utf-8")
    with pytest.raises(RehearsalError, match=r"live\.json"):
        read_live(file)
    with pytest.raises(RehearsalError, match="cannot be read"):
        read_live(tmp_path / "none.json")
