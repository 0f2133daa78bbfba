"""A Plan from the engine: what `pulumi preview --json --show-sames` and its events say.

As far as the engine tells: inputs are those after the providers' Check; options that the state does not hold
(`deleteBeforeReplace`, and `aliases` where they are not URNs) are as if not given. The default providers that
the engine adds are left out, as the program did not declare them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll import guest
from plimsoll.engine.events import StepEvent, decode
from plimsoll.preview.plan import (
    STACK_TYPE,
    Alias,
    Options,
    Plan,
    ProviderReference,
    Resource,
    Severity,
    Source,
    SourcePosition,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plimsoll.engine.run import Engine, Ran
    from plimsoll.preview.plan import Value

PREVIEW: Final = ("preview", "--json", "--show-sames")

STEPS: Final = {
    "same": Step.SAME,
    "create": Step.CREATE,
    "read": Step.READ,
    "import": Step.IMPORT,
    "update": Step.UPDATE,
    "delete": Step.DELETE,
    "replace": Step.REPLACE,
    "create-replacement": Step.REPLACE,
    "delete-replaced": Step.REPLACE,
    "read-replacement": Step.REPLACE,
    "import-replacement": Step.REPLACE,
    "discard-replaced": Step.REPLACE,
}
"""The Plan's step for each operation of the engine. What is not here (a refresh) changes no resource."""

DEFAULT_PROVIDER: Final = "default"
"""The name, or how it begins, of a provider that the engine adds."""

PROGRAM: Final = Path(guest.__file__).parent.resolve() / "language_program.py"
"""What our language host runs programs with; no place in a program, even in our own checkout."""


def preview(
    engine: Engine, stack: str, *, cwd: Path, arguments: Sequence[str] = (), timeout: float = 600.0
) -> tuple[Plan, Ran]:
    """Preview a stack on the engine: the Plan, and the run with its events and policy results.

    `cwd` is the folder of Pulumi.yaml; `arguments` are added to the command (`--refresh`, `--policy-pack
    DIR`). Raises EngineError where the preview fails, a mandatory policy's violation included: a plan is
    whole, or there is none.
    """
    ran = engine.require([*PREVIEW, "--stack", stack, *arguments], cwd=cwd, timeout=timeout)
    return to_plan(json.loads(ran.stdout), ran, cwd), ran


def to_plan(digest: Mapping[str, Any], ran: Ran, root: Path) -> Plan:
    """The Plan of a preview of the project in `root` that succeeded, from what it printed and its events."""
    by_urn: dict[str, list[Mapping[str, Any]]] = {}
    for step in digest.get("steps") or ():
        if step["op"] in STEPS and not _is_default_provider(step["urn"]):
            by_urn.setdefault(step["urn"], []).append(step)
    outputs = {event.urn: event.outputs for event in ran.steps if event.stage == "done" and event.preview}
    resources = tuple(_resource(urn, steps, outputs.get(urn, {}), root) for urn, steps in by_urn.items())
    itself = next((resource for resource in resources if resource.type == STACK_TYPE), None)
    stack, project = _names(ran.steps)
    return Plan(
        project=project,
        stack=stack,
        source=Source.ENGINE,
        knows_state=True,
        resources=tuple(sorted(resources, key=lambda resource: resource.type != STACK_TYPE)),
        outputs={} if itself is None else itself.outputs,
        diagnostics=tuple(said for said in ran.diagnostics if said.severity is not Severity.INFO),
        program_output=tuple(
            line
            for said in ran.diagnostics
            if said.severity is Severity.INFO and said.urn is None
            for line in said.message.splitlines()
        ),
        seconds=ran.seconds,
    )


def _resource(
    urn: str, steps: Sequence[Mapping[str, Any]], outputs: dict[str, Value], root: Path
) -> Resource:
    # Of the steps of a replacement, those that make the new resource tell of it; a deletion has the old only.
    state = next((step["newState"] for step in steps if step.get("newState")), None) or steps[0]["oldState"]
    operations = dict.fromkeys(STEPS[step["op"]] for step in steps)
    return Resource(
        urn=urn,
        type=state["type"],
        name=urn.rpartition("::")[2],
        parent=state.get("parent"),
        custom=state["custom"],
        read=state.get("external", False),
        provider=_provider(state.get("provider", "")),
        inputs=decode(state.get("inputs")),
        outputs=outputs,
        dependencies=tuple(sorted(state.get("dependencies") or ())),
        property_dependencies={
            name: tuple(sorted(urns))
            for name, urns in (state.get("propertyDependencies") or {}).items()
            if urns
        },
        options=_options(state),
        source=_source(state, root),
        steps=tuple(operations),
    )


def _options(state: Mapping[str, Any]) -> Options:
    trigger = decode({"trigger": state["replacementTrigger"]}) if "replacementTrigger" in state else {}
    return Options(
        protect=state.get("protect", False),
        retain_on_delete=state.get("retainOnDelete", False),
        import_id=state.get("importID", ""),
        deleted_with=state.get("deletedWith", ""),
        aliases=tuple(Alias(urn=urn) for urn in state.get("aliases") or ()),
        ignore_changes=tuple(state.get("ignoreChanges") or ()),
        replace_on_changes=tuple(state.get("replaceOnChanges") or ()),
        replace_with=tuple(state.get("replaceWith") or ()),
        replacement_trigger=trigger.get("trigger"),
        additional_secret_outputs=tuple(state.get("additionalSecretOutputs") or ()),
        hooks=tuple(
            sorted({name for names in (state.get("resourceHooks") or {}).values() for name in names})
        ),
        custom_timeouts={
            name: f"{seconds:g}s" for name, seconds in (state.get("customTimeouts") or {}).items() if seconds
        },
    )


def _provider(reference: str) -> ProviderReference | None:
    """A provider from the engine's `URN::id`; of a default one the package only."""
    if not reference:
        return None
    urn = reference.rpartition("::")[0]
    if _is_default_provider(urn):
        return ProviderReference(urn.split("::")[-2].rpartition(":")[2], explicit=False)
    return ProviderReference(urn, explicit=True)


def _is_default_provider(urn: str) -> bool:
    """Whether the engine added a provider: it names it `default`, or `default_` and a version."""
    type_, _, name = urn.rpartition("::")
    return ":providers:" in type_ and (name == DEFAULT_PROVIDER or name.startswith(f"{DEFAULT_PROVIDER}_"))


def _source(state: Mapping[str, Any], root: Path) -> SourcePosition | None:
    """The innermost frame of the program's own: in the project, in no environment there, and not ours."""
    frames: list[str] = [state.get("sourcePosition", "")]
    frames += [frame.get("sourcePosition", "") for frame in state.get("stackTrace") or ()]
    for frame in frames:
        file, _, line = frame.removeprefix("project:///").partition("#")
        if not (line and frame.startswith("project:///")) or file.startswith("../"):
            continue
        if "site-packages/" not in file and (root / file).resolve() != PROGRAM:
            return SourcePosition(file, int(line.partition(",")[0]))
    return None


def _names(steps: Iterable[StepEvent]) -> tuple[str, str]:
    """The names of stack and project, from any URN (`urn:pulumi:STACK::PROJECT::…`); the stack is one."""
    for step in steps:
        stack, project = step.urn.split("::")[:2]
        return stack.removeprefix("urn:pulumi:"), project
    return "", ""
