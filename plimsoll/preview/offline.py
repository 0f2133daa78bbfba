"""Preview a Pulumi program with nobody behind it: no engine, state, provider, account or network.

The real program runs under the real SDK, as a process of its own under the project's interpreter
(`plimsoll.guest`), and talks to our monitor over the SDK's own protocol. It gives a whole Plan, or a
PreviewError that says in words why not: what ends early, hangs or crashes is never an empty plan.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll.preview.decode import PLACEHOLDER, Decoder, Mask, seal
from plimsoll.preview.failure import GUEST, Failure, PreviewError, Run, explain
from plimsoll.preview.plan import Plan, Resource, Source, reading_order
from plimsoll.preview.process import Guest
from plimsoll.preview.wrong_inputs import findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from plimsoll.preview.monitor import Engine, Monitor
    from plimsoll.preview.policies.judge import Judge
    from plimsoll.preview.policies.pack import PolicyPack
    from plimsoll.preview.process import Ended

__all__ = ["Failure", "PreviewError", "ProgramJob", "find_interpreter", "preview_offline"]

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds. A program of 2,000 resources takes about 8 on two cores."""


@dataclass(frozen=True, slots=True)
class ProgramJob:
    """What to preview.

    `root` is the folder of Pulumi.yaml, `program` the program in it: a folder with `__main__.py`, or a file.
    `config` has the strings that the engine would hand to the program, by full key ("namespace:key"); in the
    value of an `undecryptable` key, `[secret]` stands for each encrypted part. `environment` is added to
    ours. `pack` is the policy pack that judges what is declared, if one does.
    """

    project: str
    stack: str
    root: Path
    program: Path
    interpreter: Path
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_keys: frozenset[str] = frozenset()
    undecryptable: frozenset[str] = frozenset()
    organization: str = "organization"
    timeout: float = DEFAULT_TIMEOUT
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    pack: PolicyPack | None = None


def find_interpreter(root: Path, runtime_options: Mapping[str, object]) -> Path:
    """The Python that the project's program runs under.

    `runtime_options` are those of Pulumi.yaml: a `virtualenv` is taken relative to `root`, as the engine
    does. Else it is a `.venv` or `venv` beside Pulumi.yaml, else the Python that runs this. Raises
    PreviewError where a virtual environment is named and is none.
    """
    named = runtime_options.get("virtualenv")
    if named:
        environment = root / str(named)
        interpreter = environment / "bin" / "python"
        if not interpreter.exists():
            raise PreviewError(
                Failure.NO_INTERPRETER,
                f"Pulumi.yaml says `virtualenv: {named}`, but there is no {interpreter}",
                remedy=_make(environment, root / "requirements.txt"),
            )
        return interpreter
    beside = (root / name / "bin" / "python" for name in (".venv", "venv"))
    return next((interpreter for interpreter in beside if interpreter.exists()), Path(sys.executable))


def _make(environment: Path, requirements: Path) -> str:
    if not requirements.is_file():
        return "Make it with the project's own setup, such as `make setup` or `pulumi install`."
    python = environment / "bin" / "python"
    return f"Make it: python3 -m venv {environment} && {python} -m pip install -r {requirements}"


def preview_offline(job: ProgramJob, on_event: Callable[[str], None] | None = None) -> Plan:
    """Run the program to its end and give its plan. Raises PreviewError.

    Nothing of it runs on afterwards; on other systems than Linux, nothing of its process group.

    `on_event` is called, in this thread, with the URN of each resource as the program declares it.
    """
    began = time.monotonic()
    if job.pack is None:
        return _preview(job, began, on_event, None)
    from plimsoll.preview.policies.judge import Judge  # noqa: PLC0415 (nothing of it where there is no pack)

    directory = directory_of(job.program.absolute())
    with Judge(job, job.pack, directory) as judge:  # which starts while the program runs
        return _preview(job, began, on_event, judge)


def _preview(
    job: ProgramJob, began: float, on_event: Callable[[str], None] | None, judge: Judge | None
) -> Plan:
    config, sealed_keys = seal(job.config, job.undecryptable)
    ran = _run(job, config, sealed_keys, on_event or (lambda _: None))

    from plimsoll.preview.declared import to_resources  # noqa: PLC0415 (see _run)

    decoder = Decoder()
    monitor, record = ran.monitor, ran.ended.record or {}
    arrived = to_resources(monitor.declarations.values(), monitor.outputs, monitor.packages, decoder)
    registered = monitor.outputs.get(monitor.stack_urn)
    outputs = {} if registered is None else decoder.properties(registered)

    configured = (config.get(key, "") for key in job.secret_keys - job.undecryptable)
    mask = Mask(configured, decoder.secrets)
    resources = tuple(_masked(resource, mask) for resource in _in_order(arrived, record))
    diagnostics = tuple(replace(said, message=mask.text(said.message)) for said in ran.engine.diagnostics)
    program_output = tuple(map(mask.text, ran.output))
    places = {urn: declaration.source for urn, declaration in monitor.declarations.items()}
    inputs = findings(record, places, mask)
    run = Run(
        ended=ran.ended,
        refusals=monitor.refusals,
        diagnostics=diagnostics,
        stack_registered=registered is not None,
        wrong_inputs=inputs.wrong,
        root=job.root.absolute(),
        interpreter=job.interpreter,
        timeout=job.timeout,
        mask=mask,
    )
    error = explain(run)
    if error:
        error.resources, error.diagnostics, error.program_output = resources, diagnostics, program_output
        raise error
    policies, warnings = None, ()
    if judge is not None:
        in_order = _in_order(arrived, record)
        policies = judge.ask(in_order, monitor.declarations, monitor.outputs, decoder, mask)
        warnings = judge.warnings
    return Plan(
        project=job.project,
        stack=job.stack,
        source=Source.OFFLINE,
        knows_state=False,
        resources=resources,
        outputs=mask.properties(outputs),
        diagnostics=(*diagnostics, *inputs.advice, *warnings),
        program_output=program_output,
        seconds=time.monotonic() - began,
        sdk_version=record["sdk"],
        policies=policies,
    )


