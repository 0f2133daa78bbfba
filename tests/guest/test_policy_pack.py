"""The launcher of policy packs: what it masks, and that a real pack runs through it as it would without."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc
import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from plimsoll.guest import policy_pack
from plimsoll.guest.policy_pack import MASKED, SECRET, SIGNATURE_KEY, Mask, marked_in
from plimsoll.preview.decode import Signature

if TYPE_CHECKING:
    from collections.abc import Generator

PACK = """
import sys
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

def say(args, report):
    value = args.props["password"]
    print("printed", value)
    print("wrote", value, file=sys.stderr)
    if args.name == "fails":
        raise ValueError(f"no good: {value}")
    if args.name == "skips":
        args.not_applicable(f"not for {value}")
    report(f"it is {value}, beside {args.props['size']}")

def say_all(args, report):
    for one in args.resources:
        report(f"{one.name} has {one.props['password']}")

def mend(args):
    return {"password": args.props["password"] + "-mended", "size": args.props["size"]}

initial = {"whole": {"most": 3}}
PolicyPack("says", enforcement_level=EnforcementLevel.REMEDIATE, initial_config=initial, policies=[
    ResourceValidationPolicy(name="each", description="Of each.", validate=say, remediate=mend),
    StackValidationPolicy(name="whole", description="Of all.", validate=say_all),
])
"""

CANARY = 'canary+/"quoted"-5e'


def marked(value: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: SECRET, "value": value}


def request(**properties: Any) -> analyzer_pb2.AnalyzeRequest:
    struct = struct_pb2.Struct()
    struct.update(properties)
    return analyzer_pb2.AnalyzeRequest(type="a:b:C", name="c", urn="urn:x", properties=struct)


def masked(text: str, *secrets: str) -> str:
    mask = Mask()
    mask.learn(secrets)
    return mask.text(text)


def test_the_marks_are_the_protocols():
    assert Signature.SECRET.value == SECRET


@pytest.mark.parametrize(
    ("properties", "secrets"),
    [
        pytest.param({"a": "plain"}, set(), id="nothing marked"),
        pytest.param({"a": marked("text")}, {"text"}, id="a text"),
        pytest.param({"a": [{"b": marked("text")}]}, {"text"}, id="inside lists and objects"),
        pytest.param({"a": marked({"b": ["text", 5, None, True]})}, {"text", "5"}, id="an object"),
        pytest.param({"a": marked(marked("text"))}, {"text"}, id="marked twice"),
        pytest.param({"a": marked('{"b": ["in"]}')}, {'{"b": ["in"]}', "in"}, id="a JSON document"),
        pytest.param({"a": marked(policy_pack.UNKNOWN)}, set(), id="not known yet"),
    ],
)
def test_what_is_learnt_of_a_request(properties: dict[str, Any], secrets: set[str]):
    assert set(marked_in(request(**properties))) == secrets


def test_providers_and_whole_stacks_are_learnt_from_too():
    inner = request(a=marked("of the provider")).properties
    one = analyzer_pb2.AnalyzeRequest(provider=analyzer_pb2.AnalyzerProviderResource(properties=inner))
    resource = analyzer_pb2.AnalyzerResource(properties=request(a=marked("of the stack")).properties)
    assert set(marked_in(one)) == {"of the provider"}
    assert set(marked_in(analyzer_pb2.AnalyzeStackRequest(resources=[resource]))) == {"of the stack"}


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("it is hunter22.", ["hunter22"], "it is [secret]."),
        ("a hunter22-longer b", ["hunter22", "hunter22-longer"], "a [secret] b"),
        ("abc", ["abc"], MASKED),
        ("the abc of it", ["abc"], "the abc of it"),
        ("60000", ["60000"], MASKED),
        ("after 60000 ms", ["60000"], "after 60000 ms"),
        ("it is true", ["true"], "it is true"),
        ("", [""], ""),
        ("nothing", [], "nothing"),
        ("the line -----BEGIN KEY-----", ["-----BEGIN KEY-----\nab\n"], "the line [secret]"),
    ],
)
def test_what_is_masked_and_what_is_everywhere_by_chance(text: str, secrets: list[str], shown: str):
    assert masked(text, *secrets) == shown


def test_what_the_program_gives_in_clear_is_no_secret_unless_the_configuration_says_so():
    mask = Mask()
    mask.learn(["goals", "hunter22"])
    mask.learn(["declared"], declared=True)
    clear = request(name="goals", labels={"team": ["declared"]}, key=marked("hunter22")).properties
    mask.spare(policy_pack.clear_texts(clear))
    assert mask.text("goals-prod hunter22 declared") == f"goals-prod {MASKED} {MASKED}"


@given(st.text(min_size=4), st.sampled_from(["as it is", "json", "repr", "url", "base64"]))
def test_no_way_of_writing_a_secret_shows_it(secret: str, form: str):
    if policy_pack.PLAIN.fullmatch(secret):
        return
    written = {
        "as it is": lambda: secret,
        "json": lambda: json.dumps(secret),
        "repr": lambda: repr(secret),
        "url": lambda: quote(secret, safe=""),
        "base64": lambda: base64.b64encode(secret.encode()).decode(),
    }[form]()
    said = masked(f"<<{written}>>", secret)
    assert MASKED in said
    assert written.strip("'\"") not in said


@contextmanager
def serving(
    folder: Path, pack: str
) -> Generator[tuple[analyzer_pb2_grpc.AnalyzerStub, subprocess.Popen[str]]]:
    (folder / "pack").mkdir()
    (folder / "pack" / "__main__.py").write_text(pack, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-u", policy_pack.__file__, "127.0.0.1:1", "pack"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PULUMI")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel), process
    finally:
        process.kill()
        process.communicate()


def test_a_real_pack_says_no_secret_in_any_way_it_has(tmp_path: Path):
    stack = analyzer_pb2.AnalyzeStackRequest(
        resources=[
            # A secret stays one, also where another resource carries it unmarked.
            analyzer_pb2.AnalyzerResource(name="d", properties=request(password=f"x{CANARY}y").properties)
        ]
    )
    with serving(tmp_path, PACK) as (stub, process):
        asked = request(password=marked(CANARY), size=3)
        [said] = stub.Analyze(asked).diagnostics
        assert (said.message, said.policyName, said.policyPackName) == (
            "Of each.\nit is [secret], beside 3.0",
            "each",
            "says",
        )
        [said] = stub.AnalyzeStack(stack).diagnostics
        assert said.message == "Of all.\nd has x[secret]y"
        asked.name = "skips"
        assert stub.Analyze(asked).not_applicable[-1].reason == "not for [secret]"
        asked.name = "fails"
        with pytest.raises(grpc.RpcError) as failed:
            stub.Analyze(asked)
        assert failed.value.code() is grpc.StatusCode.UNKNOWN
        assert failed.value.details() == "Exception calling application: no good: [secret]"
        # What goes into the program's resources is whole.
        [mended] = stub.Remediate(asked).remediations
        assert mended.properties["password"] == f"{CANARY}-mended"
        assert stub.GetAnalyzerInfo(request_of_nothing()).name == "says"
        process.kill()
        out, err = process.communicate()
    assert CANARY not in out + err
    assert out.startswith("printed [secret]\n")
    assert "wrote [secret]\n" in err
    assert "ValueError: no good: [secret]" in err


def request_of_nothing() -> Any:
    from google.protobuf import empty_pb2

    return empty_pb2.Empty()


def test_the_stacks_own_secrets_are_learnt_with_its_configuration(tmp_path: Path):
    configuration = analyzer_pb2.AnalyzerStackConfigureRequest(
        config={"p:token": CANARY, "p:size": "middling"}, config_secret_keys=["p:token"]
    )
    with serving(tmp_path, PACK) as (stub, _):
        stub.ConfigureStack(configuration)
        [said] = stub.Analyze(request(password=CANARY, size="middling")).diagnostics
        assert said.message.endswith("it is [secret], beside middling")


def test_a_pack_that_fails_ends_with_the_sdks_own_words_and_without_a_port(tmp_path: Path):
    (tmp_path / "__main__.py").write_text("import absent_module\n", "utf-8")
    ran = subprocess.run(
        [sys.executable, "-u", policy_pack.__file__, "127.0.0.1:1", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "No module named 'absent_module'" in ran.stderr
