"""Any Pulumi project: found, read, and resolved to what its program sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.settings.errors import Fault, SettingsError, key_path, shown
from plimsoll.settings.project import (
    Project,
    ResolvedConfig,
    examine,
    find_project,
    read_project,
    read_stack,
    resolve,
)
from plimsoll.settings.tree import Scalar

SHOP = "name: shop\nruntime: python\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, project: str = SHOP, stack: str | None = None) -> Path:
    (folder / "Pulumi.yaml").write_text(project, "utf-8", newline="")
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(stack, "utf-8", newline="")
    return folder


def seen(folder: Path, project: str, stack: str) -> ResolvedConfig:
    found = find_project(write(folder, project, stack))
    return resolve(found, read_stack(found, "dev"))


def project_faults(folder: Path, project: str) -> list[tuple[str | None, int | None]]:
    with pytest.raises(SettingsError) as caught:
        find_project(write(folder, project))
    return [(fault.rule, fault.line) for fault in caught.value.faults]


def stack_faults(folder: Path, stack: str, project: str = SHOP) -> tuple[Fault, ...]:
    found = find_project(write(folder, project, stack))
    with pytest.raises(SettingsError) as caught:
        resolve(found, read_stack(found, "dev"))
    return caught.value.faults


class TestFindingAProject:
    def test_here(self, folder: Path):
        assert find_project(write(folder)).file == folder / "Pulumi.yaml"

    def test_from_a_folder_or_a_file_further_down(self, folder: Path):
        write(folder)
        deep = folder / "infra" / "modules"
        deep.mkdir(parents=True)
        (deep / "x.py").touch()
        assert find_project(deep).file == folder.resolve() / "Pulumi.yaml"
        assert find_project(deep / "x.py").file == folder.resolve() / "Pulumi.yaml"

    def test_files_are_named_as_briefly_as_the_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(write(folder))
        assert find_project(Path()).stack_file("dev") == Path("Pulumi.dev.yaml")

    def test_the_other_ending_too_and_its_stacks_end_like_it(self, folder: Path):
        (folder / "Pulumi.yml").write_text(SHOP)
        (folder / "Pulumi.dev.yml").touch()
        (folder / "Pulumi.prod.yaml").touch()
        project = find_project(folder)
        assert project.stacks() == ("dev",)
        assert project.stack_file("prod").name == "Pulumi.prod.yml"

    def test_a_folder_of_that_name_is_none(self, folder: Path):
        (folder / "Pulumi.yaml").mkdir()
        with pytest.raises(SettingsError, match="project/missing"):
            find_project(folder)

    def test_a_project_in_json_is_refused_as_the_engine_would_prefer_it(self, folder: Path):
        write(folder)
        (folder / "Pulumi.json").write_text("{}")
        with pytest.raises(SettingsError, match="project/json"):
            find_project(folder)


class TestReadingAProject:
    def test_in_full(self, folder: Path):
        write(
            folder,
            """\
name: shop
runtime:
  name: python
  options: {virtualenv: .venv, toolchain: uv}
main: infra
backend: {url: "gs://state"}
options: {refresh: always}
stackConfigDir: stacks
template: {description: whatever}
config:
  size: {type: integer, default: 3, description: How many}
  shop:names: {type: array, items: {type: string}, default: [a]}
  token: {type: string, secret: true}
  gcp:region: europe-west1
  aws:tags: {value: {team: web}}