@dataclass(frozen=True, slots=True)
class _Ran:
    ended: Ended
    monitor: Monitor
    engine: Engine
    output: tuple[str, ...]


def _run(
    job: ProgramJob, config: Mapping[str, str], sealed_keys: frozenset[str], on_event: Callable[[str], None]
) -> _Ran:
    """Start the guest, serve it until it is through, and leave nothing of it."""
    root, program = job.root.absolute(), job.program.absolute()
    directory = directory_of(program)
    try:
        guest = Guest(
            job.interpreter.absolute(),
            GUEST,
            directory=directory,
            environment=environment_for(job.interpreter) | dict(job.environment),
        )
    except OSError as error:
        raise PreviewError(
            Failure.NO_INTERPRETER,
            f"{job.interpreter} cannot be started: {error.strerror}",
            remedy="Set `runtime.options.virtualenv` in Pulumi.yaml to the project's virtual environment.",
        ) from error
    with guest:
        # While the guest imports the SDK for itself: our part of it costs a tenth of a second, gRPC included.
        from plimsoll.preview import monitor as services  # noqa: PLC0415

        engine = services.Engine()
        monitor = services.Monitor(
            project=job.project,
            stack=job.stack,
            organization=job.organization,
            root=root,
            on_declared=lambda urn: guest.news.put(("declared", urn)),
        )
        with services.serving(monitor, engine) as address:
            order = {
                "monitor": address,
                "engine": address,
                "project": job.project,
                "stack": job.stack,
                "organization": job.organization,
                "config": config,
                "secret_keys": sorted(job.secret_keys | job.undecryptable),
                "sealed_keys": sorted(sealed_keys),
                "placeholder": PLACEHOLDER,
                "program": str(program),
                "root": str(root),
            }
            guest.tell(json.dumps(order).encode())
            ended = guest.wait(job.timeout, on_event)
    return _Ran(ended, monitor, engine, guest.output.lines())


def directory_of(program: Path) -> Path:
    """The folder that the program runs in. Raises PreviewError where there is no program, or none to read."""
    try:
        if program.is_dir():
            if (program / "__main__.py").is_file():
                return program
            raise PreviewError(
                Failure.NO_PROGRAM,
                f"There is no program in {program}: it has no __main__.py",
                remedy="Write one, or name the program's file or folder in Pulumi.yaml (`main:`).",
            )
        if program.is_file():
            return program.parent
    except OSError as error:  # which pathlib lets through where a folder on the way may not be entered
        raise PreviewError(
            Failure.NO_PROGRAM,
            f"The program at {program} cannot be read: {error.strerror}",
            remedy="Let this user read its folder.",
        ) from error
    raise PreviewError(
        Failure.NO_PROGRAM,
        f"There is no program at {program}",
        remedy="Correct `main:` in Pulumi.yaml; it is relative to that file.",
    )


def environment_for(interpreter: Path) -> dict[str, str]:
    """Our environment as an activated virtual environment has it, and loopback reached without a proxy."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    folder = interpreter.absolute().parent
    if (folder.parent / "pyvenv.cfg").is_file():
        environment["VIRTUAL_ENV"] = str(folder.parent)
        environment["PATH"] = os.pathsep.join(filter(None, (str(folder), environment.get("PATH"))))
    without_proxy = environment.get("no_grpc_proxy") or environment.get("no_proxy")
    environment["no_grpc_proxy"] = ",".join(filter(None, (without_proxy, "127.0.0.1")))
    return environment


def _in_order(resources: Iterable[Resource], record: Mapping[str, Any]) -> list[Resource]:
    """Resources, which arrive in another order each time, in the program's own as the end record has it.

    What is not in the record, because the program never came so far, follows by its place in the source.
    """
    own_order = {urn: place for place, urn in enumerate(dict.fromkeys(record.get("declared", ())))}
    return sorted(
        resources,
        key=lambda it: (own_order.get(it.urn, len(own_order)), reading_order(it.source), it.urn),
    )


def _masked(resource: Resource, mask: Mask) -> Resource:
    trigger = mask.value(resource.options.replacement_trigger)
    return replace(
        resource,
        inputs=mask.properties(resource.inputs),
        outputs=mask.properties(resource.outputs),
        options=replace(resource.options, replacement_trigger=trigger),
    )
