"""The offline plan and the real engine's agree, resource by resource.

A program is run twice: offline, and by the engine on a local cloud as a first deployment. What it asked of
the engine's monitor is recorded in between, before any provider's Check, and read as the offline preview
reads it; the engine's own state of the same run tells what became of it.

The normalisations are these, and no others:

- **Order.** Registrations reach a monitor in any order; the plans are compared by URN.
- **Providers' answers.** A provider that is asked knows outputs that offline nobody does (an id that follows
  from a name): where an input is unknown offline, the engine may know it.
- **Secret unknowns.** That an output is both unknown and secret is lost in the engine's preview, and kept
  offline.
- **What the state does not hold.** Aliases that are no URNs, `deleteBeforeReplace`, `hideDiffs`, the SDK's
  version, environment variables of providers, the URL of a plugin and the id of a read are compared in the
  requests alone; `customTimeouts` are seconds there.
- **Inputs in the state** are those after Check, secrets as `[secret]`: inputs are compared in the requests
  alone. So is what depends on which: the engine leaves out dependencies on components.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.proto import resource_pb2

from plimsoll.engine import plan as engine_plan
from plimsoll.engine.find import find
from plimsoll.engine.run import Engine, Workspace
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.preview.declared import declare, to_resources
from plimsoll.preview.decode import Decoder
from plimsoll.preview.offline import preview_offline
from plimsoll.preview.plan import STACK_TYPE, resource_to_json
from plimsoll.preview.project import job_of
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.preview.plan import Plan, Resource

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parent.parent.parent
FOREIGN = ROOT / "tests" / "foreign"


PROGRAMS = (
    *("shop", "cloud", "garden", "dictionaries", "classes", "components", "renamed", "regions", "fleet"),
    *("functions", "vault"),
)
"""Those of tests/foreign that run on an engine as they are."""


@dataclass(frozen=True)
class Case:
    """A project to copy: its folders and files, and the stack to preview."""

    root: Path
    stack: str
    parts: tuple[str, ...] = ()


CASES = {
    "dev": Case(ROOT, "dev", ("infra", "Pulumi.yaml", "Pulumi.dev.yaml")),
    "prod": Case(ROOT, "prod", ("infra", "Pulumi.yaml", "Pulumi.prod.yaml")),
    **{name: Case(FOREIGN / name, "dev") for name in PROGRAMS},
}


@dataclass(frozen=True)
class Both:
    """One program's plans: offline, as it asked the engine, and as the engine has it."""

    offline: Plan
    asked: tuple[Resource, ...]
    engine: Plan


def copy(case: Case, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    if not case.parts:
        shutil.copytree(case.root, target, ignore=ignored)
        return
    target.mkdir()
    for part in case.parts:
        source = case.root / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=ignored)
        else:
            shutil.copy(source, target / part)


def run(case: Case, folder: Path) -> Both:
    root = folder / "project"
    copy(case, root)
    (root / ".venv").symlink_to(sys.prefix)
    if (program := root / "__main__.py").is_file():  # The engine would fetch a remote asset, to hash it.
        remote = 'pulumi.RemoteAsset("https://example.com/a.txt")'
        program.write_text(program.read_text("utf-8").replace(remote, 'pulumi.StringAsset("a")'), "utf-8")
    project = find_project(root)
    job = job_of(project, case.stack, 120, Path(sys.executable))
    offline = preview_offline(job)
    file = folder / "recorded"
    program = job.program.resolve()
    recorder = (program if program.is_dir() else program.parent) / "recorder.py"
    shutil.copy(Path(__file__).with_name("recorder.py"), recorder)
    order = {"program": str(program), "file": str(file)}
    recorder.with_suffix(".json").write_text(json.dumps(order), "utf-8")
    lines = project.file.read_text("utf-8").splitlines()
    main = f"main: {recorder.relative_to(root)}"
    text = "\n".join([*(line for line in lines if not line.startswith("main:")), main])
    project.file.write_text(f"{text}\n", "utf-8")
    (root / "goods").mkdir()  # what shop sells; the engine looks into archives
    with LocalCloud(
        interpreter=Path(sys.executable),
        state=folder / "cloud.jsonl",
        packages=["parcel", "pulumi-python"],
    ) as cloud:
        for resource in offline.resources:
            if resource.options.import_id != "":
                cloud.seed(resource.type, resource.options.import_id, {})
        workspace = Workspace(
            folder / "backend", folder / "home", secrets.token_hex(), environment=cloud.environment
        )
        engine = Engine(find(), workspace)
        engine.require(["stack", "init", case.stack], cwd=root)
        found, _ = engine_plan.preview(engine, case.stack, cwd=root)
    return Both(offline, recorded(file, offline, root), found)


