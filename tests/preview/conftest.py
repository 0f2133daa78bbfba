"""Previews of the small programs in tests/foreign: real processes under the real SDK, each run once."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.preview.offline import ProgramJob, preview_offline
from plimsoll.preview.failure import PreviewError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan

FOREIGN = Path(__file__).parent.parent / "foreign"


def job(name: str, stack: str = "dev", **changes: Any) -> ProgramJob:
    """The program tests/foreign/NAME as a job."""
    root = changes.pop("root", FOREIGN / name)
    interpreter = changes.pop("interpreter", Path(sys.executable))
    given = {"project": name, "root": root, "program": root, "interpreter": interpreter, "timeout": 30}
    return ProgramJob(stack=stack, **(given | changes))


@pytest.fixture(scope="session")
def preview() -> Callable[..., Plan]:
    """Preview a foreign program."""
    return lambda *which, **changes: preview_offline(job(*which, **changes))


@pytest.fixture(scope="session")
def refusal() -> Callable[..., PreviewError]:
    """Preview a foreign program that has no plan, and give the reason."""

    def refused(*which: str, **changes: Any) -> PreviewError:
        with pytest.raises(PreviewError) as caught:
            preview_offline(job(*which, **changes))
        return caught.value

    return refused
