"""A real provider as judge, over real connections: the plugin is a process, as bridged ones are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.plugins import Plugins
from plimsoll.localcloud.running import MAX_MESSAGE_BYTES
from plimsoll.localcloud.wire import bare, has_unknown, is_secret, read, secret, write
from tests.localcloud.conftest import install_plugin

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

BERTH = "urn:pulumi:dev::project::harbour:index:Berth::one"
TYPE = "harbour:index:Berth"
TOKEN = "0123456789abcdef01234567"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return install_plugin(tmp_path / "plugin")


@contextmanager
def cloud_with(tmp_path: Path, plugin: Path, **more: Any) -> Generator[LocalCloud]:
    named = {"harbour": plugin, **more.pop("named", {})}
    with LocalCloud(
        interpreter=Path(sys.executable),
        state=tmp_path / "cloud.jsonl",
        plugins=Plugins(named=named),
        **more,
    ) as cloud:
        yield cloud


def connect(cloud: LocalCloud, package: str = "harbour", **config: Any) -> Any:
    """What the engine has for one provider resource, configured."""
    ports = dict(one.split(":") for one in cloud.environment["PULUMI_DEBUG_PROVIDERS"].split(","))
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ]
    channel = grpc.insecure_channel(f"127.0.0.1:{ports[package]}", options)
    provider = provider_pb2_grpc.ResourceProviderStub(channel)
    if config:
        provider.Configure(provider_pb2.ConfigureRequest(args=write(config), acceptSecrets=True))
    return provider


@pytest.fixture
def cloud(tmp_path: Path, plugin: Path) -> Iterator[LocalCloud]:
    with cloud_with(tmp_path, plugin) as local:
        yield local


@pytest.fixture
def harbour(cloud: LocalCloud) -> Any:
    return connect(cloud, project="acme", apiToken=TOKEN)


def checked(provider: Any, **inputs: Any) -> Any:
    return provider.Check(provider_pb2.CheckRequest(urn=BERTH, news=write(inputs), randomSeed=b"seed")).inputs


def create(provider: Any, **inputs: Any) -> Any:
    request = provider_pb2.CreateRequest(urn=BERTH, properties=checked(provider, **inputs))
    return provider.Create(request)


def seen_by(provider: Any) -> dict[str, Any]:
    """What the provider's process sees of the world."""
    asked = provider.Invoke(provider_pb2.InvokeRequest(tok="harbour:index:environment"))
    return read(getattr(asked, "return"))


def test_its_answers_pass_whole(harbour: Any):
    wrong = write({"length": "long", "dock": {"quai": 1}})
    answered = harbour.Check(provider_pb2.CheckRequest(urn=BERTH, news=wrong, randomSeed=b"seed"))
    assert [(one.property, one.reason) for one in answered.failures] == [
        ("length", "expected a number"),
        ("dock.quai", "Invalid or unknown key"),
    ]
    assert read(answered.inputs)["__defaults"] == ["name", "size"]
    assert len(harbour.GetSchema(provider_pb2.GetSchemaRequest()).schema) > 30_000_000
    arguments = provider_pb2.ParameterizeRequest.ParametersArgs(args=["pier"])
    assert harbour.Parameterize(provider_pb2.ParameterizeRequest(args=arguments)).name == "pier"
    assert harbour.GetPluginInfo(empty_pb2.Empty()).version == "1.4.2"


def test_its_errors_pass_with_their_details(harbour: Any):
    with pytest.raises(grpc.RpcError) as caught:
        checked(harbour, name="breaks")
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "the berth breaks",
    )
    details = {one.key: one.value for one in caught.value.trailing_metadata()}
    assert details["grpc-status-details-bin"] == b"\x08\x03details"


def test_what_it_plans_is_made_and_every_unknown_has_a_value_of_its_type(cloud: LocalCloud, harbour: Any):
    preview = harbour.Create(
        provider_pb2.CreateRequest(urn=BERTH, properties=checked(harbour, length=3), preview=True)
    )
    assert preview.id == ""
    assert has_unknown(read(preview.properties))
    assert cloud.records == ()
    made = create(harbour, length=3, password=secret("hunter2"))
    properties = read(made.properties)
    assert not has_unknown(properties)
    assert (properties["project"], properties["id"], properties["size"]) == ("acme", made.id, "small")
    assert is_secret(properties["password"])
    assert is_secret(properties["key"])
    shown = {name: type(bare(value)) for name, value in properties.items()}
    assert {name: shown[name] for name in ("url", "capacity", "open", "addresses", "key", "etag")} == {
        "url": str,
        "capacity": int,
        "open": bool,
        "addresses": list,
        "key": str,
        "etag": str,
    }
    assert isinstance(properties["dock"]["depth"], int)
    assert properties["__meta"] == '{"schema_version":"2"}'
    [record] = cloud.records
    assert (record.id, record.properties) == (made.id, properties)


def test_the_same_is_made_of_the_same(tmp_path: Path, plugin: Path):
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with cloud_with(tmp_path / name, plugin) as cloud:
            made.append(create(connect(cloud, project="acme", apiToken=TOKEN), length=3).properties)
    assert made[0] == made[1]


