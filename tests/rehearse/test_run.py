"""Rehearsals on the real engine and the local cloud: of small foreign programs, and of this project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.localcloud.faults import parse_fault
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.plan import Step
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.run import Job, rehearse
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project
from tests.conftest import ROOT
from tests.rehearse.conftest import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.rehearse.outcome import Rehearsal

pytestmark = pytest.mark.engine


def rehearsed(repository: Repository, stack: str = "dev", **changes: Any) -> Rehearsal:
    return rehearse(Job(find_project(repository.root), stack, **changes), lambda _: None)


def steps(found: Rehearsal) -> dict[str, str]:
    return {change.name: change.step.value for change in found.changes.changed}


# Any program ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["garden", "library", "own-environment"])
def test_a_foreign_program_comes_up_and_settles_and_the_checkout_is_as_before(
    foreign: Callable[[str], Repository], temporary: Path, name: str
):
    repository = foreign(name)
    before = repository.fingerprint()
    found = rehearsed(repository)
    assert (found.settled, found.promising, found.changes.changed) == (True, True, ())
    assert found.changes.same > 1
    assert repository.fingerprint() == before
    assert list(temporary.iterdir()) == []


def test_a_change_is_finished_after_each_fault_that_was_asked_for(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.write({"environments/Pulumi.dev.yaml": DEV_GARDEN})
    asked = ["create", "create:2=quota", "create:9"]
    found = rehearsed(garden, faults=tuple(map(parse_fault, asked)))
    assert (found.settled, found.failed) == (True, ())
    first, second, never = found.notes
    assert first.startswith("the fault create=fails struck ")
    assert second.startswith("the fault create:2=quota struck ")
    assert second.endswith("as asked, and the change was finished all the same")
    assert never == "the fault create:9=fails never struck: nothing of the kind was done so often"


def test_another_layout_changes_what_its_edit_changes(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.write({"src/garden/rules.txt": "no stones, no fire\n", "environments/Pulumi.dev.yaml": DEV_GARDEN})
    found = rehearsed(garden)
    assert steps(found) == {"bed-2": "create", "compost": "replace"}
    forced = [one for change in found.changes.changed for one in change.properties if one.replaces]
    assert [(one.path, one.before, one.after) for one in forced] == [
        ("keepers.rules", "no stones\n", "no stones, no fire\n")
    ]
    assert found.promising  # Neither holds anything.


DEV_GARDEN = "config:\n  garden:gardener: rosa\n  garden:beds: 3\n"


def test_what_would_be_lost_is_said_and_breaks_the_promise(foreign: Callable[[str], Repository]):
    library = foreign("library")
    stack = (library.root / "Pulumi.dev.yaml").read_text()
    library.write({"Pulumi.dev.yaml": stack + "  library:length: 24\n"})
    found = rehearsed(library)
    assert [(one.name, one.step, one.loses and one.loses.kind) for one in found.changes.losses] == [
        ("safe", Step.REPLACE, "secret")
    ]
    assert (found.settled, found.promising) == (True, False)
    length = next(one for one in found.changes.losses[0].properties if one.path == "length")
    assert (length.before, length.after, length.replaces) == (20, 24, True)


def test_secrets_are_placeholders_and_stay_secret(foreign: Callable[[str], Repository], temporary: Path):
    library = foreign("library")
    stack = (library.root / "Pulumi.dev.yaml").read_text()
    library.write({"Pulumi.dev.yaml": stack.replace("rings: 3", "rings: 4").replace("AAABAGFs", "AAABAGFt")})
    found = rehearsed(library, keep=True)
    assert any("library:alarm.code is encrypted anew" in note for note in found.notes)
    assert any("placeholders stood for library:card, library:alarm.code" in note for note in found.notes)
    assert found.kept is not None
    text = (found.kept / "checkout/Pulumi.dev.yaml").read_text()
    # The placeholder too is encrypted.
    assert not [word for word in ("gcpkms", "encryptedkey", "AAABA", "undecryptable") if word in text]
    assert [path.parent for path in temporary.iterdir()] == [temporary]
    # The whole keepers hold a secret, so what changes in them is one.
    assert found.refused  # `seal` is protected, and its keepers replace it.


def test_a_protected_resource_refuses_and_everything_else_is_still_shown(
    foreign: Callable[[str], Repository],
):
    library = foreign("library")
    program = (library.root / "__main__.py").read_text()
    begin, end = program.index("seal = "), program.index('pulumi.export("safe"')
    wax = 'wax = random.RandomPassword("wax", length=9)\n'
    on_wax = program[begin:end].replace('"code": ', '"wax": wax.id, "code": ')
    library.commit({"__main__.py": program[:begin] + wax + on_wax + program[end:]})
    library.write({"__main__.py": program[:begin] + program[end:] + 'random.RandomPet("extra")\n'})
    found = rehearsed(library, ref="HEAD")
    assert any("seal" in reason for reason in found.refused)
    assert (found.left, found.promising) == (None, False)
    assert steps(found) == {"extra": "create", "seal": "delete", "wax": "delete"}
    # To this one the engine itself does not come any more.
    held = {change.name: change.held_back_by for change in found.changes.changed if change.held_back_by}
    assert {name: [urn.rpartition("::")[2] for urn in by] for name, by in held.items()} == {"wax": ["seal"]}
    assert [change.name for change in found.changes.losses] == ["wax"]


def test_a_change_that_never_settles_is_found_out(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.write({"src/garden/rules.txt": "x"})
    program = (garden.root / "src/garden/__main__.py").read_text()
    restless = 'import time\nrandom.RandomPet("restless", keepers={"now": str(time.time_ns())})\n'
    garden.write({"src/garden/__main__.py": program + restless})
    found = rehearsed(garden)
    assert found.left is not None
    assert [(one.name, one.step) for one in found.left.changed] == [("restless", Step.REPLACE)]
    assert (found.settled, found.promising) == (False, False)


def test_an_environment_that_is_new_is_created_from_nothing(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.write({"environments/Pulumi.stage.yaml": "config:\n  garden:gardener: ida\n"})
    found = rehearsed(garden, "stage")
    assert found.base is None
    assert found.changes.counts[Step.CREATE] >= 4
    assert any("has no environment stage" in note for note in found.notes)
    assert found.promising


def test_ref_runs_with_its_own_modules_though_the_project_is_installed_editable(
    foreign: Callable[[str], Repository],
):
    repository = foreign("own-environment")
    site = next(repository.root.glob("environment/lib/python*/site-packages"))
    (site / "ours-editable.pth").write_text(f"{repository.root}/src\n", "utf-8")
    program = (
        "import pulumi_random as random\nfrom sizes import SIZE\nrandom.RandomString('text', length=SIZE)\n"
    )
    repository.commit({"__main__.py": program, "src/sizes.py": "SIZE = 7\n"})
    repository.write({"src/sizes.py": "SIZE = 9\n"})
    found = rehearsed(repository, ref="HEAD")
    (change,) = found.changes.changed
    (length,) = [one for one in change.properties if one.path == "length"]
    assert (change.name, length.before, length.after) == ("text", 7, 9)


def test_packages_without_an_sdk_and_dynamic_ones_are_served(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    program = """
import pulumi
from pulumi.dynamic import Resource, ResourceProvider

