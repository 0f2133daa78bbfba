"""What the engine said in a rehearsal, in its words: refusals, failures, and what a reader must know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plimsoll.checkout.git import other_packages
from plimsoll.preview.plan import Severity
from plimsoll.rehearse import dynamic
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.living import adopted_ids
from plimsoll.rehearse.workspace import BASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.checkout.git import Commit
    from plimsoll.engine.errors import EngineError
    from plimsoll.engine.run import Ran
    from plimsoll.localcloud.faults import Faults
    from plimsoll.rehearse.files import Environment
    from plimsoll.rehearse.workspace import Workspace

_PROTECTED: Final = re.compile(r"marked for protection|is protected")
"""How the engine words that something is protected."""
_IMPORT_ADVICE: Final = "previously-imported resources that still specify an ID may not be replaced"
"""The engine's advice beside a refused replacement: to follow it would leave the adopted thing to be made."""
_HOOK: Final = re.compile(r'(Preview failed: )?before hook "[^"]*" failed: ')
"""How the engine words that a hook of the program says no, before what it says."""


def refused(ran: Ran) -> tuple[str, ...]:
    """Why the engine would not do it, where that is for a promise and not for a mistake."""
    if ran.exit_code == 0:
        return ()
    blocking = [f"{one.policy}: {one.message}" for one in ran.violations if one.blocks]
    refusing = [_HOOK.sub("", one) for one in errors(ran) if _PROTECTED.search(one) or _HOOK.search(one)]
    return tuple(dict.fromkeys([*blocking, *refusing]))


def errors(ran: Ran) -> tuple[str, ...]:
    """What went wrong, by the resource that it went wrong with."""
    return said(ran, Severity.ERROR) or (ran.stderr.strip() or f"exit code {ran.exit_code}",)


def said(ran: Ran, severity: Severity) -> tuple[str, ...]:
    """What the engine, the program and the providers said, with the resource's name before it."""
    told = [one for one in ran.diagnostics if one.severity is severity]
    said = [": ".join(filter(None, [(one.urn or "").rpartition("::")[2], one.message])) for one in told]
    # Its own last word on a failure, which the others explain.
    own = {"update failed", "preview failed"} if len(said) > 1 else ()
    # Whoever adopts is told by the hook what to do, and not to drop the import.
    advice = {one for one in said if _IMPORT_ADVICE in one} if any(map(_HOOK.search, said)) else set[str]()
    return tuple(one for one in dict.fromkeys(said) if one not in own and one not in advice)


def failed(
    rule: str, message: str, error: EngineError, environment: Environment, remedy: str = ""
) -> RehearsalError:
    """The engine's failure as the rehearsal's, with a word on placeholders where one may be the cause."""
    remedy = remedy or "mend what the engine says, and rehearse again"
    if environment.secrets:
        paths = ", ".join(secret.path for secret in environment.secrets)
        remedy += f". Encrypted values are not read: placeholders stand for {paths}"
    return RehearsalError(rule, message, remedy, said=tuple(error.message.splitlines()))


def notes(
    workspace: Workspace, base: Environment | None, change: Environment, commit: Commit
) -> Iterator[str]:
    """What a reader must know of how far the rehearsal can be trusted."""
    if base is None:
        yield (
            f"{commit.label} ({commit.sha[:12]}) has no environment {workspace.stack}: everything is created"
        )
    else:
        for lock in other_packages(workspace.folder / BASE, workspace.here, workspace.project):
            yield f"{lock} differs at {commit.label}, which ran on today's packages all the same"
        before = {secret.path: secret.ciphertext for secret in base.secrets}
        for secret in change.secrets:
            if before.get(secret.path, secret.ciphertext) != secret.ciphertext:
                yield f"{secret.path} is encrypted anew: what another value changes cannot be rehearsed"
    if change.secrets:
        yield f"placeholders stood for {', '.join(secret.path for secret in change.secrets)}"
    if adopted := adopted_ids(change):
        yield f"{', '.join(adopted)}: what is said to live is what the program asks for, or --live"
    if change.imports:
        yield "what Pulumi ESC adds to this environment was not read"


def notes_on_made_up(ran: Ran, readers: tuple[str, ...]) -> Iterator[str]:
    """What a reader must know of resources whose provider is the program's own code."""
    names = dict.fromkeys(one.urn.rpartition("::")[2] for one in ran.steps if dynamic.is_dynamic(one.type))
    if names:
        yield f"made up, for a dynamic provider's code is not run: the outputs of {', '.join(names)}"
    if readers:
        yield f"what only that code would answer is no change of its readers: {', '.join(readers)}"


def notes_on_faults(faults: Faults, failed: tuple[str, ...]) -> Iterator[str]:
    """What became of the faults that were asked for."""
    for fault, name in faults.struck:
        after = (
            "and what the next update met is above" if failed else "and the change was finished all the same"
        )
        yield f"the fault {fault} struck {name}, as asked, {after}"
    for fault in faults.unmet:
        yield f"the fault {fault} never struck: nothing of the kind was done so often"


def held_by_protection(refusals: tuple[str, ...]) -> bool:
    """Whether one of these refusals is a protected resource's."""
    return any(map(_PROTECTED.search, refusals))