def test_an_update_keeps_what_the_provider_keeps(cloud: LocalCloud, harbour: Any):
    made = create(harbour, length=3)
    changed = harbour.Update(
        provider_pb2.UpdateRequest(
            urn=BERTH, id=made.id, olds=made.properties, news=checked(harbour, length=4)
        )
    )
    before, after = read(made.properties), read(changed.properties)
    assert {name for name in before if before[name] != after[name]} <= {"length", "etag"}
    assert (after["length"], cloud.records[0].generation) == (4, 2)
    found = harbour.Read(provider_pb2.ReadRequest(urn=BERTH, id=made.id))
    assert read(found.properties) == after
    harbour.Delete(provider_pb2.DeleteRequest(urn=BERTH, id=made.id, properties=changed.properties))
    assert cloud.records == ()


def test_what_was_there_before_is_completed_as_its_provider_would_have_made_it(
    cloud: LocalCloud, harbour: Any
):
    cloud.seed(TYPE, "berths/old", {"length": 3}, {"length": 5, "url": "https://old.example.com"})
    found = harbour.Read(provider_pb2.ReadRequest(urn=BERTH, id="berths/old"))
    properties = read(found.properties)
    assert (properties["length"], properties["url"]) == (5, "https://old.example.com")
    assert (properties["project"], properties["size"]) == ("acme", "small")
    diff = provider_pb2.DiffRequest(
        urn=BERTH, id=found.id, olds=found.properties, news=checked(harbour, length=5)
    )
    # The name, which the seed does not tell, is all that differs.
    assert harbour.Diff(diff).diffs == ["name"]


def test_a_provider_that_knows_no_preview_is_never_asked_to_do_it(cloud: LocalCloud):
    unconfigured = connect(cloud)
    made = unconfigured.Create(provider_pb2.CreateRequest(urn=BERTH, properties=write({"length": 3})))
    assert read(made.properties)["length"] == 3


class TestCredentials:
    def test_dummies_stand_in_for_the_users_own(
        self, tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
    ):
        own = {
            "VERCEL_API_TOKEN": "own-token",
            "GOOGLE_CREDENTIALS": "own-key",
            "PULUMI_ACCESS_TOKEN": "own-access",
            "HTTPS_PROXY": "http://own:password@proxy.example.com",
            "HARBOUR_REGION": "europe-west1",
        }
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        with cloud_with(tmp_path, plugin, named={"vercel": plugin}) as cloud:
            vercel = connect(cloud, "vercel", apiToken=secret("own-token"), team="acme")
            seen = seen_by(vercel)
            checked_config = vercel.CheckConfig(
                provider_pb2.CheckRequest(
                    urn="urn:pulumi:dev::p::pulumi:providers:vercel::v",
                    news=write({"apiToken": secret("own-token"), "team": "acme"}),
                )
            )
            missing = connect(cloud).CheckConfig(
                provider_pb2.CheckRequest(urn="urn:pulumi:dev::p::pulumi:providers:harbour::h")
            )
        assert "own" not in json.dumps(seen)
        assert seen["environment"]["VERCEL_API_TOKEN"] == bare(seen["config"]["apiToken"]) == "0" * 24
        assert seen["environment"]["HARBOUR_REGION"] == "europe-west1"
        assert seen["environment"]["HOME"] != os.environ["HOME"]
        # It is content with the dummy, and the program's own stays its own.
        assert not checked_config.failures
        assert read(checked_config.inputs)["apiToken"] == secret("own-token")
        assert [one.property for one in missing.failures] == ["apiToken"]


class TestFunctions:
    def test_one_that_needs_no_cloud_is_the_providers(self, tmp_path: Path, plugin: Path):
        with cloud_with(tmp_path, plugin, folder=tmp_path) as cloud:
            assert seen_by(connect(cloud))["folder"] == str(tmp_path)

    def test_one_that_does_is_ours_to_answer_or_refuse(self, harbour: Any):
        with pytest.raises(grpc.RpcError, match="no answer for the function harbour:index:lookUp"):
            harbour.Invoke(provider_pb2.InvokeRequest(tok="harbour:index:lookUp"))