class Bell(ResourceProvider):
    def create(self, props):
        raise RuntimeError("no rehearsal may ring it")

class Door(Resource):
    pass

pulumi.CustomResource("parcel:index:Parcel", "parcel", {"weight": 3})
pulumi.CustomResource("crate:index:Crate", "crate", {"weight": 4})
Door(Bell(), "door", {"tone": 440})
"""
    garden.commit({"src/garden/__main__.py": program})
    garden.write({"src/garden/__main__.py": program.replace("3", "5")})
    found = rehearsed(garden, ref="HEAD")
    assert steps(found) == {"parcel": "update"}
    assert set(found.judgement.unchecked) >= {"parcel:index:Parcel", "crate:index:Crate"}
    assert found.settled


def test_what_only_a_dynamic_providers_code_would_answer_is_made_up_and_settles(
    foreign: Callable[[str], Repository], tmp_path: Path
):
    shop = foreign("shop")
    program = (shop.root / "__main__.py").read_text()
    # The engine fetches remote assets to hash them.
    program = program.replace('RemoteAsset("https://example.com/a.txt")', 'StringAsset("a")')
    shop.commit({"__main__.py": program, "goods/apple": ""})
    shop.write({"__main__.py": program + 'random.RandomPet("extra")\n'})
    pets = [{"type": "random:index/randomPet:RandomPet", "id": id_} for id_ in ("blue-whale", "red-fox")]
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("\n".join(map(json.dumps, pets)))
    # It imports one pet and looks another one up: both have to be there already.
    found = rehearsed(shop, ref="HEAD", seeds=seeds)
    assert (steps(found), found.settled) == ({"extra": "create"}, True)
    assert any("made up" in note and note.endswith("door") for note in found.notes)
    assert any(note.endswith("no change of its readers: parcel") for note in found.notes)


def test_a_lock_file_that_differs_is_said(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.commit({"requirements.txt": "pulumi==3.1\n"})
    garden.write({"requirements.txt": "pulumi==3.2\n"})
    notes = rehearsed(garden, ref="HEAD").notes
    assert any("requirements.txt differs" in note and "today's packages" in note for note in notes)


PACK = """
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as messages, analyzer_pb2_grpc as service, plugin_pb2


