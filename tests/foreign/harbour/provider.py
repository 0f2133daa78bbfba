"""A provider that behaves as bridged ones do, as a program: `python provider.py ENGINE` prints its port.

Whatever package it is started for, it has berths ("…:index:Berth") and moorings, which read a berth's outputs.
It does nothing real, and fails where it is asked for that.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict

# The protocol alone: the rest of the SDK takes ten times as long to load, and a provider is started often.
for name in ("pulumi", "pulumi.runtime"):
    package = types.ModuleType(name)
    package.__path__ = importlib.util.find_spec(name).submodule_search_locations
    sys.modules[name] = package

from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

KEY = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
FLAG = "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"
LIST = "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"
LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

COMPUTED = {"url": str, "capacity": float, "open": bool, "addresses": list, "key": str, "etag": str}
"""What only a cloud knows, and its type: the provider reads its own state by these."""
SCHEMA = {"url": "string", "capacity": "number", "open": "boolean", "key": "string", "etag": "string"}


def struct(values):
    made = struct_pb2.Struct()
    made.update(values)
    return made


def bare(value):
    return value["value"] if isinstance(value, dict) and value.get(KEY) == SECRET else value


def secret(value):
    return {KEY: SECRET, "value": value}


class Bridged(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self):
        self.config = {}

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.4.2")

    def Parameterize(self, request, context):
        return provider_pb2.ParameterizeResponse(name=request.args.args[0], version="0.0.1")

    def GetSchema(self, request, context):
        berth = {name: {"type": kind} for name, kind in SCHEMA.items()}
        berth["addresses"] = {"type": "array", "items": {"type": "string"}}
        berth["dock"] = {"$ref": "#/types/a:index:Dock"}
        dock = {"properties": {"quay": {"type": "string"}, "depth": {"type": "integer"}}}
        schema = {
            "name": "a",
            "description": "x" * 30_000_000,
            "types": {"a:index:Dock": dock},
            "resources": {
                "harbour:index:Berth": {"properties": berth, "inputProperties": {"length": {}}},
            },
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    # --- its configuration

    def token(self, config):
        return bare(config.get("apiToken")) or os.environ.get("VERCEL_API_TOKEN") or ""

    def CheckConfig(self, request, context):
        if not re.fullmatch("[0-9a-f]{24}", self.token(MessageToDict(request.news))):
            reason = "the token must have 24 hexadecimal characters"
            failure = provider_pb2.CheckFailure(property="apiToken", reason=reason)
            return provider_pb2.CheckResponse(failures=[failure])
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        self.config = MessageToDict(request.args)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    # --- what is asked for

    def Check(self, request, context):
        inputs = MessageToDict(request.news)
        failures = []
        if inputs.get("name") == "dies":
            sys.stderr.write("cannot allocate memory\n")
            sys.stderr.flush()
            os._exit(9)
        if inputs.get("name") == "hangs":
            time.sleep(600)
        if inputs.get("name") == "breaks":
            context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x03details"),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the berth breaks")
        if "Berth" in request.urn:
            defaults = []
            if "name" not in inputs:
                inputs["name"] = (
                    MessageToDict(request.olds).get("name") or "berth-" + request.randomSeed.hex()[:7]
                )
                defaults.append("name")
            if "size" not in inputs:
                inputs["size"] = "small"
                defaults.append("size")
            inputs["__defaults"] = defaults
            if isinstance(bare(inputs.get("length")), str) and inputs["length"] != TEXT:
                reason = "expected a number"
                failures.append(provider_pb2.CheckFailure(property="length", reason=reason))
            for name in inputs.get("dock", {}):
                if name not in ("quay", "depth"):
                    reason = "Invalid or unknown key"
                    failures.append(provider_pb2.CheckFailure(property=f"dock.{name}", reason=reason))
        return provider_pb2.CheckResponse(inputs=struct(inputs), failures=failures)

    def state(self, context, olds):
        """Its own state. What is missing there is nothing; what is there must be of its own types."""
        computed = {**COMPUTED, "depth": float}
        for name, value in {**olds, **olds.get("dock", {})}.items():
            if name in computed and not isinstance(bare(value), computed[name]):
                context.abort(grpc.StatusCode.INTERNAL, f"state: {name} is not {computed[name].__name__}")
            if bare(value) in (TEXT, FLAG, LIST):
                context.abort(grpc.StatusCode.INTERNAL, f"state: {name} is unknown")
        return olds

    def planned(self, inputs):
        """What a new resource will be like, as far as it can be told."""
        if "size" not in inputs:
            return {name: value for name, value in inputs.items() if name != "__defaults"}
        return {
            **{name: value for name, value in inputs.items() if name != "__defaults"},
            "id": TEXT,
            "project": inputs.get("project", self.config.get("project", "nowhere")),
            "dock": {"quay": "north", "depth": TEXT, **inputs.get("dock", {})},
            "url": TEXT,
            "capacity": TEXT,
            "open": FLAG,
            "addresses": LIST,
            "key": secret(TEXT),
            "etag": {KEY: OUTPUT, "secret": False, "dependencies": []},
            "__meta": '{"schema_version":"2"}',
        }

    def Diff(self, request, context):
        olds, news = MessageToDict(request.olds), MessageToDict(request.news)
        if "Berth" not in request.urn:
            changed = [name for name in news if news[name] != olds.get(name) or news[name] == TEXT]
            return self.differs(dict.fromkeys(changed, "UPDATE"), news)
        olds = self.state(context, olds)
        wanted = self.planned(news)
        kinds = {}
        for name in ("project", "name", "size", "length", "dock", "password"):
            old, new = bare(olds.get(name)), bare(wanted.get(name))
            if name == "dock":
                old = {"quay": "north", **old}
                new = {name: value for name, value in new.items() if value != TEXT}
                old = {name: value for name, value in old.items() if name != "depth" or name in new}
            if old != new:
                kind = "ADD" if old is None else "DELETE" if new is None else "UPDATE"
                kinds[name] = kind + ("_REPLACE" if name in ("project", "name", "size") else "")
        return self.differs(kinds, news)

    def differs(self, kinds, news):
        replaces = [name for name, kind in kinds.items() if kind.endswith("_REPLACE")]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if kinds else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=list(kinds),
            replaces=replaces,
            detailedDiff={
                name: provider_pb2.PropertyDiff(kind=getattr(provider_pb2.PropertyDiff, kind))
                for name, kind in kinds.items()
            },
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and "name" not in news.get("__defaults", []),
        )

    # --- what it does in a preview alone

    def real(self, context, method):
        context.abort(grpc.StatusCode.INTERNAL, f"{method} would have reached a real cloud")

    def Create(self, request, context):
        if not request.preview:
            self.real(context, "Create")
        return provider_pb2.CreateResponse(properties=struct(self.planned(MessageToDict(request.properties))))

    def Update(self, request, context):
        if not request.preview:
            self.real(context, "Update")
        olds, news = MessageToDict(request.olds), MessageToDict(request.news)
        if "Berth" not in request.urn:
            return provider_pb2.UpdateResponse(properties=struct(self.planned(news)))
        stays = {name: value for name, value in self.state(context, olds).items() if name in COMPUTED}
        planned = {**self.planned(news), "id": request.id, **stays, "etag": TEXT}
        planned["dock"] = {
            **planned["dock"],
            "depth": news.get("dock", {}).get("depth", olds["dock"]["depth"]),
        }
        return provider_pb2.UpdateResponse(properties=struct(planned))

    def Read(self, request, context):
        self.real(context, "Read")

    def Delete(self, request, context):
        self.real(context, "Delete")

    def Invoke(self, request, context):
        if request.tok.endswith("lookUp"):
            context.abort(grpc.StatusCode.UNAVAILABLE, "no route to the harbour")
        returned = provider_pb2.InvokeResponse()
        environment = dict(os.environ)
        told = {"environment": environment, "config": self.config, "process": os.getpid()}
        getattr(returned, "return").CopyFrom(struct({**told, "folder": str(Path.cwd())}))
        return returned

    def Cancel(self, request, context):
        return empty_pb2.Empty()


server = grpc.server(ThreadPoolExecutor(max_workers=8), options=LIMIT)
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Bridged(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
print("whatever it says later is read, and nobody's")
server.start()
server.wait_for_termination()