def recorded(file: Path, offline: Plan, root: Path) -> tuple[Resource, ...]:
    """What the program asked of the engine, with the URNs that the engine gave."""
    declarations, outputs = [], {}
    for line in file.read_text("utf-8").splitlines():
        method, message, urn = json.loads(line)
        request = getattr(resource_pb2, f"{method}Request").FromString(base64.b64decode(message))
        if method == "RegisterResourceOutputs":
            outputs[request.urn] = request.outputs
            continue
        declaration = declare(request, project=offline.project, stack=offline.stack, root=root)
        declarations.append(replace(declaration, urn=urn))
    declarations.sort(key=lambda it: it.urn.count("$"))  # parents first
    return to_resources(declarations, outputs, {}, Decoder())


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    return run(CASES[request.param], tmp_path_factory.mktemp(request.param).resolve())


UNKNOWN = {"$": "unknown"}
UNKNOWN_SECRET = {"$": "secret", "unknown": True}


def differing(offline: Any, engine: Any, path: str) -> Iterator[str]:
    """Paths at which the two differ, with both values; what is unknown offline may be known to the engine."""
    if offline == UNKNOWN or (offline == UNKNOWN_SECRET and engine == UNKNOWN):
        return
    if isinstance(offline, dict) and isinstance(engine, dict) and "$" not in offline:
        for name in sorted(offline.keys() | engine.keys()):
            yield from differing(offline.get(name), engine.get(name), f"{path}.{name}")
    elif isinstance(offline, list) and isinstance(engine, list) and len(offline) == len(engine):
        for index, (one, other) in enumerate(zip(offline, engine, strict=True)):
            yield from differing(one, other, f"{path}[{index}]")
    elif offline != engine:
        yield f"{path}: offline {json.dumps(offline)}, engine {json.dumps(engine)}"


def test_the_program_asks_the_engine_for_what_it_asks_offline(both: Both):
    asked = {resource.urn: resource for resource in both.asked}
    own = {resource.urn: resource for resource in both.offline.resources if resource.type != STACK_TYPE}
    asked = {urn: resource for urn, resource in asked.items() if resource.type != STACK_TYPE}
    assert sorted(own) == sorted(asked)
    wrong = [
        line
        for urn, resource in own.items()
        for line in differing(resource_to_json(resource), resource_to_json(asked[urn]), resource.name)
    ]
    assert wrong == []


IN_REQUESTS_ALONE = (
    "aliases",
    "deleteBeforeReplace",
    "hideDiffs",
    "version",
    "envVarMappings",
    "pluginDownloadUrl",
)
SECONDS = {"s": 1, "m": 60, "h": 3600}


def as_in_the_state(resource: Resource) -> dict[str, Any]:
    """A resource as far as the state can hold it."""
    told = resource_to_json(resource)
    for name in ("inputs", "outputs", "propertyDependencies", "steps", "dependencies"):
        del told[name]
    options = {name: value for name, value in told["options"].items() if name not in IN_REQUESTS_ALONE}
    timeouts = options.get("customTimeouts", {})
    for operation, length in timeouts.items():
        timeouts[operation] = f"{float(length[:-1]) * SECONDS[length[-1]]:g}s"
    if resource.read:
        options.pop("importId", None)
    told["options"] = options
    return told


def test_the_engines_state_has_what_the_plan_says(both: Both):
    states = {resource.urn: resource for resource in both.engine.resources}
    own = {resource.urn: resource for resource in both.offline.resources}
    assert sorted(own) == sorted(states)
    wrong = [
        line
        for urn, resource in own.items()
        for line in differing(as_in_the_state(resource), as_in_the_state(states[urn]), resource.name)
    ]
    assert wrong == []
    behind = {urn: set(resource.dependencies) for urn, resource in own.items() if resource.custom}
    components = {urn for urn, resource in own.items() if resource.component}
    assert {urn: on - components for urn, on in behind.items()} == {
        urn: set(states[urn].dependencies) - components for urn in behind
    }