def said(level, urn=""):
    return messages.AnalyzeDiagnostic(
        policyName="no-fourth-bed", policyPackName="rules", policyPackVersion="1.0.0",
        message="too many beds", enforcementLevel=level, urn=urn)


class Pack(service.AnalyzerServicer):
    def Handshake(self, request, context):
        return messages.AnalyzerHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetAnalyzerInfo(self, request, context):
        return messages.AnalyzerInfo(
            name="rules",
            version="1.0.0",
            supportsConfig=True,
            policies=[messages.PolicyInfo(name="no-fourth-bed", enforcementLevel=messages.ADVISORY)],
        )

    def Configure(self, request, context):
        return empty_pb2.Empty()

    def ConfigureStack(self, request, context):
        return messages.AnalyzerStackConfigureResponse()

    def Remediate(self, request, context):
        return messages.RemediateResponse()

    def Analyze(self, request, context):
        levels = {"bed-2": messages.ADVISORY, "bed-3": messages.MANDATORY}
        level = levels.get(request.urn.rpartition("::")[2])
        return messages.AnalyzeResponse(diagnostics=[] if level is None else [said(level, request.urn)])

    def AnalyzeStack(self, request, context):
        return messages.AnalyzeResponse()


server = grpc.server(ThreadPoolExecutor())
service.add_AnalyzerServicer_to_server(Pack(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


@pytest.mark.parametrize(("beds", "level"), [(3, "advisory"), (4, "mandatory")])
def test_policies_judge_the_working_tree(foreign: Callable[[str], Repository], beds: int, level: str):
    garden = foreign("garden")
    pack = {"policies/PulumiPolicy.yaml": "runtime: python\nversion: 1.0.0\n", "policies/__main__.py": PACK}
    garden.write({**pack, "environments/Pulumi.dev.yaml": DEV_GARDEN.replace("3", str(beds))})
    found = rehearsed(garden)
    assert found.pack
    assert level in {one.level for one in found.violations}
    assert {one.urn.rpartition("::")[2] for one in found.violations} <= {"bed-2", "bed-3"}
    assert bool(found.refused) == (level == "mandatory")
    assert found.promising == (level == "advisory")


BY_CONFIG = PACK.replace(
    """        return empty_pb2.Empty()

    def ConfigureStack""",
    """        self.level = request.policyConfig["no-fourth-bed"].enforcementLevel
        return empty_pb2.Empty()

    def ConfigureStack""",
).replace('{"bed-2": messages.ADVISORY, "bed-3": messages.MANDATORY}', '{"bed-0": self.level}')
"""A pack that judges every garden, at the level that its configuration says."""


def test_policies_are_configured_by_the_environments_file_or_by_the_one_named(
    foreign: Callable[[str], Repository], tmp_path: Path
):
    garden = foreign("garden")
    pack = {"policies/PulumiPolicy.yaml": "runtime: python\nversion: 1.0.0\n"}
    by_itself = {"policies/config/dev.json": '{"no-fourth-bed": "mandatory"}'}
    garden.write({**pack, **by_itself, "policies/__main__.py": BY_CONFIG})
    assert {one.level for one in rehearsed(garden).violations} == {"mandatory"}
    named = tmp_path / "named.json"
    named.write_text('{"no-fourth-bed": {"enforcementLevel": "advisory"}}')
    assert {one.level for one in rehearsed(garden, policy_config=named).violations} == {"advisory"}
    garden.write({"policies/config/dev.json": '{\n"no-fourth-bed": mandatory}'})
    with pytest.raises(SettingsError) as caught:
        rehearsed(garden)
    (fault,) = caught.value.faults
    assert (str(fault.file), fault.line, fault.rule) == (
        "policies/config/dev.json",
        2,
        "rehearse/policy-config",
    )
    shutil.rmtree(garden.root / "policies")
    assert refused(garden, policy_config=named).rule == "rehearse/no-pack"


# What goes wrong --------------------------------------------------------------------------------------------


def refused(repository: Repository, **changes: Any) -> RehearsalError:
    with pytest.raises(RehearsalError) as caught:
        rehearsed(repository, **changes)
    return caught.value


def test_a_base_that_does_not_come_up_is_told_as_such(foreign: Callable[[str], Repository], temporary: Path):
    garden = foreign("garden")
    program = (garden.root / "src/garden/__main__.py").read_text()
    garden.commit({"src/garden/__main__.py": program + "raise ValueError('broken here')\n"})
    garden.write({"src/garden/__main__.py": program})
    error = refused(garden, ref="HEAD")
    assert error.rule == "rehearse/base"
    assert any("broken here" in line for line in error.said)
    assert list(temporary.iterdir()) == []


def test_a_change_that_only_the_engine_refuses(foreign: Callable[[str], Repository], temporary: Path):
    garden = foreign("garden")
    program = (garden.root / "src/garden/__main__.py").read_text()
    garden.write({"src/garden/__main__.py": program + "random.RandomPet('broken', lenght=3)\n"})
    with pytest.raises(PreviewError, match="lenght"):
        rehearsed(garden)
    missing = "gcp.storage.Bucket('broken', location='EU', opts=pulumi.ResourceOptions(import_='nobody'))"
    garden.write({"src/garden/__main__.py": f"{program}import pulumi_gcp as gcp\n{missing}\n"})
    error = refused(garden)
    assert error.rule == "rehearse/change"
    assert any("'nobody' does not exist" in line for line in error.said)
    assert list(temporary.iterdir()) == []


def test_what_the_offline_preview_does_not_support_the_engine_may(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    program = (garden.root / "src/garden/__main__.py").read_text()
    named = "pulumi.runtime.register_stack_transform(named)\n"
    transform = "def named(args):\n    return None\n" + named
    garden.commit({"src/garden/__main__.py": "import pulumi\n" + transform + program})
    assert rehearsed(garden).promising


def test_the_base_files_faults_name_the_commit(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    good = (garden.root / "environments/Pulumi.dev.yaml").read_text()
    garden.commit({"environments/Pulumi.dev.yaml": "config:\n  garden:beds: many\n"})
    garden.write({"environments/Pulumi.dev.yaml": good})
    with pytest.raises(SettingsError) as caught:
        rehearsed(garden, ref="HEAD")
    fault = next(fault for fault in caught.value.faults if fault.key == "garden:beds")
    assert (str(fault.file), fault.line) == ("environments/Pulumi.dev.yaml", 2)
    assert fault.message.startswith("at HEAD (")


def test_a_renamed_project_is_another_stack(foreign: Callable[[str], Repository]):
    own = foreign("own-environment")
    text = (own.root / "Pulumi.yaml").read_text()
    own.write({"Pulumi.yaml": text.replace("own-environment", "mine")})
    assert refused(own).rule == "rehearse/renamed"


def test_an_unknown_environment_is_told_the_nearest(foreign: Callable[[str], Repository]):
    error = refused(foreign("garden"), stack="prd")
    assert (error.rule, error.remedy) == ("rehearse/environment", "did you mean `prod`?")


def test_a_placeholder_that_does_no_good_is_explained(foreign: Callable[[str], Repository]):
    library = foreign("library")
    program = (library.root / "__main__.py").read_text()
    library.write({"__main__.py": program + 'import json\njson.loads(config.require("card"))\n'})
    assert "placeholders stand for library:card" in refused(library).remedy


# This project -----------------------------------------------------------------------------------------------


@pytest.fixture
def ours(tmp_path: Path) -> Repository:
    """This project in a repository of its own, with this environment for an interpreter."""
    repository = Repository(tmp_path / "ours")
    for name in ("infra", "plimsoll"):
        shutil.copytree(ROOT / name, repository.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, repository.root)
    project = (repository.root / "Pulumi.yaml").read_text()
    repository.commit({"Pulumi.yaml": project.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")})
    return repository


def edit(repository: Repository, file: str, old: str, new: str) -> None:
    text = (repository.root / file).read_text()
    assert old in text
    repository.write({file: text.replace(old, new)})


def test_a_changed_size_changes_the_service_with_its_jobs_and_nothing_else(ours: Repository):
    edit(ours, "Pulumi.prod.yaml", "memory: 1Gi", "memory: 2Gi")
    found = rehearsed(ours, "prod")
    assert {(one.type, one.name, one.step) for one in found.changes.changed} == {
        ("gcp:cloudrunv2/service:Service", "api", Step.UPDATE),
        ("gcp:cloudrunv2/job:Job", "migrate", Step.UPDATE),
        ("gcp:cloudrunv2/job:Job", "review-queries", Step.UPDATE),
    }
    (service,) = [one for one in found.changes.changed if one.name == "api"]
    assert [(one.path, one.before, one.after) for one in service.properties] == [
        ("template.containers[0].resources.limits.memory", "1Gi", "2Gi")
    ]
    assert found.promising


def test_a_changed_region_would_lose_the_database(ours: Repository):
    edit(ours, "Pulumi.dev.yaml", "region: europe-west1\n", "region: europe-west4\n")
    found = rehearsed(ours, "dev")
    lost = {change.type for change in found.changes.losses}
    assert "gcp:sql/databaseInstance:DatabaseInstance" in lost
    assert not found.promising
    # Names are explicit, so each goes before its successor comes: nothing collides half-way.
    assert found.failed == ()
    region = [one for change in found.changes.losses for one in change.properties if one.path == "region"]
    assert [(one.before, one.after, one.replaces) for one in region] == [
        ("europe-west1", "europe-west4", True)
    ]


def test_the_command_says_it_all_in_json(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    garden.write({"environments/Pulumi.dev.yaml": DEV_GARDEN})
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "rehearse", "dev", "--json", "-C", garden.root],
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"], said["counts"]["create"]) == (0, True, 1)
    assert said["left"]["changes"] == []
    assert said["base"]["label"] == "the merge base with main"


def test_a_pack_with_an_environment_of_its_own_runs_in_it(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    own = garden.root / "policies/environment"
    venv.create(own, with_pip=False, symlinks=True)
    site = next(own.glob("lib/python*/site-packages"))
    (site / "ours.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path), "utf-8")
    (site / "only_here.py").write_text("", "utf-8")
    runtime = "runtime: { name: python, options: { virtualenv: environment } }\n"
    garden.write({"policies/PulumiPolicy.yaml": runtime, "policies/__main__.py": "import only_here\n" + PACK})
    found = rehearsed(garden)
    assert (found.pack, found.promising) == (True, True)
