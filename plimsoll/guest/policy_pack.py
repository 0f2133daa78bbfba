"""Run one policy pack as `python -u -m pulumi.policy` does, and let no secret out in what it says.

Started by path under the pack's interpreter: `python -u policy_pack.py ENGINE_ADDRESS PACK_FOLDER`, in any
folder. It prints the port of the pack's `Analyzer` server on standard output, as the engine expects. It uses
the standard library, gRPC and whatever Pulumi SDK 3.x it finds, in syntax that Python 3.9 reads.

The engine masks the stack's own secrets in a policy's text. It does not mask those that a program makes, a
random password say, although it hands them to the pack marked as secrets. So each text that ever came in
marked, in this run, is replaced by `[secret]` in whatever goes out to people: messages, descriptions,
diagnostics and reasons, the text of an exception, and what the pack prints. Properties that a remediation
gives back stay as they are: they go into the program's resources, not to people.
"""

from __future__ import annotations

import base64
import json
import os
import re
import runpy
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc
from pulumi.runtime.proto import analyzer_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from google.protobuf import struct_pb2
    from google.protobuf.message import Message

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (it names the kind)
"""How the protocol marks a secret (`sdk/go/common/resource/properties.go`)."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How it writes a text that is not known yet."""

MASKED = "[secret]"

SHORTEST = 4
"""Characters. A shorter secret, or one that is a number or a truth value, is everywhere by chance: it is
masked where it is all that is said."""

PLAIN = re.compile(r"true|false|[-+.\d]+(e[-+]?\d+)?", re.IGNORECASE)

PROPERTIES = "google.protobuf.Struct"

FOR_PEOPLE = ("message", "description", "diagnostic", "reason")
"""The fields of an answer that people read. The others name policies and resources."""


def marked_texts(value: struct_pb2.Value, *, marked: bool = False) -> Iterator[str]:
    """Every text inside what is marked as secret in a `Value` of the protocol, its JSON's texts included."""
    kind = value.WhichOneof("kind")
    if kind == "string_value" and marked:
        if value.string_value != UNKNOWN:
            yield value.string_value
            yield from json_texts(value.string_value)
    elif kind == "number_value" and marked:
        yield f"{value.number_value:.15g}"
    elif kind == "list_value":
        for item in value.list_value.values:
            yield from marked_texts(item, marked=marked)
    elif kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE_KEY in fields and fields[SIGNATURE_KEY].string_value == SECRET:
            marked = True
        for name, item in fields.items():
            if name != SIGNATURE_KEY:
                yield from marked_texts(item, marked=marked)


def clear_texts(properties: struct_pb2.Struct) -> Iterator[str]:
    """Every whole text in properties that is not marked as secret."""
    left = [*properties.fields.values()]
    while left:
        value = left.pop()
        if value.HasField("string_value"):
            yield value.string_value
        elif value.HasField("list_value"):
            left.extend(value.list_value.values)
        elif value.HasField("struct_value") and SIGNATURE_KEY not in value.struct_value.fields:
            left.extend(value.struct_value.fields.values())


def json_texts(text: str) -> Iterator[str]:
    """The texts inside a secret that is a JSON document, which a rule may have parsed."""
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        left = [json.loads(text)]
    except ValueError:
        return
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, dict)):
            left.extend(value.values() if isinstance(value, dict) else value)


def marked_in(message: Message) -> Iterator[str]:
    """Every text that a request marks as secret, wherever it carries properties."""
    for field, content in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.full_name == PROPERTIES:
            for value in content.fields.values():
                yield from marked_texts(value)
        elif field.message_type.GetOptions().map_entry:
            continue  # names of properties, and texts
        else:
            for one in [content] if hasattr(content, "ListFields") else content:
                yield from marked_in(one)


def forms(secret: str) -> set[str]:
    """How a secret may stand in a text: as it is, and as JSON, Python, a URL and base64 write it."""
    written = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    written.update((repr(secret)[1:-1], quote(secret, safe=""), quote(secret)))
    encoded = secret.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        written.update((encode(encoded).decode(), encode(encoded).decode().rstrip("=")))
    # A text of several lines is often shown line by line.
    written.update(line for line in secret.splitlines() if len(line) >= 2 * SHORTEST)
    return {form for form in written if len(form) >= SHORTEST}


