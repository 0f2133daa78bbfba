"""Imports run one way (DESIGN: Rooms). Read from the source: an import inside a function counts too."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


def modules(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Every name that the file imports, as absolute dotted names."""
    package = list(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module or ""]).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def reaches(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


OUTSIDE = ("pulumi", "pulumi_gcp", "pulumiverse_vercel", "pulumi_random", "google", "grpc")
EDGES = ("plimsoll.cli", "plimsoll.preview", "plimsoll.guest", "infra", "policies", "telemetry")
PURE = [
    "plimsoll/units.py",
    "plimsoll/connections.py",
    "plimsoll/cost.py",
    "plimsoll/limits",
    "plimsoll/slo",
    "plimsoll/settings/model.py",
    "plimsoll/settings/values.py",
    "plimsoll/settings/rules",
    "plimsoll/settings/explain.py",
    "plimsoll/settings/differences.py",
    "plimsoll/settings/validate.py",
    "plimsoll/settings/schema.py",
    "plimsoll/paths.py",
    "plimsoll/preview/plan.py",
    "plimsoll/preview/difference.py",
    "plimsoll/preview/promises.py",
    "plimsoll/preview/floor.py",
    "plimsoll/preview/promises_difference.py",
    "plimsoll/preview/cost_difference.py",
    "plimsoll/preview/comparison.py",
    "plimsoll/preview/report",
    "plimsoll/preview/stateful.py",
    "plimsoll/rehearse/changes.py",
    "plimsoll/rehearse/dynamic.py",
    "plimsoll/rehearse/outcome.py",
    "plimsoll/rehearse/protection.py",
    "plimsoll/rehearse/report.py",
]

FORBIDDEN = [
    *[pytest.param(place, OUTSIDE, id=f"{place}-knows-no-vendor") for place in PURE],
    *[
        pytest.param(place, EDGES, id=f"{place}-knows-no-edge")
        for place in PURE
        if not place.startswith(("plimsoll/preview", "plimsoll/rehearse"))
    ],
    *[
        pytest.param(
            place, ("subprocess", "socket", "http", "urllib.request", "os"), id=f"{place}-does-nothing"
        )
        for place in PURE
    ],
    pytest.param("plimsoll/settings", EDGES, id="settings-know-no-edge"),
    pytest.param("plimsoll/preview", ("infra", "policies", "plimsoll.cli"), id="preview-serves-any-program"),
    pytest.param(
        "plimsoll/checkout",
        ("infra", "policies", "plimsoll.cli", "plimsoll.preview", "plimsoll.rehearse", *OUTSIDE),
        id="checkout-knows-files-alone",
    ),
    pytest.param(
        "plimsoll/rehearse", ("infra", "policies", "plimsoll.cli"), id="rehearse-serves-any-program"
    ),
    pytest.param(
        "plimsoll/engine",
        ("infra", "policies", "plimsoll.cli", "plimsoll.settings", "plimsoll.localcloud"),
        id="engine-serves-any-program",
    ),
    pytest.param(
        "plimsoll/localcloud",
        ("infra", "policies", "plimsoll.cli", "plimsoll.settings", "plimsoll.engine"),
        id="localcloud-serves-any-program",
    ),
    pytest.param(
        "plimsoll/localdb",
        ("infra", "policies", "plimsoll.cli", "plimsoll.settings", "plimsoll.preview", "plimsoll.engine"),
        id="localdb-serves-any-program",
    ),
    pytest.param("plimsoll/guest", ("infra", "policies", "plimsoll.cli"), id="guest-serves-any-program"),
    pytest.param(
        "infra", ("plimsoll.cli", "plimsoll.preview", "plimsoll.guest"), id="infra-knows-the-core-alone"
    ),
]


@pytest.mark.parametrize(("place", "rooms"), FORBIDDEN)
def test_imports_run_one_way(place: str, rooms: tuple[str, ...]):
    files = modules(place)
    assert files
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in imports(file)
        if any(reaches(name, room) for room in rooms)
    ]
    assert not wrong


@pytest.mark.parametrize(
    "file", ["run_program", "check_inputs", "language_program", "policy_pack", "serve_pack"]
)
def test_what_runs_in_somebody_elses_interpreter_needs_pulumi_alone(file: str):
    needs = {*sys.stdlib_module_names, "pulumi", "__future__"}
    # The SDK depends on gRPC and protobuf, whose messages a pack's launcher reads.
    needs |= {"grpc", "google"} if file == "policy_pack" else set()
    for name in imports(ROOT / f"plimsoll/guest/{file}.py"):
        assert name.partition(".")[0] in needs, name
