"""Which real provider is asked for a package, and what fills the gaps in its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.localcloud.plugins import PluginError, Plugins, environment_of, find_installed, read_choices
from plimsoll.localcloud.rules import load_rules
from plimsoll.localcloud.schema import shape_of
from plimsoll.localcloud.templates import Scope
from plimsoll.localcloud.unknowns import Filler
from plimsoll.localcloud.wire import (
    OUTPUT_VALUE,
    SIGNATURE_KEY,
    Signature,
    Unknown,
    has_unknown,
    is_secret,
    secret,
)


def install(home: Path, *folders: str) -> None:
    for folder in folders:
        package = folder.removeprefix("resource-").rpartition("-v")[0]
        (home / "plugins" / folder).mkdir(parents=True)
        (home / "plugins" / folder / f"pulumi-resource-{package}").touch(mode=0o755)


INSTALLED = (
    "resource-gcp-v9.2.0",
    "resource-gcp-v9.10.0",
    "resource-gcp-v10.2.0",
    "resource-gcp-v11.0.0-alpha.1",
    "resource-gcp-extra-v12.0.0",
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param("10.2.0", "10.2.0", id="the-one-that-the-sdk-pins"),
        pytest.param("9.35.0", "9.10.0", id="else-the-newest-compatible-by-number-not-by-text"),
        pytest.param("8.0.0", None, id="another-major-version-is-another-provider"),
        pytest.param("", "11.0.0-alpha.1", id="without-an-sdk-the-newest"),
    ],
)
def test_the_plugin_that_fits(tmp_path: Path, wanted: str, found: str | None):
    install(tmp_path, *INSTALLED)
    plugin = find_installed(tmp_path, "gcp", wanted)
    assert (plugin and plugin.version) == found
    if plugin:
        assert plugin.path == tmp_path / f"plugins/resource-gcp-v{found}/pulumi-resource-gcp"


def test_one_that_is_still_being_installed_is_none(tmp_path: Path):
    install(tmp_path, "resource-gcp-v10.2.0")
    (tmp_path / "plugins/resource-gcp-v10.2.0.partial").touch()
    assert find_installed(tmp_path, "gcp", "10.2.0") is None
    assert find_installed(tmp_path / "nowhere", "gcp") is None


def test_what_is_named_counts_before_what_is_installed(tmp_path: Path):
    install(tmp_path, "resource-gcp-v10.2.0", "resource-vercel-v5.0.0")
    own = tmp_path / "pulumi-resource-gcp"
    own.touch(mode=0o755)
    plugins = Plugins(tmp_path, read_choices([str(own), "vercel=none"]))
    gcp = plugins.find("gcp", "10.2.0")
    assert gcp is not None
    assert (gcp.path, plugins.find("vercel")) == (own, None)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (["gcp=/nowhere/it"], "the provider gcp is not at /nowhere/it: there is no such file"),
        (["/bin/sh"], "--provider /bin/sh does not say whose provider it is"),
        ([""], "--provider  does not say whose provider it is"),
        (["gcp=none", "gcp=none"], "--provider names gcp twice"),
        (["gcp={folder}"], "there is no such file"),
        (["gcp={folder}/plain"], "may not be run"),
    ],
)
def test_a_choice_that_is_none_is_refused(tmp_path: Path, written: list[str], says: str):
    (tmp_path / "plain").touch(mode=0o644)
    with pytest.raises(PluginError) as caught:
        read_choices([one.format(folder=tmp_path) for one in written])
    assert says in str(caught.value)
    assert caught.value.remedy


def test_a_provider_sees_no_credential_of_the_users():
    ours = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "GOOGLE_PROJECT": "acme",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "mine",
        "AWS_SECRET_ACCESS_KEY": "mine",
        "HOME": "/home/me",
        "https_proxy": "http://me:mine@proxy",
        "HTTP_PROXY": "http://proxy",
    }
    assert environment_of("gcp", ours, Path("/empty")) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "GOOGLE_PROJECT": "acme",
        "HTTP_PROXY": "http://proxy",
        "HOME": "/empty",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "dummy",
        "PULUMI_GCP_SKIP_REGION_VALIDATION": "true",
    }


# What is filled ---------------------------------------------------------------------------------------------

FILLER = Filler(Scope({}, {}, "a:b:C|it"), load_rules())


def fill(value: Any, *, shape: Any = "any", suggested: Any = None) -> Any:
    return FILLER.fill({"it": value}, {"it": suggested}, {"it": shape})["it"]


@pytest.mark.parametrize(
    ("unknown", "shape", "kind"),
    [
        (Unknown.STRING, "text", str),
        (Unknown.STRING, "any", str),
        (Unknown.STRING, "integer", int),
        (Unknown.STRING, "flag", bool),
        (Unknown.STRING, {"list": "text"}, list),
        (Unknown.STRING, {"object": {"inner": "text"}}, dict),
        (Unknown.BOOL, "any", bool),
        (Unknown.NUMBER, "text", int),
        (Unknown.ARRAY, "any", list),
        (Unknown.OBJECT, "any", dict),
        (Unknown.OBJECT, {"object": {"inner": "integer"}}, dict),
    ],
)
def test_an_unknown_gets_a_value_of_its_type(unknown: Unknown, shape: Any, kind: type):
    value = fill(unknown.value, shape=shape)
    assert type(value) is kind
    assert not has_unknown(value)
    assert value == fill(unknown.value, shape=shape), "the same at every time"


@pytest.mark.parametrize("unknown", [Unknown.ASSET, Unknown.ARCHIVE])
def test_assets_and_archives_stay_what_they_are(unknown: Unknown):
    assert fill(unknown.value)[SIGNATURE_KEY] == Signature[unknown.name]


def test_our_templates_are_taken_where_their_type_is_right():
    assert fill(Unknown.STRING.value, shape="text", suggested="https://it") == "https://it"
    assert fill(Unknown.NUMBER.value, suggested="https://it") != "https://it"
    inside = fill([{"a": Unknown.STRING.value}], suggested=[{"a": "told"}])
    assert inside == [{"a": "told"}]


def test_secrets_and_outputs_keep_what_they_say():
    assert is_secret(fill(secret(Unknown.STRING.value)))
    hidden = {SIGNATURE_KEY: OUTPUT_VALUE, "secret": True, "dependencies": []}
    assert is_secret(fill(hidden))
    assert fill({SIGNATURE_KEY: OUTPUT_VALUE, "value": 3}) == 3
    assert has_unknown(hidden)


SENTINELS = st.sampled_from([one.value for one in Unknown])
PLAIN = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5)


VALUES = st.recursive(
    PLAIN | SENTINELS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
        | inner.map(secret)
    ),
    max_leaves=12,
)


def known_parts(planned: Any, filled: Any) -> bool:
    """Whether all that was known is as it was."""
    if isinstance(planned, str) and planned in {*map(str, Unknown)}:
        return True
    if isinstance(planned, dict):
        return planned.keys() == filled.keys() and all(
            known_parts(planned[key], filled[key]) for key in planned
        )
    if isinstance(planned, list):
        return len(planned) == len(filled) and all(map(known_parts, planned, filled))
    return bool(planned == filled)


@given(VALUES)
def test_whatever_is_planned_is_kept_and_nothing_stays_unknown(planned: Any):
    filled = fill(planned)
    assert not has_unknown(filled)
    assert known_parts(planned, filled)
    assert fill(filled) == filled


def test_types_are_read_from_a_providers_schema():
    schema = {
        "types": {
            "p:index/dock:Dock": {
                "properties": {"depth": {"type": "integer"}, "next": {"$ref": "#/types/p:index%2Fdock:Dock"}}
            },
            "p:index:Flag": {"type": "string", "enum": [{"value": "red"}]},
        },
        "resources": {
            "p:index:Berth": {
                "inputProperties": {"length": {"type": "number"}},
                "properties": {
                    "dock": {"$ref": "#/types/p:index%2Fdock:Dock"},
                    "flags": {"type": "array", "items": {"$ref": "#/types/p:index:Flag"}},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                    "file": {"$ref": "pulumi.json#/Asset"},
                },
            }
        },
    }
    shape = shape_of(schema, "p:index:Berth")
    assert shape is not None
    assert shape.inputs == {"length"}
    assert {name: shape.outputs[name] for name in ("flags", "tags", "file")} == {
        "flags": {"list": "text"},
        "tags": {"map": "text"},
        "file": "any",
    }
    # A type that contains itself ends somewhere.
    assert shape.outputs["dock"]["object"]["next"]["object"]["depth"] == "integer"
    assert shape_of(schema, "p:index:Boat") is None
