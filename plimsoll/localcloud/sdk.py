"""The SDKs that a project has installed, asked through `guest/check_inputs.py` under its interpreter."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.localcloud.wire import Properties, Wire

CHECKER: Final = Path(__file__).parent.parent / "guest" / "check_inputs.py"


class SdkError(Exception):
    """The project's interpreter cannot say what its SDKs hold."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an input: the property's path, and a reason that reads on from it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A resource class: names of its inputs, its outputs with their shapes (see `guest/check_inputs.py`).

    `import_id` is the format of its ids where the class's documentation gives one, such as
    "projects/{{project}}/secrets/{{secret_id}}", else "".
    """

    inputs: frozenset[str]
    outputs: Mapping[str, Wire]
    import_id: str = ""


class InstalledSdks:
    """One process under the project's interpreter, started at the first question, that knows its SDKs.

    Thread-safe. Every method raises SdkError where the interpreter cannot be started, or ends.
    """

    def __init__(self, interpreter: Path) -> None:
        self._interpreter = interpreter
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._shapes: dict[str, Shape | None] = {}

    def packages(self) -> dict[str, str]:
        """The version of each package that has an SDK here."""
        return {
            str(name): str(version) for name, version in self._ask({"ask": "packages"})["packages"].items()
        }

    def check(self, type_: str, inputs: Properties) -> tuple[Problem, ...] | None:
        """All that is wrong with a resource's inputs, or None where no installed SDK has the type."""
        said = self._ask({"ask": "check", "type": type_, "inputs": inputs})
        return tuple(Problem(*problem) for problem in said["problems"]) if said["known"] else None

    def shape(self, type_: str) -> Shape | None:
        """The class of a type, or None where no installed SDK has it."""
        if type_ not in self._shapes:
            said = self._ask({"ask": "shape", "type": type_})
            self._shapes[type_] = (
                Shape(frozenset(said["inputs"]), said["outputs"], said["importId"]) if said["known"] else None
            )
        return self._shapes[type_]

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            line = self._exchange(json.dumps(question) + "\n")
        if not line:
            raise SdkError(
                f"{self._interpreter} ended while it was asked for {question.get('type', 'its packages')}. "
                f"See for yourself: {self._interpreter} -c 'import pulumi'"
            )
        said = json.loads(line)
        if "failed" in said:
            raise SdkError(
                f"the SDK of {question.get('type', 'some package')} under {self._interpreter} cannot be "
                f"read ({said['failed']}). Install it again"
            )
        return said

    def _exchange(self, line: str) -> str:
        if self._process is None:
            try:
                self._process = subprocess.Popen(
                    [self._interpreter, "-u", CHECKER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="utf-8",
                    # An interrupt is for the engine, which may still ask; the end of input ends this one.
                    start_new_session=True,
                )
            except OSError as error:
                raise SdkError(
                    f"{self._interpreter} cannot be started ({error.strerror}). Name the project's Python in "
                    "`runtime.options.virtualenv` of Pulumi.yaml"
                ) from error
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            raise AssertionError("both are pipes")
        try:
            to.write(line)
            to.flush()
        except BrokenPipeError:
            return ""
        return back.readline()
