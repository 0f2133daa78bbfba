"""What the engine reports while it works (`--event-log`), as frozen records.

The form is `sdk/go/common/apitype/events.go`; the engine has taken the secrets out of it. Values are
the Plan's (`plimsoll.preview.plan`). Events of which nobody here knows the kind are left out: newer engines
have more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf import json_format, struct_pb2

from plimsoll.preview.decode import MASKED, SIGNATURE_KEY, Decoder, Signature
from plimsoll.preview.plan import Diagnostic, PolicyViolation, Severity

if TYPE_CHECKING:
    from plimsoll.preview.plan import Value

SEVERITIES: Final = {
    "info": Severity.INFO,
    "info#err": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
}
"""The Plan's severity for each of the engine's words."""


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """How a property changes. `kind` is add, delete or update, or one of these with `-replace` after it."""

    kind: str
    of_inputs: bool


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One step on one resource.

    `stage` is "begins", "done" or "failed"; of a `preview` nothing is really done. `operation` is the
    engine's word (create, update, same, create-replacement, …). `diffs` names the properties that change,
    `replaces` those that force a replacement; `changes` is by property path, empty where the provider says
    nothing. `old` and `new` are inputs, `outputs` the new state.
    """

    stage: str
    preview: bool
    operation: str
    urn: str
    type: str
    id: str = ""
    diffs: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    changes: dict[str, PropertyChange] = field(default_factory=dict)
    old: dict[str, Value] = field(default_factory=dict)
    new: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    protect: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of an operation: how many resources, by operation; `packs` are the policy packs that ran."""

    preview: bool
    seconds: int
    changes: dict[str, int]
    packs: tuple[str, ...]
    result: str


Event: TypeAlias = StepEvent | PolicyViolation | Diagnostic | Summary

_STAGES: Final = {"resourcePreEvent": "begins", "resOutputsEvent": "done", "resOpFailedEvent": "failed"}


def parse_event(line: str) -> Event | None:
    """One event as the engine sends it; None for what is no news (debug lines, the prelude, progress).

    Raises ValueError for what is no JSON object.
    """
    event = json.loads(line)
    if not isinstance(event, dict):
        raise ValueError("an event is an object")  # noqa: TRY004 (of the text, as the docstring says)
    for name, stage in _STAGES.items():
        if name in event:
            return _step(event[name], stage)
    if "policyEvent" in event:
        return _violation(event["policyEvent"])
    if "diagnosticEvent" in event:
        return _diagnostic(event["diagnosticEvent"])
    if "summaryEvent" in event:
        summary = event["summaryEvent"]
        return Summary(
            preview=summary.get("isPreview", False),
            seconds=summary["durationSeconds"],
            changes=dict(summary.get("resourceChanges") or {}),
            packs=tuple(sorted(summary.get("PolicyPacks") or {})),
            result=summary.get("result", ""),
        )
    if "errorEvent" in event:
        return Diagnostic(Severity.ERROR, event["errorEvent"]["error"].strip())
    return None


def _step(event: dict[str, Any], stage: str) -> StepEvent:
    metadata = event["metadata"]
    old, new = metadata.get("old") or {}, metadata.get("new") or {}
    state = new or old
    return StepEvent(
        stage=stage,
        preview=event.get("planning", False),
        operation=metadata["op"],
        urn=metadata["urn"],
        type=metadata["type"],
        id=state.get("id", ""),
        diffs=tuple(metadata.get("diffs") or ()),
        replaces=tuple(metadata.get("keys") or ()),
        changes={
            path: PropertyChange(change["diffKind"], change["inputDiff"])
            for path, change in (metadata.get("detailedDiff") or {}).items()
        },
        old=decode(old.get("inputs")),
        new=decode(new.get("inputs")),
        outputs=decode(state.get("outputs")),
        protect=state.get("protect", False),
    )


def _violation(event: dict[str, Any]) -> PolicyViolation:
    return PolicyViolation(
        pack=event["policyPackName"],
        policy=event["policyName"],
        level=event["enforcementLevel"],
        message=event["message"].strip(),
        urn=event.get("resourceUrn", ""),
    )


def _diagnostic(event: dict[str, Any]) -> Diagnostic | None:
    severity = SEVERITIES.get(event["severity"])
    message = event["message"].removeprefix(event.get("prefix", "")).strip()
    if severity is None or event.get("ephemeral") or not message:
        return None
    return Diagnostic(severity, message, event.get("urn") or None)


def decode(properties: dict[str, Any] | None) -> dict[str, Value]:
    """Properties as the engine writes them into JSON, as the Plan's values.

    A secret is either an object that says so or the text `[secret]`.
    """
    return Decoder().properties(json_format.ParseDict(_marked(properties or {}), struct_pb2.Struct()))


def _marked(value: Any) -> Any:  # noqa: ANN401 (JSON)
    match value:
        case dict():
            return {name: _marked(item) for name, item in value.items()}
        case list():
            return [_marked(item) for item in value]
        case str() if value == MASKED:
            return {SIGNATURE_KEY: Signature.SECRET.value, "value": ""}
        case _:
            return value
