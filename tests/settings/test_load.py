"""Settings as files: every fault at its line, all environments side by side, no file that breaks us."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.load import from_stack, from_stacks
from plimsoll.settings.project import find_project, read_stack, resolve
from plimsoll.settings.schema import PATH, stack_schema
from plimsoll.settings.tree import to_python
from plimsoll.settings.validate import Loaded
from tests.conftest import ROOT, STACKS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in STACKS.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> int:
    """Replace `old` once; the line where it stood."""
    text = file.read_text("utf-8")
    assert text.count(old) >= 1, f"{old} is not in {file.name}"
    before = text[: text.index(old)]
    file.write_text(text.replace(old, new, 1), "utf-8")
    return before.count("\n") + 1


def wrong(folder: Path, stack: str = "dev") -> tuple[Fault, ...]:
    with pytest.raises(SettingsError) as caught:
        from_stack(find_project(folder), stack)
    return caught.value.faults


@pytest.mark.parametrize("stack", find_project(ROOT).stacks())
def test_the_shipped_files_can_be_read(stack: str):
    assert from_stack(find_project(ROOT), stack).settings


class TestAFaultStandsAtItsLine:
    def test_of_a_value(self, project: Path):
        line = edit(project / "Pulumi.dev.yaml", "memory: 512Mi", "memory: 8Gi")
        (fault,) = wrong(project)
        assert (fault.file, fault.line) == (project / "Pulumi.dev.yaml", line)
        assert fault.key == "plimsoll:services.api.memory"
        assert fault.value is not None
        assert "8Gi" in fault.value
        assert fault.rule == "cloud-run/memory-by-cpu"
        assert fault.source is not None
        assert "cloud.google.com" in fault.source
        assert fault.remedy is not None

    def test_of_an_unknown_key(self, project: Path):
        line = edit(project / "Pulumi.dev.yaml", "concurrency: 40", "concurency: 40")
        found = {fault.key: fault.line for fault in wrong(project)}
        assert found["plimsoll:services.api.concurency"] == line

    def test_of_a_missing_key_is_the_section_that_lacks_it(self, project: Path):
        edit(project / "Pulumi.dev.yaml", "      concurrency: 40\n", "")
        text = (project / "Pulumi.dev.yaml").read_text("utf-8")
        section = text[: text.index("    api:\n")].count("\n") + 1
        assert [fault.line for fault in wrong(project)] == [section]

    def test_of_a_flow_is_in_the_project_file(self, project: Path):
        line = edit(project / "Pulumi.yaml", "service: api", "service: apj")
        (fault,) = wrong(project)
        assert (fault.file, fault.line) == (project / "Pulumi.yaml", line)

    def test_behind_an_anchor_and_with_windows_line_endings(self, project: Path):
        file = project / "Pulumi.dev.yaml"
        edit(file, "startupProbe:\n", "startupProbe: &probe\n")
        line = edit(file, "period: 30s", "period: 30 seconds")
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        assert [fault.line for fault in wrong(project)] == [line]

    def test_and_all_of_them_are_reported_in_order(self, project: Path):
        file = project / "Pulumi.dev.yaml"
        edit(file, "timeout: 30s", "timeout: 900s")
        edit(file, "edition: ENTERPRISE", "edition: ENTERPRISE_PLUS")
        edit(file, "memory: 512Mi", "memory: 8Gi")
        edit(file, "p95: 300ms", "p95: quick")
        lines = [fault.line for fault in wrong(project)]
        assert len(lines) >= 4
        assert lines == sorted(lines, key=lambda line: line or 0)


class TestSideBySide:
    def test_the_shipped_environments_share_nothing(self):
        assert all(isinstance(one, Loaded) for one in from_stacks(find_project(ROOT)).values())

    @pytest.mark.parametrize(
        ("old", "new", "key"),
        [
            ("project: acme-goals-dev", "project: acme-goals-prod", "plimsoll:cloud.project"),
            (
                "secret: openai-api-key",
                "secret: projects/acme-goals-prod/secrets/openai-api-key",
                "plimsoll:services.api.secrets.OPENAI_API_KEY.secret",
            ),
            ("project: goals-dev", "project: goals", "plimsoll:frontend.project"),
        ],
        ids=["google-project", "secret-of-the-other", "vercel-project"],
    )
    def test_what_both_name_is_refused_in_both(self, project: Path, old: str, new: str, key: str):
        line = edit(project / "Pulumi.dev.yaml", old, new)
        found = from_stacks(find_project(project))
        for stack in ("dev", "prod"):
            one = found[stack]
            assert isinstance(one, SettingsError)
            assert key in {
                fault.key for fault in one.faults if fault.rule == "settings/shared-between-environments"
            }
        dev = found["dev"]
        assert isinstance(dev, SettingsError)
        assert line in {fault.line for fault in dev.faults}

    @pytest.mark.parametrize(
        "value",
        [
            "https://qwertyuiopasdfghjklz.supabase.co",
            "https://QWERTYUIOPASDFGHJKLZ.supabase.co",
            "https://app.acme-goals.com/login",
            "gs://acme-goals-prod/exports",
        ],
    )
    @pytest.mark.parametrize("where", ["LOG_LEVEL: debug", "value: dev"], ids=["service", "frontend"])
    def test_a_variable_that_names_the_others_is_refused(self, project: Path, where: str, value: str):
        line = edit(project / "Pulumi.dev.yaml", where, f"{where.partition(':')[0]}: {value}")
        found = from_stacks(find_project(project))
        dev = found["dev"]
        assert isinstance(dev, SettingsError)
        assert [(fault.rule, fault.line) for fault in dev.faults] == [
            ("settings/names-another-environment", line)
        ]
        assert isinstance(found["prod"], Loaded)

    @pytest.mark.parametrize("value", ["acme-goals-production", "xacme-goals-prod", "acme-goals-dev"])
    def test_one_that_only_looks_like_it_is_not(self, project: Path, value: str):
        edit(project / "Pulumi.dev.yaml", "LOG_LEVEL: debug", f"LOG_LEVEL: {value}")
        assert isinstance(from_stacks(find_project(project))["dev"], Loaded)

    def test_nor_is_an_image_that_goes_from_one_to_the_next(self, project: Path):
        dev = "europe-west1-docker.pkg.dev/acme-goals-dev/services/api:v1"
        edit(project / "Pulumi.prod.yaml", "us-docker.pkg.dev/cloudrun/container/hello:latest", dev)
        assert all(isinstance(one, Loaded) for one in from_stacks(find_project(project)).values())

    def test_what_a_job_names_of_the_other_is_refused(self, project: Path):
        line = edit(
            project / "Pulumi.dev.yaml", "app.review_queries]", "app.review_queries, acme-goals-prod]"
        )
        dev = from_stacks(find_project(project))["dev"]
        assert isinstance(dev, SettingsError)
        assert [(fault.rule, fault.line, fault.key) for fault in dev.faults] == [
            ("settings/names-another-environment", line, "plimsoll:jobs.review-queries.command[3]")
        ]

    def test_a_jobs_secret_is_its_environments_own(self, project: Path):
        secret = "{ secret: projects/acme-shared/secrets/seed, version: 1 }"
        for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml"):
            edit(
                project / name,
                "      retries: 1\n",
                f"      retries: 1\n      secrets: {{ SEED: {secret} }}\n",
            )
        found = from_stacks(find_project(project))
        for one in found.values():
            assert isinstance(one, SettingsError)
            assert [fault.key for fault in one.faults] == ["plimsoll:jobs.review-queries.secrets.SEED.secret"]

    def test_a_database_url_of_the_other_is_refused(self, project: Path):
        prod = (project / "Pulumi.prod.yaml").read_text("utf-8")
        staging = prod.replace("acme-goals-prod", "acme-goals-staging").replace(
            "domain: app", "domain: staging"
        )
        staging = staging.replace("project: goals\n", "project: goals-staging\n")
        staging = staging.replace("qwertyuiopasdfghjklz", "zyxwvutsrqponmlkjihg").replace(
            "secret: database-url", "secret: projects/acme-goals-prod/secrets/database-url"
        )
        (project / "Pulumi.staging.yaml").write_text(staging, "utf-8")
        one = from_stacks(find_project(project))["staging"]
        assert isinstance(one, SettingsError)
        assert ("settings/shared-between-environments", "plimsoll:database.url.secret") in {
            (fault.rule, fault.key) for fault in one.faults
        }

    def test_a_third_environment_on_the_production_database_is_refused(self, project: Path):
        prod = (project / "Pulumi.prod.yaml").read_text("utf-8")
        staging = prod.replace("acme-goals-prod", "acme-goals-staging").replace(
            "domain: app", "domain: staging"
        )
        staging = staging.replace("project: goals\n", "project: goals-staging\n").replace(
            "production: true", "production: false"
        )
        (project / "Pulumi.staging.yaml").write_text(staging, "utf-8")
        one = from_stacks(find_project(project))["staging"]
        assert isinstance(one, SettingsError)
        assert {fault.key for fault in one.faults} == {"plimsoll:database.project"}
        assert "prod" in one.faults[0].message

    def test_the_poolers_address_of_a_region_is_nobodys_own(self, project: Path):
        prod = (project / "Pulumi.prod.yaml").read_text("utf-8")
        staging = prod.replace("acme-goals-prod", "acme-goals-staging").replace(
            "domain: app", "domain: staging"
        )
        staging = staging.replace("project: goals\n", "project: goals-staging\n")
        staging = staging.replace("qwertyuiopasdfghjklz", "zyxwvutsrqponmlkjihg")
        (project / "Pulumi.staging.yaml").write_text(staging, "utf-8")
        assert isinstance(from_stacks(find_project(project))["staging"], Loaded)

    def test_one_that_cannot_be_read_hides_nothing_of_the_others(self, project: Path):
        (project / "Pulumi.dev.yaml").write_text("config: [", "utf-8")
        found = from_stacks(find_project(project))
        assert isinstance(found["dev"], SettingsError)
        assert isinstance(found["prod"], Loaded)


def test_a_secret_stays_out_of_every_error(project: Path):
    file = project / "Pulumi.dev.yaml"
    file.write_text(file.read_text("utf-8") + "  plimsoll:unused:\n    secure: v1:canary:canary\n", "utf-8")
    (fault,) = wrong(project)
    assert (fault.key, fault.message) == ("plimsoll:unused", "nothing reads this secret")
    assert "canary" not in str(fault)


class TestSchema:
    SCHEMA = stack_schema("plimsoll")

    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.SCHEMA)

    def test_stands_where_the_stack_files_look_for_it(self):
        assert json.loads((ROOT / PATH).read_text("utf-8")) == self.SCHEMA
        for stack in find_project(ROOT).stacks():
            first = (ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8").splitlines()[0]
            assert first == f"# yaml-language-server: $schema=./{PATH}"

    def valid(self, config: dict[str, object]) -> bool:
        return jsonschema.Draft202012Validator(self.SCHEMA).is_valid({"config": config})

    @pytest.fixture(params=["dev", "prod"])
    def config(self, request: pytest.FixtureRequest) -> dict[str, object]:
        files = find_project(STACKS)
        entries = resolve(files, read_stack(files, request.param)).entries
        return {key: to_python(one.node) for key, one in entries.items()}

    def test_accepts_the_shipped_files(self, config: dict[str, object]):
        assert self.valid(config)

    def test_accepts_secrets_and_what_is_a_providers(self, config: dict[str, object]):
        assert self.valid({**config, "plimsoll:vercelToken": {"secure": "v1:x"}, "gcp:region": "x"})

    def test_refuses_an_unknown_key(self, config: dict[str, object]):
        assert not self.valid({**config, "plimsoll:budget": {}})
        assert not self.valid({**config, "plimsoll:budgets": {"goal-list": {"p95": "300ms", "p90": "1s"}}})

    def test_refuses_a_name_that_is_none(self, config: dict[str, object]):
        assert not self.valid({**config, "plimsoll:budgets": {"Goal List": {"p95": "300ms"}}})

    def test_refuses_a_number_without_its_unit(self, config: dict[str, object]):
        assert not self.valid({**config, "plimsoll:budgets": {"goal-list": {"p95": 300}}})

    def test_refuses_a_file_without_a_project(self, config: dict[str, object]):
        assert not self.valid({key: value for key, value in config.items() if key != "plimsoll:cloud"})


# --- whatever is in the file, the answer is settings or faults ---

SHIPPED = {stack: (STACKS / f"Pulumi.{stack}.yaml").read_text("utf-8") for stack in ("dev", "prod")}
WORDS = [
    *("", "null", "~", "true", "yes", "0", "-1", "3", "1e400", ".nan", "0x10", "017", "12:30", "2024-01-01"),
    *(
        "512Mi",
        "300ms",
        "[]",
        "{}",
        "[1, 2]",
        "{a: b}",
        "'",
        '"',
        "|",
        ">",
        "&a",
        "*a",
        "<<: *a",
        "!!str 3",
        "!foo",
    ),
    *(
        "secure: v1:abc",
        "\t",
        "\r\n",
        "\u2028",
        "\x00",
        "\ufeff",
        "é",
        "🚢",
        "---",
        "...",
        "? a",
        ": b",
        "#",
        "%YAML 1.2",
    ),
    *("plimsoll:services:", "  plimsoll:flows: {}", "1" * 400, "a" * 300, "[" * 60, "  - ", "kind: external"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped stack file after a few edits that an editor, a merge or a cat on the keyboard could make."""
    lines = SHIPPED[draw(st.sampled_from(sorted(SHIPPED)))].split("\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(
            st.sampled_from(["drop", "double", "swap", "value", "key", "insert", "indent", "cut", "any"])
        ):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "value":
                lines[at] = f"{lines[at].partition(':')[0]}: {draw(st.sampled_from(WORDS))}"
            case "key":
                lines[at] = f"{draw(st.sampled_from(WORDS))}:{lines[at].partition(':')[2]}"
            case "insert":
                lines.insert(at, draw(st.sampled_from(WORDS)))
            case "indent":
                lines[at] = " " * draw(st.integers(0, 9)) + lines[at].lstrip()
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case _:
                lines[at] = draw(st.text(max_size=40))
        if not lines:
            lines = [""]
    return "\n".join(lines)


EXAMPLES = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 2_000


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(mutated())
@example("")
@example("config:")
@example("config: {plimsoll:cloud: {}}")
def test_any_file_gives_settings_or_clean_faults(tmp_path_factory: pytest.TempPathFactory, text: str):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    shutil.copy(STACKS / "Pulumi.yaml", folder)
    (folder / "Pulumi.dev.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        loaded = from_stack(find_project(folder), "dev")
    except SettingsError as error:
        assert error.faults
        for fault in error.faults:
            assert fault.message
            assert fault.file is not None
            assert "Traceback" not in str(fault)
            assert "\n" not in str(fault)
    else:
        assert loaded.settings.budgets.keys() == loaded.settings.flows.keys()
