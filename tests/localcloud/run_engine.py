"""Run Pulumi's engine on one program, as a process of its own: `python run_engine.py JOB`.

The Automation API serves the program to the engine without a language host. JOB is JSON. Each line on
standard input is an operation, answered by a line on standard output with its steps, what was said, and
whether it failed.
"""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from pulumi import automation


def watch(answer: dict[str, Any], event: automation.EngineEvent) -> None:
    """Note what the engine does and says."""
    if event.resource_pre_event is not None:
        step = event.resource_pre_event.metadata
        answer["steps"].append(
            {
                "op": str(getattr(step.op, "value", step.op)),
                "urn": step.urn,
                "diff": {
                    path: str(getattr(it.diff_kind, "value", it.diff_kind))
                    for path, it in (step.detailed_diff or {}).items()
                },
            }
        )
    elif event.diagnostic_event is not None:
        answer["said"].append(event.diagnostic_event.message)


def main() -> None:
    """Answer until there are no more operations."""
    job = json.loads(sys.argv[1])
    program = Path(job["program"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.chdir(program)
    sys.path[:0] = [str(program)]
    own = set(sys.modules)

    def run_program() -> None:
        # A second operation has to see the program's own modules anew: they hold the first one's resources.
        for name in set(sys.modules) - own:
            if "site-packages" not in (getattr(sys.modules[name], "__file__", None) or "site-packages"):
                del sys.modules[name]
        # As the program's main module for good: its classes are looked up there while resources register.
        main_module = types.ModuleType("__main__")
        main_module.__file__ = str(program / "__main__.py")
        sys.modules["__main__"] = main_module
        source = (program / "__main__.py").read_text(encoding="utf-8")
        exec(compile(source, main_module.__file__, "exec"), main_module.__dict__)  # noqa: S102 (what runpy does)

    stack = automation.create_or_select_stack(
        job["stack"],
        project_name=job["project"],
        program=run_program,
        opts=automation.LocalWorkspaceOptions(work_dir=job["workspace"]),
    )
    for line in sys.stdin:
        operation = json.loads(line)
        answer: dict[str, Any] = {"steps": [], "said": [], "failed": False}
        try:
            getattr(stack, operation.pop("do"))(
                on_event=lambda event, answer=answer: watch(answer, event),
                on_output=lambda _text: None,
                **operation,
            )
        except automation.CommandError as error:
            answer["failed"] = True
            answer["said"].append(str(error))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
