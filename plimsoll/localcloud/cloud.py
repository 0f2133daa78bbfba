"""A local cloud for one project: start it, point the engine at it, look inside.

with LocalCloud(packages=["gcp", "vercel"], interpreter=python, state=folder / "cloud.jsonl") as cloud:
    run(["pulumi", "up"], env=os.environ | cloud.environment)
    print(cloud.records, cloud.judgement.judge)
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from plimsoll.guest.policy_pack import Mask
from plimsoll.localcloud.faults import Fault, Faults
from plimsoll.localcloud.injection import Injector
from plimsoll.localcloud.judge import Judge, Judgement
from plimsoll.localcloud.listening import Serving
from plimsoll.localcloud.outputs import Asked, answer, identify
from plimsoll.localcloud.plugins import Plugins
from plimsoll.localcloud.proxy import PassOn, Proxy
from plimsoll.localcloud.rules import Rule, load_rules, package
from plimsoll.localcloud.running import PATIENCE
from plimsoll.localcloud.sdk import InstalledSdks, Problem
from plimsoll.localcloud.server import Providers
from plimsoll.localcloud.state import Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    import grpc

    from plimsoll.localcloud.plugins import PluginError
    from plimsoll.localcloud.wire import Properties
    from plimsoll.preview.plan import Plan

NO_PROVIDER = frozenset({"pulumi"})
"""The engine serves these itself."""


def packages_of(plan: Plan) -> frozenset[str]:
    """Every package that a plan's resources need a provider for, dynamic ones' included."""
    return frozenset(package(resource.type) for resource in plan.resources if resource.custom) - NO_PROVIDER


class LocalCloud:
    """A cloud that lives as long as the `with` block; its `state` file lives on. One engine at a time.

    `packages` are served beside those that have an SDK under `interpreter`, the project's Python. Where
    `plugins` has a package's real provider, that judges; it is started in `folder`, the program's, and has
    `patience` seconds for each answer. `faults` go wrong. Entering raises `state.StateError` where the file
    is in use or no such file, or there is no port, and `sdk.SdkError` where the interpreter cannot be asked.
    """

    state: State

    faults: Faults
    """What goes wrong, and how far it has come."""

    def __init__(
        self,
        *,
        interpreter: Path,
        state: Path,
        packages: Iterable[str] = (),
        faults: Iterable[Fault] = (),
        plugins: Plugins | None = None,
        folder: Path | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.faults = Faults(faults)
        self._injector = Injector(self.faults)
        self._mask = Mask()
        self._path = state
        self._packages = frozenset(packages)
        self._plugins = plugins or Plugins()
        self._folder = folder
        self._patience = patience
        self._ports: dict[str, int] = {}
        self._proxies: dict[str, Proxy] = {}
        self._versions: Mapping[str, str] = {}
        self._sdks = InstalledSdks(interpreter)
        self._judge = Judge(self._sdks, load_rules())
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.callback(self._sdks.close)
            self._versions = self._sdks.packages()
            self.state = State(self._path)
            opening.callback(self.state.close)
            self._ports[""] = opening.enter_context(self._serving(Providers(self.state, self._judge)))
            opening.callback(self._injector.close)
            self._open = opening.pop_all()
            # One that nobody closes would otherwise be torn down in pieces when the interpreter ends.
            atexit.register(self._open.close)
        try:
            named = (self._plugins.named or {}).keys()
            for package in sorted(self._packages | self._versions.keys() | named):
                self.serve(package)
        except BaseException:
            self._open.close()
            raise
        return self

    def serve(self, package: str) -> bool:
        """Serve a package too, by its real provider where there is one; False where it is served already."""
        if package in self._ports:
            return False
        plugin = self._plugins.find(package, self._versions.get(package, ""))
        if plugin is None:
            self._ports[package] = self._ports[""]
            return True
        home = Path(self._open.enter_context(TemporaryDirectory(prefix="plimsoll-provider-")))
        proxy = Proxy(
            self.state, self._judge, plugin, home=home, folder=self._folder, patience=self._patience
        )
        self._ports[package] = self._open.enter_context(self._serving(proxy, PassOn(proxy)))
        # First of all: whoever waits for an answer of its provider need not wait any more.
        self._open.callback(proxy.close)
        self._proxies[package] = proxy
        return True

    def _serving(self, providers: Providers, *interceptors: grpc.ServerInterceptor) -> Serving:
        return Serving(providers, self._mask, [self._injector, *interceptors])

    @property
    def environment(self) -> dict[str, str]:
        """What the engine has to find in its environment."""
        attached = [f"{package}:{port}" for package, port in sorted(self._ports.items()) if package]
        return {
            "PULUMI_DEBUG_PROVIDERS": ",".join(attached),
            # It would look on the network for the plugins of the state: 2.5 s an operation.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        atexit.unregister(self._open.close)
        self._open.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """All that exists."""
        return self.state.records

    @property
    def judgement(self) -> Judgement:
        """Which judge is at work, and which types it could not judge so far."""
        providers = {
            package: " ".join(filter(None, ["provider", proxy.version, "(plugin)"]))
            for package, proxy in self._proxies.items()
            if proxy.asked
        }
        return self._judge.judgement(providers)

    @property
    def failure(self) -> PluginError | None:
        """What first went wrong with a real provider itself: it is no provider, hangs, or has ended."""
        return next((proxy.failure for proxy in self._proxies.values() if proxy.failure), None)

    def mask(self, text: str) -> str:
        """A text without any secret that was ever sent to this cloud or made by it."""
        return self._mask.text(text)

    def problems(self, type_: str, inputs: Properties) -> tuple[Problem, ...]:
        """What is wrong with something that is to be seeded, by the class of its type."""
        found = self._sdks.check(type_, inputs)
        if found is None and package(type_) in self._sdks.packages():
            return (Problem(type_, f"is no resource of the SDK of {package(type_)} that is installed"),)
        return found or ()

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
