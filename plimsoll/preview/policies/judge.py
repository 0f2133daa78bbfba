"""Ask a policy pack about what a program declared, in the order and form in which the engine asks.

Handshake, ConfigureStack, GetPluginInfo, GetAnalyzerInfo, Configure; for each resource Remediate, then
Analyze with what became of it; AnalyzeStack at the end (recorded from pulumi 3.259.0).

Two things the engine does not do. Where a rule raises, the engine's preview ends with the resource at which
it did; here each policy is then asked by itself, so that the one is named and the others are heard. And where
a remediation changes an input, what depends on it by an output keeps what the program declared: the program
is through by then.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from plimsoll.paths import write_path
from plimsoll.preview.decode import MASKED
from plimsoll.preview.difference import walk
from plimsoll.preview.failure import Failure, PreviewError
from plimsoll.preview.plan import (
    STACK_TYPE,
    Diagnostic,
    PolicyResults,
    PolicyViolation,
    Remediation,
    Severity,
)
from plimsoll.preview.policies.configuration import (
    ConfigurationError,
    PolicyInfo,
    PolicySettings,
    parse,
    reconcile,
)
from plimsoll.preview.policies.process import LEAVE_OUT, PackProcess, RaisedError
from plimsoll.preview.policies.requests import about, about_stack, questions
from plimsoll.settings.errors import Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plimsoll.preview.declared import Declaration
    from plimsoll.preview.decode import Decoder, Mask
    from plimsoll.preview.offline import ProgramJob
    from plimsoll.preview.plan import Resource
    from plimsoll.preview.policies.pack import PolicyPack
    from plimsoll.preview.policies.requests import Question

INTEREST: Final = ("failed", "mandatory", "advisory")
"""The levels of violations, the one first that a reader must see."""


class Judge:
    """A pack that starts at once and is asked once; leaving it ends everything that the pack started.

    `warnings`, once it was asked, are of what the engine passes over. Raises SettingsError for a
    configuration that is none, PreviewError where the pack's interpreter cannot be started.
    """

    def __init__(self, job: ProgramJob, pack: PolicyPack, directory: Path) -> None:
        self._job, self._pack = job, pack
        self._given = _configuration(pack)
        self._process = PackProcess(pack, job.root.absolute(), directory, job.timeout)
        self.warnings: tuple[Diagnostic, ...] = ()
        self._name = pack.shown
        self._settings: dict[str, PolicySettings] = {}
        self._configurable = False
        self._violations: list[PolicyViolation] = []
        self._remediations: list[Remediation] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    def ask(
        self,
        resources: Sequence[Resource],
        declarations: Mapping[str, Declaration],
        outputs: Mapping[str, struct_pb2.Struct],
        decoder: Decoder,
        mask: Mask,
    ) -> PolicyResults:
        """What the pack says of all that was declared. Raises PreviewError, SettingsError for its settings.

        `resources` come in the program's order; `outputs` are what components registered.
        """
        job = self._job
        asked = questions(resources, declarations, outputs, job.config, job.secret_keys | job.undecryptable)
        try:
            self._process.connect()
            self._configure()
            judged: list[tuple[Question, struct_pb2.Struct]] = []
            for question in asked:
                inputs = self._remediate(question, decoder, mask)
                judged.append((question, inputs))
                self._judge("Analyze", about(question, inputs), _of(question), question.request.urn)
            known = {question.request.urn for question in asked}
            root = next(urn for urn in known if urn.split("::")[2] == STACK_TYPE)
            self._judge("AnalyzeStack", about_stack(judged), "judging the whole stack", root, known)
        except RaisedError as error:
            message = f"The policy pack {self._process.name} failed: {mask.text(str(error))}"
            raise PreviewError(Failure.POLICY_PACK, message, remedy=LEAVE_OUT) from None
        except PreviewError as error:
            error.message = mask.text(error.message)
            error.program_output = tuple(map(mask.text, error.program_output))
            raise
        violations = sorted(self._violations, key=lambda one: INTEREST.index(one.level))
        return PolicyResults(
            self._name,
            sum(one.level != "disabled" for one in self._settings.values()),
            tuple(
                PolicyViolation(one.pack, one.policy, one.level, mask.text(one.message), one.urn)
                for one in violations
            ),
            tuple(self._remediations),
        )

    # --- before

    def _configure(self) -> None:
        job, folder, doing = self._job, str(self._pack.folder), "introducing itself"
        call = self._process.call
        handshake = analyzer_pb2.AnalyzerHandshakeRequest(root_directory=folder, program_directory=folder)
        call("Handshake", handshake, doing, optional=True)
        # What is encrypted goes there as [secret], and is marked as one all the same.
        stack = analyzer_pb2.AnalyzerStackConfigureRequest(
            stack=job.stack,
            project=job.project,
            organization=job.organization,
            dry_run=True,
            config=job.config,
            config_secret_keys=sorted(
                key for key in job.secret_keys | job.undecryptable if MASKED not in job.config[key]
            ),
        )
        call("ConfigureStack", stack, doing, optional=True)
        call("GetPluginInfo", empty_pb2.Empty(), doing, optional=True)
        info = call("GetAnalyzerInfo", empty_pb2.Empty(), doing)
        self._name = info.name or self._pack.shown
        self._process.name = f"{self._name} ({self._pack.shown})" if info.name else self._pack.shown
        self._configurable = info.supportsConfig
        policies = tuple(map(_policy, info.policies))
        initial = {name: _initial(given) for name, given in info.initialConfig.items()}
        self._settings = self._reconciled(policies, initial)
        if self._configurable:
            call("Configure", _configure_request(self._settings), doing)

    def _reconciled(
        self, policies: Sequence[PolicyInfo], initial: Mapping[str, PolicySettings]
    ) -> dict[str, PolicySettings]:
        if not self._configurable:
            if self._given:
                raise _refusal(f'policy pack "{self._name}" does not support config', self._pack)
            return {policy.name: PolicySettings(policy.level) for policy in policies}
        unknown = sorted(self._given.keys() - {"all", *(policy.name for policy in policies)})
        said = f"{self._pack.shown_config} configures policies that {self._name} does not have:"
        if unknown:  # the engine says nothing of them
            self.warnings = (Diagnostic(Severity.WARNING, f"{said} {', '.join(unknown)}"),)
        try:
            return reconcile(policies, initial, self._given)
        except ConfigurationError as error:
            raise _refusal(f'validating policy config for "{self._name}": {error}', self._pack) from None

    # --- each resource

    def _remediate(self, question: Question, decoder: Decoder, mask: Mask) -> struct_pb2.Struct:
        """What becomes of a resource's inputs."""
        request = question.request
        for response in self._asked(
            "Remediate", lambda: request, f"mending {_name(request.urn)}", request.urn
        ):
            for one in response.remediations:
                if one.diagnostic:
                    self._add(one.policyName, "advisory", one.diagnostic, request.urn)
                    continue
                before, after = (
                    mask.properties(decoder.properties(properties))
                    for properties in (request.properties, one.properties)
                )
                self._remediations += [
                    Remediation(self._name, one.policyName, request.urn, write_path(steps), was, becomes)
                    for steps, was, becomes in walk((), before, after)
                ]
                request.properties.CopyFrom(one.properties)
        return request.properties

    def _judge(
        self,
        method: str,
        request: analyzer_pb2.AnalyzeRequest | analyzer_pb2.AnalyzeStackRequest,
        doing: str,
        urn: str,
        known: set[str] | None = None,
    ) -> None:
        """Keep what the pack objects to; a rule about the stack may name one of the `known` resources."""
        for response in self._asked(method, lambda: request, doing, urn):
            for said in response.diagnostics:
                level = _level(said.enforcementLevel)
                level = "mandatory" if level == "remediate" else level
                spoken_of = said.urn if known is not None and said.urn in known else urn
                self._add(said.policyName, level, said.message.strip(), spoken_of)

    def _asked(self, method: str, request: Callable[[], Any], doing: str, urn: str) -> Iterator[Any]:
        """The pack's answers to one call: one, or where a policy raises one for each of the others."""
        try:
            answer = self._process.call(method, request(), doing, optional=method != "Analyze")
        except RaisedError as error:
            if not self._configurable:
                self._add("", "failed", str(error), urn)
                return
            yield from self._one_by_one(method, request, doing, urn)
            return
        if answer is not None:
            yield answer

    def _one_by_one(self, method: str, request: Callable[[], Any], doing: str, urn: str) -> Iterator[Any]:
        off = {name: PolicySettings("disabled", one.properties) for name, one in self._settings.items()}
        for name, settings in self._settings.items():
            if settings.level == "disabled" or (method == "Remediate" and settings.level != "remediate"):
                continue
            self._process.call("Configure", _configure_request(off | {name: settings}), doing)
            try:
                yield self._process.call(method, request(), doing)
            except RaisedError as error:
                self._add(name, "failed", str(error), urn)
        self._process.call("Configure", _configure_request(self._settings), doing)

    def _add(self, policy: str, level: str, message: str, urn: str) -> None:
        self._violations.append(PolicyViolation(self._name, policy, level, message, urn))


