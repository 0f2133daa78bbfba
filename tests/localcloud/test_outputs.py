"""What a cloud answers: complete, deterministic, of the real shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.localcloud.outputs import Asked, answer, identify, known_before, left_alone, seen_through
from plimsoll.localcloud.randoms import LOWER, MAKERS, SPECIAL, make_text
from plimsoll.localcloud.rules import DATA, Rule, load_rules
from plimsoll.localcloud.wire import UNKNOWN, bare, has_unknown, is_secret, same, secret

if TYPE_CHECKING:
    from plimsoll.localcloud.sdk import InstalledSdks
    from plimsoll.localcloud.wire import Properties

RULES = load_rules()
CONFIG = {"project": "acme", "region": "europe-west1", "team": "acme"}

EXAMPLES: dict[str, Properties] = {
    "gcp:projects/service:Service": {"service": "run.googleapis.com"},
    "gcp:compute/network:Network": {"name": "net"},
    "gcp:compute/subnetwork:Subnetwork": {"name": "sub", "network": "net", "ipCidrRange": "10.0.0.0/26"},
    "gcp:sql/databaseInstance:DatabaseInstance": {"name": "db", "databaseVersion": "POSTGRES_17"},
    "gcp:sql/user:User": {"name": "goals", "instance": "db", "password": secret("hunter2")},
    "gcp:secretmanager/secret:Secret": {"secretId": "url", "replication": {"auto": {}}},
    "gcp:secretmanager/secretVersion:SecretVersion": {
        "secret": "projects/acme/secrets/url",
        "secretData": secret("hunter2"),
    },
    "gcp:secretmanager/secretIamMember:SecretIamMember": {
        "secretId": "projects/acme/secrets/url",
        "role": "roles/x",
        "member": "user:a@b.c",
    },
    "gcp:serviceaccount/account:Account": {"accountId": "goals-api"},
    "gcp:cloudrunv2/service:Service": {
        "name": "goals-api",
        "location": "europe-west1",
        "template": {"containers": [{"image": "an-image"}]},
        "labels": {"team": "goals"},
    },
    "gcp:monitoring/alertPolicy:AlertPolicy": {"displayName": "slow", "combiner": "OR", "conditions": []},
    "gcp:storage/bucket:Bucket": {"name": "state", "location": "EU"},
    "vercel:index/project:Project": {"name": "goals"},
    "vercel:index/projectDomain:ProjectDomain": {"projectId": "prj_x", "domain": "goals.example"},
    "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable": {
        "projectId": "prj_x",
        "key": "A",
        "value": secret("b"),
    },
}

SHAPES = [
    ("gcp:cloudrunv2/service:Service", "id", r"projects/acme/locations/europe-west1/services/goals-api"),
    ("gcp:cloudrunv2/service:Service", "uri", r"https://goals-api-[a-z0-9]{10}-ew\.a\.run\.app"),
    (
        "gcp:cloudrunv2/service:Service",
        "urls",
        r"\['https://goals-api-\d{12}\.europe-west1\.run\.app', 'https://.*'\]",
    ),
    ("gcp:cloudrunv2/service:Service", "latestReadyRevision", r".*/revisions/goals-api-00001-[a-z0-9]{3}"),
    ("gcp:cloudrunv2/service:Service", "generation", r"1"),
    ("gcp:cloudrunv2/service:Service", "effectiveLabels", r"\{'team': 'goals'\}"),
    ("gcp:cloudrunv2/service:Service", "uid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ("gcp:serviceaccount/account:Account", "email", r"goals-api@acme\.iam\.gserviceaccount\.com"),
    (
        "gcp:serviceaccount/account:Account",
        "member",
        r"serviceAccount:goals-api@acme\.iam\.gserviceaccount\.com",
    ),
    ("gcp:serviceaccount/account:Account", "name", r"projects/acme/serviceAccounts/goals-api@acme\..*\.com"),
    ("gcp:serviceaccount/account:Account", "uniqueId", r"[1-9]\d{20}"),
    ("gcp:sql/databaseInstance:DatabaseInstance", "id", r"db"),
    ("gcp:sql/databaseInstance:DatabaseInstance", "connectionName", r"acme:europe-west1:db"),
    ("gcp:sql/databaseInstance:DatabaseInstance", "publicIpAddress", r"203\.0\.113\.7"),
    ("gcp:sql/databaseInstance:DatabaseInstance", "privateIpAddress", r""),
    (
        "gcp:sql/databaseInstance:DatabaseInstance",
        "selfLink",
        r"https://sqladmin.*/projects/acme/instances/db",
    ),
    (
        "gcp:sql/databaseInstance:DatabaseInstance",
        "serviceAccountEmailAddress",
        r"p\d{12}-\w+@gcp-sa-cloud-sql\..*",
    ),
    ("gcp:sql/user:User", "id", r"goals//db"),
    ("gcp:secretmanager/secret:Secret", "id", r"projects/acme/secrets/url"),
    ("gcp:secretmanager/secret:Secret", "name", r"projects/\d{12}/secrets/url"),
    ("gcp:secretmanager/secretVersion:SecretVersion", "name", r"projects/\d{12}/secrets/url/versions/3"),
    ("gcp:secretmanager/secretVersion:SecretVersion", "version", r"3"),
    (
        "gcp:compute/network:Network",
        "selfLink",
        r"https://www\.googleapis\.com/compute/v1/projects/acme/global/.*",
    ),
    ("gcp:compute/subnetwork:Subnetwork", "region", r"europe-west1"),
    (
        "gcp:secretmanager/secretIamMember:SecretIamMember",
        "id",
        r"projects/acme/secrets/url/roles/x/user:a@b\.c",
    ),
    ("gcp:storage/bucket:Bucket", "id", r"bucket-[0-9a-f]{12}"),
    ("gcp:monitoring/alertPolicy:AlertPolicy", "id", r"alert-policy-[0-9a-f]{12}"),
    ("vercel:index/project:Project", "id", r"prj_[A-Za-z0-9]{28}"),
    ("vercel:index/project:Project", "teamId", r"team_[A-Za-z0-9]{24}"),
    ("vercel:index/projectDomain:ProjectDomain", "verified", r"True"),
]


def asked_for(sdks: InstalledSdks, type_: str, **changes: Any) -> Asked:
    given: dict[str, Any] = {"inputs": EXAMPLES[type_], "config": CONFIG, "count": 3, **changes}
    return Asked(type_, shape=sdks.shape(type_), **given)


def answered(asked: Asked) -> Properties:
    rule = RULES.resources.get(asked.type, Rule())
    id_, _ = identify(asked, rule, "urn|1")
    return {"id": id_, **answer(asked, rule, RULES, id_)}


@pytest.mark.parametrize(
    ("type_", "name", "pattern"), SHAPES, ids=[f"{t.split(':')[2]}-{n}" for t, n, _ in SHAPES]
)
def test_outputs_are_shaped_like_the_real_ones(sdks: InstalledSdks, type_: str, name: str, pattern: str):
    assert re.fullmatch(pattern, str(answered(asked_for(sdks, type_))[name]))


@pytest.mark.parametrize("type_", EXAMPLES)
def test_every_output_of_the_class_has_an_answer_of_its_type(sdks: InstalledSdks, type_: str):
    asked = asked_for(sdks, type_)
    assert asked.shape is not None
    properties = answered(asked)
    kinds = {"text": str, "integer": int, "number": int | float, "flag": bool}
    for name, shape in asked.shape.outputs.items():
        value = bare(properties[name])
        if name not in asked.shape.inputs:
            assert value is not None, name
        if isinstance(shape, str) and value is not None and shape in kinds:
            assert isinstance(value, kinds[shape]), (name, value)
    assert not has_unknown(properties)


@pytest.mark.parametrize("type_", EXAMPLES)
def test_reading_reports_the_inputs_as_they_were_given(sdks: InstalledSdks, type_: str):
    asked = asked_for(sdks, type_)
    assert seen_through(asked.inputs, answered(asked)) == asked.inputs


@pytest.mark.parametrize("type_", EXAMPLES)
def test_the_same_question_has_the_same_answer(sdks: InstalledSdks, type_: str):
    assert answered(asked_for(sdks, type_)) == answered(asked_for(sdks, type_))


def test_noise_belongs_to_one_resource(sdks: InstalledSdks):
    type_ = "gcp:serviceaccount/account:Account"
    one, other = (
        answered(asked_for(sdks, type_, inputs={"accountId": name})) for name in ("goals-api", "goals-web")
    )
    assert one["uniqueId"] != other["uniqueId"]


def test_what_depends_on_an_unknown_is_unknown_and_the_rest_is_not(sdks: InstalledSdks):
    type_ = "gcp:cloudrunv2/service:Service"
    inputs = {**EXAMPLES[type_], "name": UNKNOWN}
    properties = answer(asked_for(sdks, type_, inputs=inputs), RULES.resources[type_], RULES, "an-id")
    assert properties["uri"] == UNKNOWN
    assert properties["creator"] == "local-cloud@example.com"


def test_secrets_stay_secret(sdks: InstalledSdks):
    properties = answered(asked_for(sdks, "gcp:sql/user:User"))
    assert is_secret(properties["password"])
    assert "hunter2" not in str({name: value for name, value in properties.items() if name != "password"})


def test_a_private_instance_has_a_private_address_only(sdks: InstalledSdks):
    settings = {"tier": "db-g1-small", "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": "net"}}
    inputs = {"name": "db", "databaseVersion": "POSTGRES_17", "settings": settings}
    properties = answered(asked_for(sdks, "gcp:sql/databaseInstance:DatabaseInstance", inputs=inputs))
    assert (properties["privateIpAddress"], properties["publicIpAddress"]) == ("10.128.0.3", "")


def test_an_update_is_previewed_with_what_stays(sdks: InstalledSdks):
    type_ = "gcp:cloudrunv2/service:Service"
    old = answered(asked_for(sdks, type_))
    inputs = {**EXAMPLES[type_], "description": "new"}
    new = answered(asked_for(sdks, type_, inputs=inputs, generation=2))
    told = known_before(old, new, inputs)
    assert told["uri"] == old["uri"]
    assert told["description"] == "new"
    assert not {"etag", "generation", "latestReadyRevision"} & told.keys()


LIVE = {
    "changed": ({"a": 1}, {"a": 2, "b": 3}, {"a": 2}),
    "gone": ({"a": 1, "b": 2}, {"b": 2}, {"b": 2}),
    "nested-default": ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
    "grown-list": ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}, {"b": 3}]}, {"a": [{"b": 1}, {"b": 3}]}),
    "shrunk-list": ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    "as-it-was-written": ({"a": "80"}, {"a": 80}, {"a": "80"}),
    "secret": ({"a": secret("b")}, {"a": "c"}, {"a": secret("c")}),
    "notes": ({"__defaults": ["name"], "name": "a"}, {"name": "b"}, {"__defaults": ["name"], "name": "b"}),
}


@pytest.mark.parametrize(("inputs", "live", "seen"), LIVE.values(), ids=LIVE)
def test_drift_is_seen_where_the_inputs_speak_of_it(inputs: Any, live: Any, seen: Any):
    assert seen_through(inputs, live) == seen


FLAGS = st.none() | st.booleans()
PASSWORDS = st.fixed_dictionaries(
    {"length": st.integers(8, 64)},
    optional={
        "lower": FLAGS,
        "upper": FLAGS,
        "special": FLAGS,
        "minUpper": st.integers(0, 2),
        "minNumeric": st.integers(0, 2),
        "overrideSpecial": st.sampled_from(["_", "!@"]),
    },
)


@given(PASSWORDS, st.text(max_size=5))
def test_a_random_text_is_what_was_asked_for(inputs: Properties, seed: str):
    text = make_text(inputs, seed)
    assert len(text) == inputs["length"]
    assert text == make_text(inputs, seed)
    special = inputs.get("overrideSpecial", SPECIAL)
    if inputs.get("special") is False:
        assert not set(text) & set(special)
    if inputs.get("upper") is False and not inputs.get("minUpper"):
        assert not set(text) & set(LOWER.upper())
    assert sum(character.isdigit() for character in text) >= inputs.get("minNumeric", 0)


def test_a_password_is_secret_and_another_the_next_time():
    make = MAKERS["random:index/randomPassword:RandomPassword"]
    id_, made = make({"length": 32, "special": False}, "urn|1")
    assert id_ == "none"
    assert is_secret(made["result"])
    assert re.fullmatch(r"[A-Za-z0-9]{32}", bare(made["result"]))
    assert not same(made["result"], make({"length": 32}, "urn|2")[1]["result"])


@pytest.mark.parametrize("type_", sorted({*RULES.resources, *RULES.replacements}))
def test_the_data_speak_of_what_the_sdk_has(sdks: InstalledSdks, type_: str):
    shape = sdks.shape(type_)
    assert shape is not None
    rule = RULES.resources.get(type_, Rule())
    assert rule.outputs.keys() | rule.defaults.keys() <= shape.outputs.keys()
    assert {
        path.partition(".")[0].rstrip("[]{}") for path in RULES.replacements.get(type_, ())
    } <= shape.inputs
    if rule.protected_by:
        assert rule.protected_by in shape.inputs


def test_the_data_have_a_date_and_a_source():
    for file in DATA.glob("*.json"):
        assert '"as_of": "202' in file.read_text(encoding="utf-8")
        assert '"source": "' in file.read_text(encoding="utf-8")


LIVE = {"labels": {"a": "1"}, "containers": [{"image": "v10", "args": ["x"]}], "note": "live"}


@pytest.mark.parametrize(
    ("inputs", "paths", "kept"),
    [
        ({}, ["labels"], {"labels": {"a": "1"}}),
        ({"labels": {"b": "2"}}, ["labels"], {"labels": {"b": "2"}}),
        ({"labels": {}}, ['labels["a"]'], {"labels": {"a": "1"}}),
        (
            {"containers": [{}]},
            ["containers[0].image", "note"],
            {"containers": [{"image": "v10"}], "note": "live"},
        ),
        ({"containers": []}, ["containers[0].image"], {"containers": []}),
        ({}, ["labels.a", "nothing", "containers[0].image", ""], {}),
    ],
)
def test_what_the_program_ignores_and_says_nothing_of_is_left_alone(inputs, paths, kept):
    assert left_alone(inputs, LIVE, paths) == kept
