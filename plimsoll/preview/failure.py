"""Why there is no plan, in words: what happened, where in the program, and what to do."""

from __future__ import annotations

import linecache
import signal
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from plimsoll.preview.plan import (
    Diagnostic,
    Resource,
    Severity,
    SourcePosition,
    diagnostic_to_json,
    reading_order,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plimsoll.preview.decode import Mask
    from plimsoll.preview.process import Ended
    from plimsoll.preview.wrong_inputs import InputProblem

GUEST: Final = Path(__file__).parent.parent / "guest" / "run_program.py"
"""The script that runs the program: on every stack, and never the program's own."""

ASK_THE_ENGINE: Final = "Run `pulumi preview`, which can ask the engine and the providers."
OR_ASK_IT: Final = "Or run `pulumi preview`, which can ask the engine and the providers."

REFUSED: Final = {
    "invoke": (
        "The program waits for the provider function {name}, which only its provider can answer",
        f"Use the function's output form (`…_output`), which previews as unknown. {OR_ASK_IT}",
    ),
    "call": ("The program calls the method {name}, which only its provider can answer", ASK_THE_ENGINE),
    "transform": (
        "The program registers the transform {name}, which the engine would run",
        f"Use a transformation (`register_stack_transformation`), which the program runs itself. {OR_ASK_IT}",
    ),
    "config": (
        "The program needs the value of {name}, which is encrypted and cannot be decrypted here",
        f"Read it as a secret (`require_secret…`), which previews as unknown. {OR_ASK_IT}",
    ),
}
"""What the guest stops a program at, by its word for it: the sentence, and what to do instead."""

PLAIN_ERRORS: Final = {"RunError", "ConfigMissingError", "ConfigTypeError"}
"""The SDK's errors that are written for people: their text is shown without the class's name."""


FIRST_FRAMES: Final = 3
LAST_FRAMES: Final = 7
"""Of the program's own frames so many are told; a runaway recursion has hundreds."""


class Failure(StrEnum):
    """The kinds of reasons why there is no plan."""

    NO_PROGRAM = "no-program"
    NO_INTERPRETER = "no-interpreter"
    NO_PULUMI = "no-pulumi"
    UNSUPPORTED = "unsupported"
    DUPLICATE_RESOURCE = "duplicate-resource"
    PROGRAM_RAISED = "program-raised"
    WRONG_INPUTS = "wrong-inputs"
    LOGGED_ERROR = "logged-error"
    EXITED = "exited"
    NO_END_RECORD = "no-end-record"
    KILLED = "killed"
    HUNG = "hung"
    BASE = "base"
    POLICY_PACK = "policy-pack"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the program's own code; `file` is relative to the project's folder.

    `function` is "" where only the line is known.
    """

    file: str
    line: int
    function: str
    text: str

    @override
    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return "  ".join(filter(None, (where, self.function and f"in {self.function}", self.text)))


class PreviewError(Exception):
    """There is no plan.

    `frames` are the program's own, outermost first: the last is where it happened. Of a long stack they are
    the first `FIRST_FRAMES` and the last `LAST_FRAMES`; `frames_left_out` counts those between. `traceback`
    has all with absolute paths, for `--debug`. `resources`, `diagnostics` and `program_output` are what there
    was until then; `problems` all that is wrong with inputs. None of it holds a secret in clear.
    """

    def __init__(
        self,
        kind: Failure,
        message: str,
        *,
        remedy: str = "",
        frames: tuple[Frame, ...] = (),
        traceback: str = "",
        resources: tuple[Resource, ...] = (),
        diagnostics: tuple[Diagnostic, ...] = (),
        program_output: tuple[str, ...] = (),
        problems: tuple[InputProblem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.frames_left_out = max(0, len(frames) - FIRST_FRAMES - LAST_FRAMES)
        self.frames = (*frames[:FIRST_FRAMES], *frames[-LAST_FRAMES:]) if self.frames_left_out else frames
        self.traceback = traceback
        self.resources = resources
        self.diagnostics = diagnostics
        self.program_output = program_output
        self.problems = problems

    @property
    def place(self) -> SourcePosition | None:
        """Where it happened: the innermost of the program's own frames."""
        return SourcePosition(self.frames[-1].file, self.frames[-1].line) if self.frames else None

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON-ready data, for machines; the whole traceback is left out."""
        return {
            "kind": self.kind.value,
            "message": self.message,
            "remedy": self.remedy,
            "frames": [asdict(frame) for frame in self.frames],
            "framesLeftOut": self.frames_left_out,
            "problems": [
                {**asdict(one), "place": asdict(one.place) if one.place else None} for one in self.problems
            ],
            "declared": [resource.urn for resource in self.resources],
            "diagnostics": [diagnostic_to_json(said) for said in self.diagnostics],
            "programOutput": list(self.program_output),
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the monitor would not do, and the place that asked for it if that is known."""

    message: str
    remedy: str
    place: SourcePosition | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a program's run, for `explain`.

    `stack_registered` tells whether the stack's own outputs arrived, which the SDK sends last.
    `wrong_inputs` is what is wrong where everything else went well.
    """

    ended: Ended
    refusals: Sequence[Refusal]
    diagnostics: Sequence[Diagnostic]
    stack_registered: bool
    wrong_inputs: tuple[InputProblem, ...]
    root: Path
    interpreter: Path
    timeout: float
    mask: Mask

    @property
    def record(self) -> dict[str, Any]:
        """The end record; empty where there is none."""
        return self.ended.record or {}


def own_file(file: str, root: Path) -> str | None:
    """`file` relative to the project's folder, if it is the program's own and not something installed."""
    path = Path(file)
    for folder in (root, root.resolve()):
        if path.is_relative_to(folder):
            inside = PurePosixPath(path.relative_to(folder))
            installed = {"site-packages", "dist-packages"}.intersection(inside.parts)
            standard = any(part.startswith("python3.") for part in inside.parts)
            return None if installed or standard or path == GUEST else str(inside)
    return None


def explain(run: Run) -> PreviewError | None:
    """The reason why a run gives no plan; None where it gives one.

    What was refused comes first, whatever became of the program after that.
    """
    if run.record.get("refusals"):
        return _refused_by_guest(run)
    if run.refusals:
        return _refused_by_monitor(run)
    if run.ended.record is None:
        return _hung(run) if run.ended.exit_code is None else _no_record(run, run.ended.exit_code)
    if run.record.get("no_pulumi"):
        return _no_pulumi(run)
    if run.record["error"] is not None:
        return _raised(run, run.record["error"])
    for said in run.diagnostics:
        if said.severity is Severity.ERROR:
            of = f" of {said.urn.rpartition('::')[2]}" if said.urn is not None else ""
            return _failure(run, Failure.LOGGED_ERROR, f"The program logged an error{of}: {said.message}")
    if not run.stack_registered:
        return _failure(
            run,
            Failure.NO_END_RECORD,
            "The program ran to its end, but its stack never registered its outputs, as a program under this "
            "SDK does last",
        )
    return _wrong_inputs(run) if run.wrong_inputs else None


def _failure(
    run: Run,
    kind: Failure,
    message: str,
    *,
    remedy: str = "",
    frames: tuple[Frame, ...] = (),
    traceback: str = "",
) -> PreviewError:
    message, traceback = run.mask.text(message), run.mask.text(traceback)
    return PreviewError(kind, message, remedy=remedy, frames=frames, traceback=traceback)


def _wrong_inputs(run: Run) -> PreviewError:
    count = len(run.wrong_inputs)
    said = f"{count} inputs are wrong" if count > 1 else "An input is wrong"
    message = "\n".join([f"{said}, by the SDK's own classes:", *(f"  {one}" for one in run.wrong_inputs)])
    error = _failure(run, Failure.WRONG_INPUTS, message)
    error.problems = run.wrong_inputs
    return error


def _refused_by_guest(run: Run) -> PreviewError:
    refusal = run.record["refusals"][0]
    message, remedy = REFUSED[refusal["what"]]
    return _failure(
        run,
        Failure.UNSUPPORTED,
        message.format(name=refusal["name"]),
        remedy=remedy,
        frames=_own_frames(run, refusal["frames"]),
    )


def _refused_by_monitor(run: Run) -> PreviewError:
    # They come in any order, as registrations do.
    refusal = min(run.refusals, key=lambda it: reading_order(it.place))
    error = run.record.get("error") or {"frames": [], "causes": []}
    if refusal.place:
        text = linecache.getline(str(run.root / refusal.place.file), refusal.place.line).strip()
        frames = (Frame(refusal.place.file, refusal.place.line, "", run.mask.text(text)),)
    else:
        frames = _frames_of_error(run, error)
    return _failure(
        run,
        Failure.DUPLICATE_RESOURCE if refusal.duplicate else Failure.UNSUPPORTED,
        refusal.message,
        remedy=refusal.remedy,
        frames=frames,
    )


def _hung(run: Run) -> PreviewError:
    where = run.ended.where or {"stack": [], "tasks": []}
    stacks = [where["stack"], *where["tasks"], list(reversed(run.ended.stack))]
    frames = next((own for stack in stacks if (own := _own_frames(run, stack))), ())
    message = f"The program was still running after {run.timeout:g} s"
    if not frames:
        innermost = next((stack[-1] for stack in stacks if stack), None)
        message += ", with none of its own code on the stack"
        if innermost is not None:
            message += f", in {innermost['function']} ({innermost['file']}:{innermost['line']})"
    return _failure(
        run,
        Failure.HUNG,
        message,
        remedy="A program that waits for the network or for an update to happen cannot be previewed; "
        "one that is only slow can be given more time (`--timeout`).",
        frames=frames,
        traceback="\n\n".join(filter(None, map(_format_frames, stacks))),
    )


def _no_record(run: Run, exit_code: int) -> PreviewError:
    stack = list(reversed(run.ended.stack))
    frames = _own_frames(run, stack)
    if exit_code < 0:
        name = next((one.name for one in signal.Signals if one == -exit_code), f"signal {-exit_code}")
        memory = ", as happens when memory runs out" if -exit_code == signal.SIGKILL else ""
        return _failure(
            run,
            Failure.KILLED,
            f"The program was killed by {name}{memory}",
            frames=frames,
            traceback=_format_frames(stack),
        )
    return _failure(
        run,
        Failure.NO_END_RECORD,
        f"The program's process ended with exit code {exit_code} before the program was through",
        remedy="Something called os._exit(), ended the interpreter, or closed descriptors that are not its "
        "own. What it declared until then would be taken for everything, so it does not count.",
        frames=frames,
        traceback=_format_frames(stack),
    )


def _no_pulumi(run: Run) -> PreviewError:
    error = run.record["error"]
    return _failure(
        run,
        Failure.NO_PULUMI,
        f"{run.interpreter} cannot import the Pulumi SDK: {_sentence(error)}",
        remedy="Install the project's requirements there: "
        f"{run.interpreter} -m pip install -r requirements.txt",
        traceback=_format_error(error),
    )


def _raised(run: Run, error: dict[str, Any]) -> PreviewError:
    frames = _frames_of_error(run, error)
    traceback = _format_error(error)
    if error["exit_code"] is not None:
        said = error["message"] if error["exit_code"] == 1 and error["message"] != "1" else ""
        return _failure(
            run,
            Failure.EXITED,
            f"The program called sys.exit({repr(said) if said else error['exit_code']})",
            remedy="A program ends by reaching its last line. What it declared before an exit would be taken "
            "for everything, so it does not count.",
            frames=frames,
            traceback=traceback,
        )
    message = _sentence(error)
    for cause in error["causes"]:
        if (because := _sentence(cause)) not in message:
            message += f"\n  because of {because}"
    remedy = ""
    if error["type"] == "ModuleNotFoundError":
        remedy = f"Install what is missing for {run.interpreter}, or correct the import."
    return _failure(
        run,
        Failure.PROGRAM_RAISED,
        message,
        remedy=remedy,
        frames=frames,
        traceback=traceback,
    )


def _sentence(error: dict[str, Any]) -> str:
    if error["type"] in PLAIN_ERRORS:
        return str(error["message"])
    return f"{error['type']}: {error['message']}" if error["message"] else str(error["type"])


def _frames_of_error(run: Run, error: dict[str, Any]) -> tuple[Frame, ...]:
    """The program's own frames of an exception, or of the nearest cause that has any."""
    raised = (error, *error["causes"])
    return next((own for one in raised if (own := _own_frames(run, one["frames"]))), ())


def _own_frames(run: Run, frames: Iterable[dict[str, Any]]) -> tuple[Frame, ...]:
    return tuple(
        Frame(file, frame["line"], frame["function"], run.mask.text(frame["text"]))
        for frame in frames
        if (file := own_file(frame["file"], run.root)) is not None
    )


def _format_error(error: dict[str, Any]) -> str:
    """All frames with absolute paths, causes first, as Python prints them."""
    parts = [
        f"Traceback (most recent call last):\n{_format_frames(one['frames'])}\n{_sentence(one)}"
        for one in (*reversed(error["causes"]), error)
    ]
    return "\n\nand then:\n\n".join(parts)


def _format_frames(frames: Iterable[dict[str, Any]]) -> str:
    return "\n".join(
        f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}'
        + (f"\n    {frame['text']}" if frame["text"] else "")
        for frame in frames
    )