""",
        )
        project = read_project(folder / "Pulumi.yaml")
        assert project.name == "shop"
        assert (project.runtime, project.runtime_options) == (
            "python",
            {"virtualenv": ".venv", "toolchain": "uv"},
        )
        assert (project.main, project.backend, project.always_refresh) == ("infra", "gs://state", True)
        assert project.stack_file("dev") == folder / "stacks" / "Pulumi.dev.yaml"
        assert list(project.declarations) == [
            "shop:size",
            "shop:names",
            "shop:token",
            "gcp:region",
            "aws:tags",
        ]
        assert str(project.declarations["shop:names"].type) == "array<string>"
        assert project.declarations["shop:token"].secret
        assert project.declarations["shop:token"].default is None
        assert project.declarations["shop:size"].description == "How many"

    def test_a_bare_name_is_enough_and_the_runtime_is_for_the_caller_to_judge(self, folder: Path):
        assert find_project(write(folder, "name: shop\n")).runtime == ""
        assert find_project(write(folder, "name: shop\nruntime: nodejs\n")).runtime == "nodejs"

    def test_config_with_a_text_is_the_older_stack_config_dir(self, folder: Path):
        assert find_project(write(folder, SHOP + "config: stacks\n")).stack_folder == folder / "stacks"

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            pytest.param("", [("project/empty", None)], id="empty"),
            pytest.param("- a\n", [("file/type", 1)], id="a list"),
            pytest.param("runtime: python\n", [("project/name", None)], id="no name"),
            pytest.param("name: 5\n", [("file/type", 1), ("project/name", 1)], id="a name that is a number"),
            pytest.param("name: a/b\n", [("project/name", 1)], id="a name with a slash"),
            pytest.param("name: a\n1: b\n", [("config/key", 2)], id="a key that is a number"),
            pytest.param("name: a\noption: {}\n", [("file/unknown-key", 2)], id="a slip of the pen"),
            pytest.param("name: a\nruntime: []\n", [("project/runtime", 2)], id="no runtime"),
            pytest.param(
                "name: a\nruntime: {nam: b}\n", [("file/unknown-key", 2)], id="a wrong key of runtime"
            ),
            pytest.param("name: a\nmain: [b]\n", [("file/type", 2)], id="a list for main"),
            pytest.param(
                "name: a\noptions: {refresh: never}\n", [("project/refresh", 2)], id="refresh never"
            ),
            pytest.param(
                "name: a\nbackend: {ulr: x}\n", [("file/unknown-key", 2)], id="a wrong key of backend"
            ),
            pytest.param("name: a\nbackend: {url: ~}\n", [("file/type", 2)], id="no address of the backend"),
            pytest.param("name: a\nconfig: [b]\n", [("file/type", 2)], id="a list for config"),
            pytest.param(
                "name: a\nconfig: b\nstackConfigDir: c\n", [("project/folder", 2)], id="two folders"
            ),
        ],
    )
    def test_what_is_wrong_is_told(self, folder: Path, text: str, found: list[tuple[str, int | None]]):
        assert project_faults(folder, text) == found

    @pytest.mark.parametrize(
        ("member", "rule"),
        [
            ("a: {type: number}", "config/type"),
            ("a: {type: array}", "config/type"),
            ("a: {type: array, items: {type: text}}", "config/type"),
            ("a: {type: string, default: 1}", "config/type"),
            ("a: {type: integer, default: 1.5}", "config/type"),
            ("a: {type: string, value: 1.5}", "config/type"),
            ("a: {type: integer, default: x}", "config/type"),
            ("a: {type: boolean, default: yes}", "config/type"),
            ("a: {type: object, default: []}", "config/type"),
            ("a: {type: array, items: {type: string}, default: [x, 1]}", "config/type"),
            ("a: {default: 1, value: 2}", "config/default"),
            ("a: 1.5", "config/default"),
            ("a: 1e3", "config/default"),
            ("a:", "config/default"),
            ("a: {tpye: string}", "file/unknown-key"),
            ("a: {secret: yes}", "file/type"),
            ("a: {description: 5}", "file/type"),
            ("a: {default: {b: [{1: x}]}}", "config/key"),
            ("a: {default: {b: {secure: v1:x}}}", "config/secret"),
            ("gcp:zone: {default: x}", "config/default"),
            ("gcp:zone: {type: string, value: x}", "config/default"),
            ("gcp:zone: {}", "config/default"),
            ("a:b:c: x", "config/key"),
            ("1: x", "config/key"),
            ("secret: x", "config/key"),
            ("a.b: x", "config/path"),
            ("'': x", "config/path"),
        ],
    )
    def test_a_declaration_that_the_engine_refuses_or_mangles_is_refused(
        self, folder: Path, member: str, rule: str
    ):
        assert project_faults(folder, f"{SHOP}config:\n  {member}\n") == [(rule, 4)]

    def test_a_key_declared_twice_under_two_names_is_refused(self, folder: Path):
        assert project_faults(folder, SHOP + "config:\n  a: 1\n  shop:a: 2\n") == [("config/duplicate", 5)]


class TestStacks:
    def test_are_the_files_beside_the_project(self, folder: Path):
        write(folder)
        for name in (
            "Pulumi.prod.yaml",
            "Pulumi.dev.yaml",
            "Pulumi.eu.west-1.yaml",
            "Pulumi.x.yml",
            "Pulumi.y.yaml~",
        ):
            (folder / name).touch()
        (folder / "Pulumi.folder.yaml").mkdir()
        assert find_project(folder).stacks() == (
            "dev",
            "eu.west-1",
            "folder",
            "prod",
        ), "what cannot be read is a stack all the same"

    @pytest.mark.parametrize("name", ["org/shop/dev", "../dev", "/dev"])
    def test_a_qualified_name_is_refused_with_the_name_alone(self, folder: Path, name: str):
        with pytest.raises(SettingsError, match="Name it alone: dev"):
            find_project(write(folder)).stack_file(name)

    @pytest.mark.parametrize("name", ["", "a b", "..\\x", "ä", "x" * 101, "dev/"])
    def test_what_cannot_be_a_name_is_refused(self, folder: Path, name: str):
        with pytest.raises(SettingsError, match="stack/name"):
            find_project(write(folder)).stack_file(name)

    @pytest.mark.parametrize(
        ("asked", "there", "advice"),
        [
            ("prd", ("dev", "prod"), "did you mean prod?"),
            ("zzz", ("dev", "prod"), "known here: dev, prod"),
            ("dev", (), "known here: none yet"),
        ],
    )
    def test_a_missing_file_is_told_with_the_nearest(
        self, folder: Path, asked: str, there: tuple[str, ...], advice: str
    ):
        write(folder)
        for name in there:
            (folder / f"Pulumi.{name}.yaml").touch()
        with pytest.raises(SettingsError) as caught:
            read_stack(find_project(folder), asked)
        (fault,) = caught.value.faults
        assert (fault.rule, fault.remedy) == ("stack/missing", advice)

    @pytest.mark.parametrize(
        "text", ["", "# nothing\n", "~\n", "config:\n", "config: {}\n", "encryptionsalt: v1:x\n"]
    )
    def test_an_empty_file_is_an_empty_configuration(self, folder: Path, text: str):
        assert seen(folder, SHOP, text).values == {}

    def test_keys_of_the_engine_are_known_and_others_ignored_as_it_does(self, folder: Path):
        write(folder, stack="secretsprovider: gcpkms://k\nx-common: &c {a: 1}\nconfig: {b: *c}\n")
        stack = read_stack(find_project(folder), "dev")
        assert stack.secrets_provider == "gcpkms://k"
        assert list(stack.entries) == ["shop:b"]

    @pytest.mark.parametrize(
        ("text", "rule", "line"),
        [
            pytest.param("hello\n", "file/type", 1, id="a word"),
            pytest.param("Config: {a: 1}\n", "file/unknown-key", 1, id="another case"),
            pytest.param("config: {}\nshop:budgets: {}\n", "file/unknown-key", 2, id="not indented"),
            pytest.param("config: [a]\n", "file/type", 1, id="a list"),
            pytest.param("encryptionsalt: [a]\n", "file/type", 1, id="a salt that is a list"),
            pytest.param("config:\n  1: a\n", "config/key", 2, id="a key that is a number"),
            pytest.param("config:\n  a:b:c: d\n", "config/key", 2, id="a key with too many colons"),
            pytest.param("config:\n  shop:a: 1\n  a: 2\n", "config/duplicate", 3, id="a key under two names"),
            pytest.param(
                "config:\n  shop:config:a: 1\n  a: 2\n", "config/duplicate", 3, id="an old name too"
            ),
            pytest.param("environment: [base]\n", "stack/environment", None, id="ESC"),
            pytest.param("environment: {values: {}}\n", "stack/environment", None, id="ESC inline"),
        ],
    )
    def test_what_is_wrong_is_told(self, folder: Path, text: str, rule: str, line: int | None):
        (fault,) = stack_faults(folder, text)
        assert (fault.rule, fault.line, fault.file) == (rule, line, folder / "Pulumi.dev.yaml")

    def test_an_empty_list_of_environments_is_none(self, folder: Path):
        assert seen(folder, SHOP, "environment: []\n").values == {}


class TestWhatTheProgramSees:
    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("a", "a"),
            ("yes", "yes"),
            ("017", "15"),
            ("1e3", "1000"),
            ("1.50", "1.5"),
            ("1e-7", "1e-7"),
            ("True", "true"),
            ("", ""),
            ("~", ""),
            ("{b: 1, a: <}", r'{"a":"\u003c","b":1}'),
            ("[]", "[]"),
        ],
    )
    def test_scalars_as_text_and_the_rest_as_json(self, folder: Path, written: str, text: str):
        assert seen(folder, SHOP, f"config:\n  k: {written}\n").values == {"shop:k": text}

    def test_keys_get_the_namespace_of_the_project_unless_they_have_one(self, folder: Path):
        config = seen(folder, SHOP, "config:\n  a: 1\n  gcp:project: x\n  aws:config:region: y\n")
        assert config.values == {"shop:a": "1", "gcp:project": "x", "aws:region": "y"}

    def test_defaults_of_the_project_reach_the_stack(self, folder: Path):
        project = (
            SHOP + "config:\n  a: 1\n  b: {default: 1.5}\n  c: {default: {d: [~]}}\n  gcp:zone: {value: z}\n"
        )
        config = seen(folder, project, "")
        assert config.values == {"shop:a": "1", "shop:b": "1.5", "shop:c": '{"d":[null]}', "gcp:zone": "z"}

    def test_a_value_replaces_a_default_whole(self, folder: Path):
        project = SHOP + "config:\n  a: {type: object, default: {b: 1, c: 2}}\n"
        assert seen(folder, project, "config:\n  a: {b: 3}\n").values == {"shop:a": '{"b":3}'}

    def test_a_null_is_a_value_too(self, folder: Path):
        assert seen(folder, SHOP + "config:\n  a: 1\n", "config:\n  a:\n").values == {"shop:a": ""}

    def test_what_is_encrypted_is_secret_and_replaced_wherever_it_stands(self, folder: Path):
        config = seen(
            folder,
            SHOP,
            "config:\n  a: {secure: v1:x}\n  b: {c: [1, {secure: v1:y}]}\n"
            "  d: {secure: 1}\n  e: {secure: x, f: 1}\n",
        )
        assert config.values == {
            "shop:a": "[secret]",
            "shop:b": '{"c":[1,"[secret]"]}',
            "shop:d": '{"secure":1}',
            "shop:e": '{"f":1,"secure":"x"}',
        }
        assert config.secret_keys == config.undecryptable == {"shop:a", "shop:b"}
        assert config.entries["shop:a"].node == Scalar("[secret]", "[secret]", 2, 6)

    def test_the_caller_chooses_what_stands_for_a_secret(self, folder: Path):
        project = find_project(write(folder, SHOP, "config:\n  a: {secure: v1:x}\n"))
        assert resolve(project, read_stack(project, "dev"), placeholder="?").values == {"shop:a": "?"}

    def test_every_value_knows_its_file_and_line(self, folder: Path):
        project = SHOP + "config:\n  a:\n    default:\n      b: 1\n"
        config = seen(folder, project, "config:\n\n  c: {d: 1}\n")
        default, own = config.entries["shop:a"], config.entries["shop:c"]
        assert (default.file.name, default.line, default.node.line) == ("Pulumi.yaml", 4, 6)
        assert (own.file.name, own.line, own.node.line) == ("Pulumi.dev.yaml", 3, 3)
        assert config.file == own.file


class TestValuesOfADeclaredType:
    @pytest.mark.parametrize(
        ("declared", "value"),
        [
            ("{type: string}", "1.50"),
            ("{type: string}", "true"),
            ("{type: string}", "~"),
            ("{type: integer}", "1.0"),
            ("{type: integer}", "1e6"),
            ("{type: integer}", "'+5'"),
            ("{type: integer}", "{secure: v1:x}"),
            ("{type: boolean}", "True"),
            ("{type: boolean}", "'false'"),
            ("{type: object}", "{}"),
            ("{type: object, secret: true}", "{k: {secure: v1:x}}"),
            ("{type: array, items: {type: integer}}", "[1, 2.0, '3']"),
            ("{type: array, items: {type: string}}", "[{secure: v1:x}]"),
            ("{type: array, items: {type: array, items: {type: object}}}", "[[{}], []]"),
            ("{secret: true}", "in clear"),
        ],
    )
    def test_are_taken_as_the_engine_takes_them(self, folder: Path, declared: str, value: str):
        assert (
            "shop:a" in seen(folder, f"{SHOP}config:\n  a: {declared}\n", f"config:\n  a: {value}\n").values
        )

    @pytest.mark.parametrize(
        ("declared", "value", "key"),
        [
            ("{type: string}", "[x]", "shop:a"),
            ("{type: integer}", "1.5", "shop:a"),
            ("{type: integer}", "x", "shop:a"),
            ("{type: integer}", "~", "shop:a"),
            ("{type: integer}", "'1_0'", "shop:a"),
            ("{type: integer}", "'9223372036854775808'", "shop:a"),
            ("{type: boolean}", "yes", "shop:a"),
            ("{type: boolean}", "1", "shop:a"),
            ("{type: object}", "[]", "shop:a"),
            ("{type: object}", "{secure: v1:x}", "shop:a"),
            ("{type: array, items: {type: string}}", "[x, 1]", "shop:a[1]"),
            ("{type: array, items: {type: object}}", "[~]", "shop:a[0]"),
            ("{type: array, items: {type: array, items: {type: integer}}}", "[[1], [2, x]]", "shop:a[1][1]"),
        ],
    )
    def test_are_refused_as_the_engine_refuses_them(self, folder: Path, declared: str, value: str, key: str):
        (fault,) = stack_faults(folder, f"config:\n  a: {value}\n", f"{SHOP}config:\n  a: {declared}\n")
        assert (fault.rule, fault.key, fault.line) == ("config/type", key, 2)

    def test_a_secret_in_clear_is_refused_and_not_repeated(self, folder: Path):
        project = SHOP + "config:\n  a: {type: string, secret: true}\n"
        (fault,) = stack_faults(folder, "config:\n  a: hunter2\n", project)
        assert (fault.rule, fault.line) == ("config/secret", 2)
        assert "hunter2" not in str(fault)

    def test_a_secret_with_a_default_is_refused_in_the_project_file(self, folder: Path):
        project = SHOP + "config:\n  a: {type: string, secret: true, default: x}\n"
        (fault,) = stack_faults(folder, "", project)
        assert (fault.rule, fault.file) == ("config/secret", folder / "Pulumi.yaml")


class TestValuesThatAreMissing:
    PROJECT = SHOP + "config:\n  a: {type: object}\n  b: {description: needed}\n  c: 1\n"

    def test_are_told_all_at_once_with_other_faults(self, folder: Path):
        found = stack_faults(folder, "config:\n  c: 1\n  b: 2\n", self.PROJECT + "  d: {type: integer}\n")
        assert [(fault.rule, fault.key) for fault in found] == [
            ("config/missing", "shop:a"),
            ("config/missing", "shop:d"),
        ]

    def test_can_be_had_without_raising(self, folder: Path):
        project = find_project(write(folder, self.PROJECT, "config:\n  a: {}\n"))
        config, faults = examine(project, read_stack(project, "dev"))
        assert config.values == {"shop:a": "{}", "shop:c": "1"}
        assert [fault.key for fault in faults] == ["shop:b"]

    def test_in_another_project_s_file_are_one_error(self, folder: Path):
        (fault,) = stack_faults(folder, "config:\n  blog:a: {}\n  gcp:project: x\n", self.PROJECT)
        assert fault.rule == "stack/other-project"
        assert "blog, gcp" in fault.message
        assert "shop:a, shop:b" in fault.message

    def test_keys_of_providers_alone_raise_no_alarm_where_nothing_is_missing(self, folder: Path):
        assert seen(folder, SHOP + "config:\n  c: 1\n", "config:\n  gcp:project: x\n").values == {
            "gcp:project": "x",
            "shop:c": "1",
        }

    def test_in_an_empty_file_are_just_missing(self, folder: Path):
        assert {fault.rule for fault in stack_faults(folder, "", self.PROJECT)} == {"config/missing"}


@pytest.mark.parametrize(
    ("segments", "path"),
    [
        (("shop:services", "api", "memory"), "shop:services.api.memory"),
        (("shop:budgets", "goal-list", "p95"), "shop:budgets.goal-list.p95"),
        (("shop:ports", 0, "name"), "shop:ports[0].name"),
        (("shop:labels", "a.b"), 'shop:labels["a.b"]'),
        (("shop:labels", 'say "hi"', ""), 'shop:labels["say \\"hi\\""][""]'),
        (("shop:a.b", "c"), 'shop:["a.b"].c'),
        (("plain", "GET /x:y"), 'plain["GET /x:y"]'),
        ((), ""),
    ],
)
def test_key_paths_are_those_of_pulumi_config_set(segments: tuple[str | int, ...], path: str):
    assert key_path(segments) == path


def test_a_value_is_shown_on_one_short_line():
    assert shown("a\n  b\x1b[0m") == "a b [0m"
    assert len(shown("x" * 1000)) == 80


# Mutations of a realistic pair of files ---------------------------------------------------------------------

PROJECT = """\
name: shop
runtime: {name: python, options: {virtualenv: .venv}}
options: {refresh: always}
config:
  flows:
    type: object
    default:
      list: {endpoint: GET /api/goals, critical: true}
  budgets: {type: object}
  sizes: {type: array, items: {type: integer}, default: [1, 2]}
  token: {type: string, secret: true}
  gcp:region: europe-west1
