"""What the guest leans on in the SDK, not all of it public: an upgrade that moves it fails here, by name."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import json
import os
import sys
from pathlib import Path

import pulumi
import pulumi.runtime
import pytest
from pulumi.runtime import _grpc_settings, rpc, settings
from pulumi.runtime.proto import resource_pb2

from plimsoll.guest import run_program
from plimsoll.preview import decode, monitor, process

SOURCE = Path(run_program.__file__).read_text("utf-8")


def test_only_the_standard_library_and_pulumi_are_imported():
    for node in ast.walk(ast.parse(SOURCE)):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom():
                names = [node.module or "."]
            case _:
                continue
        for name in names:
            assert name.partition(".")[0] in {*sys.stdlib_module_names, "pulumi"}


def test_older_interpreters_can_read_it():
    ast.parse(SOURCE, feature_version=(3, 9))
    assert "from __future__ import annotations" in SOURCE


@pytest.mark.parametrize(
    "name",
    [
        *("configure", "set_all_config", "run_in_stack"),
        *run_program.BLOCKING_INVOKES,
        *run_program.OUTPUT_INVOKES,
        *run_program.CALLS,
        *run_program.TRANSFORMS,
    ],
)
def test_the_runtime_has_what_is_called_or_replaced(name: str):
    assert callable(getattr(pulumi.runtime, name))


@pytest.mark.parametrize("verb", ["get", "require"])
@pytest.mark.parametrize("kind", ["", *run_program.TYPED_READS])
def test_configuration_is_read_by_the_methods_that_are_guarded(verb: str, kind: str):
    for method in (f"{verb}_secret_{kind}".rstrip("_"), f"{verb}_{kind}".rstrip("_")):
        assert "key" in inspect.signature(getattr(pulumi.Config, method)).parameters


def test_no_other_method_reads_configuration():
    reading = {name for name in vars(pulumi.Config) if name.startswith(("get", "require"))}
    kinds = ["", *(f"_{kind}" for kind in run_program.TYPED_READS)]
    assert reading == {
        f"{verb}{secret}{kind}" for verb in ("get", "require") for secret in ("", "_secret") for kind in kinds
    }


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        pytest.param(pulumi.Output.__init__, ["resources", "future", "is_known", "is_secret"], id="Output"),
        pytest.param(pulumi.Resource.__init__, ["t", "name", "custom", "props", "opts"], id="Resource"),
        pytest.param(
            settings.Settings.__init__,
            ["project", "stack", "monitor", "engine", "parallel", "dry_run"],
            id="Settings",
        ),
    ],
)
def test_constructors_take_what_they_are_given(function: object, parameters: list[str]):
    assert callable(function)
    known = list(inspect.signature(function).parameters)[1:]
    assert known[: len(parameters)] == parameters


def test_settings_take_organization_and_root():
    assert {"organization", "root_directory"} <= set(inspect.signature(settings.Settings.__init__).parameters)


def test_outputs_are_typed_by_the_function_that_is_replaced():
    assert "translate_output_properties(" in inspect.getsource(rpc.resolve_outputs)


def test_debug_lines_go_through_the_function_that_is_replaced():
    from pulumi.runtime import resource

    assert resource.log is pulumi.log
    assert "log.debug(" in inspect.getsource(resource.register_resource)


def test_the_sdk_hears_that_a_function_is_unknown():
    assert "unknown" in resource_pb2.ResourceInvokeResponse.DESCRIPTOR.fields_by_name


def test_the_protocols_sentinels_are_those_that_are_decoded():
    assert rpc.UNKNOWN == decode.UNKNOWN_TEXT
    assert rpc._special_sig_key == decode.SIGNATURE_KEY
    assert rpc._special_secret_sig == decode.Signature.SECRET
    assert rpc._special_asset_sig == decode.Signature.ASSET
    assert rpc._special_archive_sig == decode.Signature.ARCHIVE
    assert rpc._special_resource_sig == decode.Signature.RESOURCE


def test_messages_may_be_as_large_as_the_sdk_allows():
    assert monitor.MAX_MESSAGE_BYTES >= _grpc_settings._MAX_RPC_MESSAGE_SIZE


def test_every_feature_of_the_protocol_is_offered_or_left_out_on_purpose():
    left_out = {
        "OUTPUT_VALUES",  # only for remote components and methods, which are refused
        "CALL_OUTPUT_VALUES",
        "INVOKE_OUTPUT_VALUES",
        "SENDS_OPTIONS_TO_HOOKS",  # no hook is run
        "BYTE_STRING",  # values that the decoder does not know
        "INVOKE_PARENT",  # the SDK resolves the provider itself
    }
    names = {
        value.name.removeprefix("RESOURCE_MONITOR_FEATURE_"): value.number
        for value in resource_pb2.ResourceMonitorFeature.DESCRIPTOR.values
    }
    offered = {name for name, number in names.items() if number in monitor.FEATURES}
    assert offered | left_out == set(names)
    assert not offered & left_out


def test_older_sdks_are_offered_the_same_by_name():
    by_name = settings._LEGACY_FEATURE_MAPPING
    assert {name for name, number in by_name.items() if number in monitor.FEATURES} == monitor.LEGACY_FEATURES


def test_the_parent_gives_what_the_guest_expects():
    assert process.DUMP_SIGNAL.name == "SIGUSR2"
    called = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Subscript)]
    assert {ast.unparse(node) for node in called} >= {"sys.argv[1]", "sys.argv[2]"}


def test_a_forked_copy_writes_no_record():
    reading, writing = os.pipe()
    record = run_program.Record(writing)
    copy = os.fork()
    if copy == 0:
        record.write({"event": "end", "from": "the copy"})
        os._exit(0)
    os.waitpid(copy, 0)
    record.write({"event": "end", "from": "the guest"})
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert [json.loads(line)["from"] for line in lines] == ["the guest"]


class TestWhatAnErrorBecomes:
    def test_causes_come_nearest_first_and_a_circle_ends(self):
        first, second = ValueError("first"), KeyError("second")
        first.__cause__, second.__cause__ = second, first
        described = run_program.describe_error(first, {})
        assert described["message"] == "first"
        assert [cause["type"] for cause in described["causes"]] == ["KeyError"]

    @pytest.mark.parametrize(("suppressed", "causes"), [(False, ["KeyError"]), (True, [])])
    def test_a_context_counts_unless_it_was_suppressed(self, *, suppressed: bool, causes: list[str]):
        error = ValueError("outer")
        error.__context__, error.__suppress_context__ = KeyError("inner"), suppressed
        described = run_program.describe_error(error, {})
        assert [cause["type"] for cause in described["causes"]] == causes

    def test_a_message_is_bounded(self):
        described = run_program.describe_error(ValueError("x" * 1_000_000), {})
        assert len(described["message"]) == run_program.LONGEST_TEXT

    def test_where_it_was_raised_is_known_however_often_it_is_awaited(self):
        async def divide() -> None:
            raise ZeroDivisionError("here")

        async def await_twice() -> None:
            task = asyncio.ensure_future(divide())
            with contextlib.suppress(ZeroDivisionError):
                await task
            await task

        loop = asyncio.new_event_loop()
        origins = run_program.keep_origins(loop)
        with pytest.raises(ZeroDivisionError) as caught:
            loop.run_until_complete(await_twice())
        loop.close()
        caught.value.__traceback__ = None  # as some versions of Python leave it
        frames = run_program.describe_error(caught.value, origins)["frames"]
        assert frames[-1]["text"] == 'raise ZeroDivisionError("here")'

    @pytest.mark.parametrize(("code", "exit_code"), [(None, 0), (0, 0), (3, 3), ("a sentence", 1)])
    def test_an_exit_has_its_code(self, code: object, exit_code: int):
        assert run_program.describe_error(SystemExit(code), {})["exit_code"] == exit_code

    def test_a_runaway_stack_keeps_its_ends(self):
        def again(depth: int) -> None:
            if depth:
                again(depth - 1)
            else:
                raise ValueError

        with pytest.raises(ValueError) as caught:  # noqa: PT011 (raised two lines above)
            again(500)
        frames = run_program.describe_error(caught.value, {})["frames"]
        assert len(frames) == run_program.MOST_FRAMES
        assert frames[0]["function"] == "test_a_runaway_stack_keeps_its_ends"
        assert frames[-1]["text"] == "raise ValueError"
