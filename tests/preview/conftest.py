"""Previews of the small programs in tests/foreign: real processes under the real SDK."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.preview.failure import PreviewError
from plimsoll.preview.offline import ProgramJob, preview_offline

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan

FOREIGN = Path(__file__).parent.parent / "foreign"


@pytest.fixture(scope="session")
def job() -> Callable[..., ProgramJob]:
    """The program tests/foreign/NAME as a job."""

    def make(name: str, stack: str = "dev", **changes: Any) -> ProgramJob:
        root = changes.pop("root", FOREIGN / name)
        given: dict[str, Any] = {"program": root, "interpreter": Path(sys.executable), **changes}
        return ProgramJob(project=name, stack=stack, root=root, **given)

    return make


@pytest.fixture(scope="session")
def preview(job: Callable[..., ProgramJob]) -> Callable[..., Plan]:
    """The plan of a foreign program."""
    return lambda *which, **changes: preview_offline(job(*which, **changes))


@pytest.fixture(scope="session")
def refusal(job: Callable[..., ProgramJob]) -> Callable[..., PreviewError]:
    """The reason why a foreign program has no plan."""

    def refused(*which: str, **changes: Any) -> PreviewError:
        with pytest.raises(PreviewError) as caught:
            preview_offline(job(*which, **changes))
        return caught.value

    return refused
