"""A Plan from the engine: what `pulumi preview --json --show-sames` and its events say.

As far as the engine tells: inputs are those after the providers' Check; options that the state does not hold
(`deleteBeforeReplace`, and `aliases` where they are not URNs) are as if not given. The default providers that
the engine adds are left out, as the program did not declare them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll import guest
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.events import SEVERITIES, decode
from plimsoll.preview.plan import (
    STACK_TYPE,
    Alias,
    Diagnostic,
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
    stack, project = _names(event.urn for event in ran.steps)
    return Plan(
        project=project,
        stack=stack,
        source=Source.ENGINE,
        knows_state=True,
        resources=_stack_first(resources),
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


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file of the engine's says: the stack as it is, and as it would be.

    `forced` has, by URN, the property paths for which the engine replaces a resource.
    """

    before: Plan
    after: Plan
    forced: Mapping[str, tuple[str, ...]]


def read_preview(text: str, root: Path) -> Preview:
    """Read what `pulumi preview --json --show-sames` wrote about a project whose folder is `root`.

    Outputs are not in it. Raises EngineError (`Failure.NO_PREVIEW`) for what is no preview, a preview that
    failed, or one without the resources that stay as they are.
    """
    digest = _digest(text)
    steps = [
        step for step in digest["steps"] if step["op"] in STEPS and not _is_default_provider(step["urn"])
    ]
    if not steps:
        raise _no_preview("it speaks of no resource", "was the stack's name right? pulumi stack ls")
    by_urn: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        by_urn.setdefault(step["urn"], []).append(step)
    old = [
        _resource(urn, [{"op": "same", "newState": state}], {}, root)
        for urn, ours in by_urn.items()
        if (state := ours[0].get("oldState")) is not None
    ]
    new = [
        _resource(urn, ours, {}, root)
        for urn, ours in by_urn.items()
        if any(step.get("newState") is not None for step in ours)
    ]
    stack, project = _names(by_urn)
    said = _diagnostics(digest)

    def plan(resources: Sequence[Resource]) -> Plan:
        return Plan(
            project=project,
            stack=stack,
            source=Source.ENGINE,
            knows_state=True,
            resources=_stack_first(resources),
            outputs={},
            diagnostics=said,
            seconds=(digest.get("duration") or 0) / 1e9,
        )

    forced = {urn: _forced(ours) for urn, ours in by_urn.items()}
    return Preview(plan(old), plan(new), forced)


def _digest(text: str) -> dict[str, Any]:
    remedy = "write one: pulumi preview --json --show-sames > FILE"
    try:
        digest = json.loads(text)
    except ValueError as error:
        raise _no_preview(f"it is not JSON ({error})", remedy) from None
    if not isinstance(digest, dict) or not ({"steps", "changeSummary", "diagnostics"} & digest.keys()):
        raise _no_preview("it has no `steps`", remedy)
    errors = [said["message"].strip() for said in _said(digest) if said.get("severity") == "error"]
    if errors:
        message = "\n      ".join(dict.fromkeys(errors))
        raise _no_preview(f"the preview failed: {message}", "mend that, and preview again")
    steps = digest.setdefault("steps", [])
    if not isinstance(steps, list) or not all(map(_is_step, steps)):
        raise _no_preview("its `steps` are not the engine's", remedy)
    summary = digest.get("changeSummary") or {}
    left_out = summary.get("same", 0) - sum(step["op"] == "same" for step in steps)
    if left_out > 0:
        message = f"{left_out} that stay as they are were left out, and what they promise with them"
        raise _no_preview(message, remedy)
    return digest


def _is_step(step: object) -> bool:
    """Whether it has what is read of a step: operation, URN, and states with a type."""
    if not isinstance(step, dict):
        return False
    states = [state for name in ("oldState", "newState") if (state := step.get(name)) is not None]
    whole = all(isinstance(state, dict) and {"type", "custom"} <= state.keys() for state in states)
    urn = step.get("urn")
    named = isinstance(step.get("op"), str) and isinstance(urn, str) and urn.count("::") >= 3
    return named and whole and (bool(states) or step["op"] not in STEPS)


def _no_preview(message: str, remedy: str) -> EngineError:
    return EngineError(Failure.NO_PREVIEW, f"this is no whole preview of the engine's: {message}", remedy)


def _said(digest: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    said = digest.get("diagnostics")
    return [one for one in (said if isinstance(said, list) else []) if isinstance(one, dict)]


def _diagnostics(digest: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    found = (
        (SEVERITIES.get(one.get("severity", "")), str(one.get("message", "")), one.get("urn"))
        for one in _said(digest)
    )
    return tuple(
        Diagnostic(severity, message.strip(), urn or None)
        for severity, message, urn in found
        if severity is not None and severity is not Severity.INFO
    )


def _forced(steps: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The paths that force a replacement: as exact as the provider's detailed diff has them."""
    detailed = {
        path
        for step in steps
        for path, change in (step.get("detailedDiff") or {}).items()
        if change["kind"].endswith("-replace")
    }
    named = {path for step in steps for path in step.get("replaceReasons") or ()}
    return tuple(sorted(detailed or named))


def _stack_first(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda resource: resource.type != STACK_TYPE))


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


def _names(urns: Iterable[str]) -> tuple[str, str]:
    """The names of stack and project, from any URN (`urn:pulumi:STACK::PROJECT::…`); the stack is one."""
    for urn in urns:
        stack, project = urn.split("::")[:2]
        return stack.removeprefix("urn:pulumi:"), project
    return "", ""