class Mask:
    """Takes every secret that it has learnt out of texts, but for what also comes in clear. Thread-safe.

    Providers' SDKs mark ordinary words too (each value of a Vercel variable): what the program itself gives
    elsewhere as a whole value, unmarked, is no secret. What the configuration declares secret always is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marked: set[str] = set()
        self._declared: set[str] = set()
        self._clear: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secrets: Iterable[str], *, declared: bool = False) -> None:
        """Remember secrets, for as long as the pack runs; `declared` are those of the configuration."""
        self._remember(self._declared if declared else self._marked, secrets)

    def spare(self, values: Iterable[str]) -> None:
        """Remember whole values that the program gives in clear."""
        self._remember(self._clear, values)

    def _remember(self, known: set[str], values: Iterable[str]) -> None:
        with self._lock:
            new = set(values) - known
            if new:
                known |= new
                self._pattern = None

    def text(self, text: str) -> str:
        """The text without secrets."""
        with self._lock:
            secrets = self._declared | (self._marked - self._clear)
            if text and text in secrets:
                return MASKED
            if self._pattern is None:
                long = (one for one in secrets if len(one) >= SHORTEST and not PLAIN.fullmatch(one))
                written = {form for one in long for form in forms(one)}
                # The longest first: a secret inside another must not leave the other's ends behind.
                longest_first = sorted(written, key=len, reverse=True)
                # With no secret, what matches nothing.
                self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
            return self._pattern.sub(MASKED, text)

    def message(self, message: Message) -> None:
        """Mask what people read of an answer, in place."""
        for field, content in message.ListFields():
            if field.message_type is not None:
                # A map has settings for machines in it: a pack's own `initial_config`.
                if field.message_type.full_name != PROPERTIES and not isinstance(content, Mapping):
                    for one in [content] if hasattr(content, "ListFields") else content:
                        self.message(one)
            elif field.name in FOR_PEOPLE:
                setattr(message, field.name, self.text(content))


class Masked:
    """A pack's servicer that learns the secrets of whatever it is asked, and masks whatever it answers."""

    def __init__(self, servicer: Any, mask: Mask) -> None:  # noqa: ANN401 (whatever the pack made)
        self._servicer = servicer
        self._mask = mask

    def __getattr__(self, name: str) -> Callable[[Any, Any], Any]:
        handler = getattr(self._servicer, name)

        def handle(request: Any, context: Any) -> Any:  # noqa: ANN401 (messages, and gRPC's own context)
            self._mask.learn(marked_in(request))
            # A provider's own configuration may hold secrets that nobody marked.
            if not getattr(request, "type", "pulumi:providers:").startswith("pulumi:providers:"):
                self._mask.spare(clear_texts(request.properties))
            for key in getattr(request, "config_secret_keys", ()):
                self._mask.learn([request.config[key]] if key in request.config else (), declared=True)
            try:
                answer = handler(request, context)
            except (Exception, SystemExit) as error:  # an exit from a thread would leave the call unanswered
                if context.code() is not None:  # it said itself what is wrong, by `abort`
                    raise
                sys.excepthook(type(error), error, error.__traceback__)
                what = f"sys.exit({error.code})" if isinstance(error, SystemExit) else error
                said = self._mask.text(f"Exception calling application: {what}")
                context.abort(grpc.StatusCode.UNKNOWN, said)
                raise AssertionError("abort raises") from None
            self._mask.message(answer)
            return answer

        return handle


def mask_stream(stream: TextIO, mask: Mask) -> None:
    """Mask what is printed to a stream. Its bytes below, which carry the port, are left alone."""
    write = stream.write
    stream.write = lambda text: write(mask.text(text))  # ty: ignore[missing-slot] (`io.TextIOWrapper` has one)


def main() -> None:
    """Serve the pack until told to go."""
    mask = Mask()
    protocol: Any = analyzer_pb2_grpc
    add = protocol.add_AnalyzerServicer_to_server

    # The only way in which a pack, whoever wrote it, comes to be served.
    protocol.add_AnalyzerServicer_to_server = lambda servicer, server: add(Masked(servicer, mask), server)
    for stream in (sys.stdout, sys.stderr):
        mask_stream(stream, mask)
    # As `python -m` has it: the folder where it was started, instead of this script's own.
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.getcwd()  # noqa: PTH109 (text)
    runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