"""
STACK = """\
# yaml-language-server: $schema=./schemas/stack.json
encryptionsalt: v1:8CxHk=:v1:Xw==
config:
  gcp:project: acme-dev  # the project
  shop:budgets: &budgets
    list: { p95: 300ms, availability: 99.5 }
    "two words": {p95: 800ms, note: 'it''s', tags: [a, "b\\n", ~, 017, 0x1F, 1e3]}
  shop:services:
    <<: *budgets
    api:
      image: "europe-docker.pkg.dev/acme/api:1.2"
      cpu: 1
      script: |
        first
          second
      folded: >-
        a
        b

      env:
        - name: A
          value: yes
        - {name: B, value: 12:30}
  token:
    secure: v1:gaSJ:Zm9v
  sizes: [3, 4]
  text: plain words
    go on
"""
PIECES = st.sampled_from(
    [
        *"\n\t :-,{}[]&*!|>'\"%@`#?~<=.+0aé\r\\\0\x85\u2028\ufeff",
        *(": ", " #", "- ", "? ", "<<: *budgets", "&b ", "*b", "!!str ", "---\n", "...\n", "\n  ", "\n\t"),
        *("0o7", "1e999", "9" * 20, "null", "''", "\\ud800", "\\U00110000", "2024-01-01", ".inf", "{}"),
        *("secure: x", "|2-", "[x", ": |\n", "config:", "shop:", "environment: [x]\n", "type: "),
    ]
)


@st.composite
def mutations(draw: st.DrawFn, original: str) -> str:
    """A text with a few pieces put in, cut out, or copied elsewhere."""
    text = original
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 20)))
        to = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["put", "cut", "copy"]))
        if kind == "put":
            text = text[:at] + draw(PIECES) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[end:]
        else:
            text = text[:to] + text[at:end] + text[to:]
    return text


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return find_project(write(tmp_path_factory.mktemp("shop"), PROJECT, STACK))


def test_the_files_that_are_mutated_are_right(shop: Project):
    config = resolve(shop, read_stack(shop, "dev"))
    assert config.secret_keys == {"shop:token"}
    assert len(config.values) == 8


@given(text=mutations(STACK))
@example(text=STACK.replace("\n", "\r\n"))
@example(text=STACK.replace("  ", "\t"))
@example(text="config: {shop:budgets: *b}")
def test_no_stack_file_breaks_us(shop: Project, text: str):
    shop.stack_file("dev").write_text(text, "utf-8", newline="")
    try:
        config = resolve(shop, read_stack(shop, "dev"))
    except SettingsError as error:
        assert error.faults
        assert all(fault.message and fault.remedy and fault.rule for fault in error.faults)
        assert str(error)
    else:
        assert config.values.keys() == config.entries.keys() >= config.secret_keys


@given(text=mutations(PROJECT))
def test_no_project_file_breaks_us(shop: Project, text: str):
    file = shop.file.with_name("Pulumi.yml")
    file.write_text(text, "utf-8", newline="")
    try:
        project = read_project(file)
    except SettingsError as error:
        assert error.faults
        assert all(fault.message and fault.remedy and fault.rule for fault in error.faults)
    else:
        assert project.name
