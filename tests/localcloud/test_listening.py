"""The local cloud's server: what it hears, a port that is taken, and a cloud that nobody closes."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from plimsoll.localcloud import listening
from plimsoll.localcloud.state import StateError
from plimsoll.localcloud.wire import secret

if TYPE_CHECKING:
    from plimsoll.localcloud.cloud import LocalCloud


def test_it_forgets_no_secret_that_it_was_sent_or_made(cloud: LocalCloud):
    asked = struct_pb2.Struct()
    asked.update({"length": 24, "special": False, "keepers": {"of": secret("canary-sent")}})
    port = cloud.environment["PULUMI_DEBUG_PROVIDERS"].rpartition(":")[2]
    urn = "urn:pulumi:dev::p::random:index/randomPassword:RandomPassword::made"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        made = stub.Create(provider_pb2.CreateRequest(urn=urn, properties=asked)).properties
    password = made.fields["result"].struct_value.fields["value"].string_value
    assert len(password) == 24
    assert cloud.mask(f"{password} and canary-sent in p") == "[secret] and [secret] in p"


def test_a_port_that_is_taken_is_one_error(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(listening, "ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
        with (
            pytest.raises(
                StateError, match=r"cannot listen on 127\.0\.0\.1:\d+: the port is taken.*End what"
            ),
            listening.Serving(provider_pb2_grpc.ResourceProviderServicer(), cloud._mask),
        ):
            pass


def test_a_cloud_that_nobody_closes_ends_quietly(tmp_path: Path):
    program = (
        "import sys; from pathlib import Path; from plimsoll.localcloud.cloud import LocalCloud\n"
        "cloud = LocalCloud(interpreter=Path(sys.executable), state=Path('cloud.jsonl')).__enter__()\n"
        "print(len(cloud.records))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "0\n", "")
