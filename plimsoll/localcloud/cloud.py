"""A local cloud for one project: start it, point the engine at it, look inside.

with LocalCloud(packages=["gcp", "vercel"], interpreter=python, state=folder / "cloud.jsonl") as cloud:
    run(["pulumi", "up"], env=os.environ | cloud.environment)
    print(cloud.records, cloud.judgement.judge)
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from plimsoll.guest.policy_pack import Mask
from plimsoll.localcloud.judge import Judge, Judgement
from plimsoll.localcloud.listening import Ear
from plimsoll.localcloud.outputs import Asked, answer, identify
from plimsoll.localcloud.rules import Rule, load_rules, package
from plimsoll.localcloud.sdk import InstalledSdks
from plimsoll.localcloud.server import Providers, serving
from plimsoll.localcloud.state import Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from plimsoll.localcloud.wire import Properties
    from plimsoll.preview.plan import Plan

NO_PROVIDER = frozenset({"pulumi"})
"""The engine serves these itself."""


def packages_of(plan: Plan) -> frozenset[str]:
    """Every package that a plan's resources need a provider for, dynamic ones' included."""
    return frozenset(package(resource.type) for resource in plan.resources if resource.custom) - NO_PROVIDER


class LocalCloud:
    """A cloud that lives as long as the `with` block; its `state` file lives on. One engine at a time.

    `packages` are served beside those that have an SDK under `interpreter`, the project's Python. Entering
    raises `state.StateError` where the file is in use or no such file, and `sdk.SdkError` where the
    interpreter cannot be asked.
    """

    state: State
    environment: Mapping[str, str]
    """What the engine has to find in its environment."""

    def __init__(self, *, interpreter: Path, state: Path, packages: Iterable[str] = ()) -> None:
        self._mask = Mask()
        self._path = state
        self._packages = frozenset(packages)
        self._sdks = InstalledSdks(interpreter)
        self._judge = Judge(self._sdks, load_rules())
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.callback(self._sdks.close)
            served = sorted(self._packages | self._sdks.packages().keys())
            self.state = State(self._path)
            opening.callback(self.state.close)
            port = opening.enter_context(serving(Providers(self.state, self._judge), [Ear(self._mask)]))
            self.environment = {
                "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package in served),
                # It would look on the network for the plugins of the state: 2.5 s an operation.
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            }
            self._open = opening.pop_all()
            # One that nobody closes would otherwise be torn down in pieces when the interpreter ends.
            atexit.register(self._open.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        atexit.unregister(self._open.close)
        self._open.close()

    def mask(self, text: str) -> str:
        """A text without any secret that was ever sent to this cloud or made by it."""
        return self._mask.text(text)

    @property
    def records(self) -> tuple[Record, ...]:
        """All that exists."""
        return self.state.records

    @property
    def judgement(self) -> Judgement:
        """Which judge is at work, and which types it could not judge so far."""
        return self._judge.judgement

    def seed(self, type_: str, id_: str, inputs: Properties, properties: Properties | None = None) -> Record:
        """Let something exist already, so that a program can import it or collide with it.

        What `inputs` and `properties` (in the protocol's names) leave out is made up as for a new resource.
        """
        rules = load_rules()
        rule = rules.resources.get(type_, Rule())
        asked = Asked(type_, inputs, self._judge.shape(type_))
        live = {**answer(asked, rule, rules, id_), **(properties or {})}
        record = Record(type_, id_, identity=identify(asked, rule, id_)[1], inputs=inputs, properties=live)
        self.state.put(record)
        return record