def _configuration(pack: PolicyPack) -> dict[str, PolicySettings]:
    if pack.config is None:
        return {}
    try:
        return parse(pack.config.read_text("utf-8"))
    except ConfigurationError as error:
        raise _refusal(str(error), pack) from None
    except OSError as error:
        raise _refusal(f"this cannot be read: {error.strerror}", pack) from None
    except UnicodeDecodeError:
        raise _refusal("it is not UTF-8", pack) from None


def _refusal(message: str, pack: PolicyPack) -> SettingsError:
    file = Path(pack.shown_config) if pack.config else pack.folder / "PulumiPolicy.yaml"
    remedy = (
        'write {"POLICY": {"enforcementLevel": "mandatory", "PROPERTY": …}}, as the pack\'s schemas have it'
    )
    return SettingsError([Fault(message, file, rule="preview/policy-config", remedy=remedy)])


def _policy(said: analyzer_pb2.PolicyInfo) -> PolicyInfo:
    schema = said.configSchema
    return PolicyInfo(
        said.name,
        _level(said.enforcementLevel),
        _plain(json_format.MessageToDict(schema.properties)),
        tuple(schema.required),
    )


def _initial(given: analyzer_pb2.PolicyConfig) -> PolicySettings:
    return PolicySettings(_level(given.enforcementLevel), _plain(json_format.MessageToDict(given.properties)))


def _plain(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """JSON with whole numbers where the protocol, which has doubles alone, says 3.0."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _configure_request(settings: Mapping[str, PolicySettings]) -> analyzer_pb2.ConfigureAnalyzerRequest:
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, one in settings.items():
        config = request.policyConfig[name]
        config.enforcementLevel = analyzer_pb2.EnforcementLevel.Value(one.level.upper())
        config.properties.update(one.properties)
    return request


def _level(level: analyzer_pb2.EnforcementLevel.ValueType) -> str:
    return analyzer_pb2.EnforcementLevel.Name(level).lower()


def _name(urn: str) -> str:
    *_, type_, name = urn.split("::")
    return f"{name} ({type_.rpartition('$')[2]})"


def _of(question: Question) -> str:
    return f"judging {_name(question.request.urn)}"
