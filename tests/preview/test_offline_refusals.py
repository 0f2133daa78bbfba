"""What only an engine or a provider can answer is refused by its name and place, with what to do instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.failure import Failure
from plimsoll.preview.plan import SourcePosition

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.failure import PreviewError

PROVIDER_FUNCTION = "gcp:organizations/getProject:getProject"
ENGINE = "pulumi preview"
PROGRAM = Path(__file__).parent.parent / "foreign" / "unsupported" / "__main__.py"

BLOCKING = 'get_project(project_id="example")'

REFUSED = [
    pytest.param(
        "blocking-invoke", PROVIDER_FUNCTION, BLOCKING, "_output", id="a provider function that blocks"
    ),
    pytest.param("caught-invoke", PROVIDER_FUNCTION, BLOCKING, "_output", id="one whose error is swallowed"),
    pytest.param("awaited-invoke", PROVIDER_FUNCTION, "invoke_async(", "_output", id="one that is awaited"),
    pytest.param("method", "random:index/pet:rename", "call(", ENGINE, id="a method of a resource"),
    pytest.param("stack-reference", "acme/network/prod", "StackReference(", ENGINE, id="another stack"),
    pytest.param(
        "stack-transform", "keep", "register_resource_transform(", "transformation", id="a stack's transform"
    ),
    pytest.param(
        "invoke-transform",
        "keep",
        "register_invoke_transform(",
        "transformation",
        id="a transform of functions",
    ),
    pytest.param(
        "resource-transform",
        "RandomPet 'pet'",
        "transforms=[keep]",
        "transformations",
        id="a resource's transform",
    ),
    pytest.param("remote-component", "awsx:ec2:Vpc 'vpc'", 'Vpc("vpc")', ENGINE, id="a plugin's component"),
]


def line_at(place: SourcePosition | None) -> str:
    assert place is not None
    assert place.file == "__main__.py"
    return PROGRAM.read_text().splitlines()[place.line - 1].strip()


@pytest.mark.parametrize(("stack", "name", "code", "instead"), REFUSED)
def test_is_refused(refusal: Callable[..., PreviewError], stack: str, name: str, code: str, instead: str):
    error = refusal("unsupported", stack)
    assert error.kind is Failure.UNSUPPORTED
    assert name in error.message
    assert code in line_at(error.place)
    assert instead in error.remedy


def test_two_resources_of_one_urn_are_refused_with_both_places(refusal: Callable[..., PreviewError]):
    error = refusal("unsupported", "twice")
    assert error.kind is Failure.DUPLICATE_RESOURCE
    assert "urn:pulumi:twice::unsupported::random:index/randomPet:RandomPet::pet" in error.message
    assert line_at(error.place) == 'random.RandomPet("pet", length=3)'
    first = re.search(r"first at __main__\.py:(\d+)", error.message)
    assert first
    assert str(error.frames[-1]) == f'{error.place}  random.RandomPet("pet", length=3)'
    assert line_at(SourcePosition("__main__.py", int(first[1]))) == 'random.RandomPet("pet")'
    assert {resource.name for resource in error.resources} == {"unsupported-twice", "pet", "other"}