def alive(process: int) -> bool:
    """Whether a process runs, and is not only waiting to be counted as ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(process: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(process)


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")


class TestProcesses:
    def test_each_connection_has_its_own(self, cloud: LocalCloud):
        one, other = (seen_by(connect(cloud, project=name)) for name in ("one", "other"))
        assert one["process"] != other["process"]
        assert (one["config"]["project"], other["config"]["project"]) == ("one", "other")

    @linux
    def test_they_end_with_the_engine_that_asked_for_them(self, cloud: LocalCloud):
        engines = [subprocess.Popen([sys.executable, "-c", LISTENING], stdout=subprocess.PIPE) for _ in "ab"]
        addresses = [f"127.0.0.1:{int(engine.stdout.readline())}" for engine in engines if engine.stdout]
        first, second, third = connect(cloud), connect(cloud), connect(cloud)
        first.Attach(plugin_pb2.PluginAttach(address=addresses[0]))
        process = seen_by(first)["process"]
        second.Attach(plugin_pb2.PluginAttach(address=addresses[1]))
        assert alive(process), "its engine is still there"
        engines[0].kill()
        engines[0].communicate()
        third.Attach(plugin_pb2.PluginAttach(address=addresses[1]))
        assert gone(process)
        engines[1].kill()
        engines[1].communicate()

    @linux
    def test_they_end_with_the_cloud(self, tmp_path: Path, plugin: Path):
        with cloud_with(tmp_path, plugin) as cloud:
            process = seen_by(connect(cloud))["process"]
        assert gone(process)

    @linux
    def test_a_cloud_that_ends_waits_for_no_answer(self, tmp_path: Path, plugin: Path):
        with cloud_with(tmp_path, plugin, patience=600) as cloud:
            harbour = connect(cloud)
            process = seen_by(harbour)["process"]
            hanging = provider_pb2.CheckRequest(urn=BERTH, news=write({"name": "hangs"}))
            answer = harbour.Check.future(hanging)
            time.sleep(0.2)
        assert gone(process)
        with pytest.raises(grpc.RpcError):
            answer.result()

    @linux
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
    def test_they_end_however_ours_ends(self, tmp_path: Path, plugin: Path, number: signal.Signals):
        ours = subprocess.Popen(
            [sys.executable, "-c", ASKING, tmp_path / "cloud.jsonl", plugin],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
        assert ours.stdout
        process = int(ours.stdout.readline())
        assert alive(process)
        ours.send_signal(number)
        ours.communicate()
        assert gone(process)


LISTENING = """
import socket, time
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
time.sleep(60)
"""

ASKING = """
import sys, time
from pathlib import Path
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.plugins import Plugins
from tests.localcloud.test_real_provider import connect, seen_by

state, plugin = map(Path, sys.argv[1:])
plugins = Plugins(named={"harbour": plugin})
with LocalCloud(interpreter=Path(sys.executable), state=state, plugins=plugins) as cloud:
    print(int(seen_by(connect(cloud))["process"]), flush=True)
    time.sleep(60)
"""


SHELL = "#!/bin/sh\n"
FOREIGN_SERVER = f"""#!{sys.executable}
import grpc
from concurrent.futures import ThreadPoolExecutor
server = grpc.server(ThreadPoolExecutor())
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""
BROKEN = {
    "exits": (
        SHELL + "echo 'libc is too old' >&2; exit 3",
        "ended with exit code 3 before it printed its port: libc is too old",
    ),
    "says-no-port": (SHELL + "echo Welcome; sleep 60", "printed 'Welcome' where a provider prints its port"),
    "says-nothing": (SHELL + "sleep 60", "has printed no port within 1.5 s"),
    "port-of-nobody": (SHELL + "echo 1; sleep 60", "speaks another protocol"),
    "another-service": (FOREIGN_SERVER, "speaks another protocol"),
    "no-program": ("\0\0\0", "ended with exit code 126 before it printed its port: Exec format error"),
}


@pytest.mark.parametrize(("source", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_provider_is_one_clear_error(tmp_path: Path, source: str, says: str):
    program = tmp_path / "pulumi-resource-harbour"
    program.write_text(source)
    program.chmod(0o755)
    began = time.monotonic()
    with cloud_with(tmp_path, program, patience=1.5) as cloud:
        with pytest.raises(grpc.RpcError) as caught:
            connect(cloud, project="acme")
        failure = cloud.failure
    assert f"the provider harbour at {program} {says}" in str(failure)
    assert str(failure) in (caught.value.details() or "")
    assert "--provider NAME=none" in (caught.value.details() or "")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hangs", "has not answered Check within 1.5 s"),
        ("dies", "ended with exit code 9 while it was asked Check: cannot allocate memory"),
    ],
)
def test_one_that_fails_later_is_one_clear_error_too(tmp_path: Path, plugin: Path, name: str, says: str):
    with cloud_with(tmp_path, plugin, patience=1.5) as cloud:
        harbour = connect(cloud, project="acme")
        with pytest.raises(grpc.RpcError) as caught:
            checked(harbour, name=name)
        assert says in str(cloud.failure)
        assert says in (caught.value.details() or "")


def test_the_report_says_who_judged(cloud: LocalCloud, harbour: Any):
    assert cloud.judgement.unproven == ()
    checked(harbour, length=3)
    assert cloud.judgement.judge == "harbour: provider 1.4.2 (plugin)"
    random = "random:index/randomPet:RandomPet"
    connect(cloud, "random").Check(provider_pb2.CheckRequest(urn=f"urn:pulumi:dev::p::{random}::pet"))
    assert cloud.judgement.judge == (
        "harbour: provider 1.4.2 (plugin) · "
        "random: installed SDK classes and replacement data of 2026-11-23; no provider was asked"
    )
    assert cloud.judgement.unproven == ("random",)
