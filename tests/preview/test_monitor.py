"""What the monitor answers does not depend on the order in which requests happen to arrive."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

import grpc
import pytest
from pulumi.runtime.proto import resource_pb2, source_pb2

from plimsoll.preview.decode import Mask
from plimsoll.preview.failure import Failure, Run, explain
from plimsoll.preview.monitor import Monitor
from plimsoll.preview.process import Ended

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path("/project")
CONTEXT = create_autospec(grpc.ServicerContext)


def register(monitor: Monitor, name: str, line: int) -> None:
    position = source_pb2.SourcePosition(uri=f"file://{ROOT}/__main__.py", line=line)
    request = resource_pb2.RegisterResourceRequest(type="a:b:C", name=name, sourcePosition=position)
    monitor.RegisterResource(request, CONTEXT)


@pytest.mark.parametrize("lines", list(itertools.permutations([2, 3, 10])))
def test_of_resources_with_one_urn_the_first_two_in_the_source_are_told(lines: Sequence[int]):
    declared: list[str] = []
    monitor = Monitor(
        project="shop", stack="dev", organization="organization", root=ROOT, on_declared=declared.append
    )
    for line in lines:
        register(monitor, "pet", line)
    error = explain(
        Run(
            ended=Ended(record={"event": "end", "error": None}, exit_code=0, where=None, stack=()),
            refusals=monitor.refusals,
            diagnostics=(),
            stack_registered=True,
            wrong_inputs=(),
            root=ROOT,
            interpreter=Path("python"),
            timeout=1,
            mask=Mask(()),
        )
    )
    urn = "urn:pulumi:dev::shop::a:b:C::pet"
    assert error is not None
    assert error.kind is Failure.DUPLICATE_RESOURCE
    assert error.message == f"Two resources have the URN {urn} (first at __main__.py:2)"
    assert str(error.place) == "__main__.py:3"
    assert str(monitor.declarations[urn].source) == "__main__.py:2"
    assert declared == [urn]
