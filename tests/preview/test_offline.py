"""What an offline preview sees of a program, and that it sees the same each time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.failure import Failure, PreviewError, own_file
from plimsoll.preview.offline import ProgramJob, find_interpreter, preview_offline
from plimsoll.preview.plan import (
    UNKNOWN,
    Alias,
    Archive,
    Asset,
    Diagnostic,
    Options,
    ProviderReference,
    ResourceReference,
    Secret,
    Severity,
    Step,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan, Resource

STORE = "urn:pulumi:dev::shop::shop:index:Store"
PET = "random:index/randomPet:RandomPet"


@pytest.fixture(scope="module")
def shop(preview: Callable[..., Plan]) -> Plan:
    return preview("shop", config={"shop:shelves": "2"})


@pytest.fixture(scope="module")
def cloud(preview: Callable[..., Plan]) -> Plan:
    return preview("cloud")


def only(plan: Plan, name: str) -> Resource:
    [resource] = plan.named(name)
    return resource


class TestResources:
    def test_stand_in_the_order_of_the_program(self, shop: Plan):
        assert [resource.name for resource in shop.resources] == [
            "shop-dev",
            "seeded",
            *("corner", "corner-sign", "corner-0", "corner-1"),
            *("harbour", "harbour-sign", "harbour-0"),
            *("key", "till", "owned", "seen", "door", "parcel"),
        ]

    def test_have_the_urns_of_the_engine(self, shop: Plan):
        assert only(shop, "shop-dev").urn == "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
        assert only(shop, "corner").urn == f"{STORE}::corner"
        assert only(shop, "corner-sign").urn == f"{STORE}${PET}::corner-sign"

    def test_form_a_tree_below_the_stack(self, shop: Plan):
        root = shop.root
        assert root is not None
        assert root.parent is None
        assert [child.name for child in shop.children(f"{STORE}::corner")] == [
            "corner-sign",
            "corner-0",
            "corner-1",
            "till",
        ]
        assert only(shop, "key") in shop.children(root.urn)

    def test_know_where_they_were_declared(self, shop: Plan):
        assert str(only(shop, "corner").source) == "__main__.py:21"
        assert str(only(shop, "corner-sign").source) == "stores.py:11"
        assert str(only(shop, "seeded").source) == "__main__.py:20"
        assert only(shop, "shop-dev").source is None

    def test_of_a_component_carry_what_it_registered(self, shop: Plan):
        corner = only(shop, "corner")
        assert corner.component
        assert corner.inputs == {"shelves": 2, "open": True}
        assert corner.outputs == {"shelves": 2, "sign": UNKNOWN}

    def test_depend_on_the_children_of_a_component(self, shop: Plan):
        names = {urn.rpartition("::")[2] for urn in only(shop, "harbour").dependencies}
        assert names == {"corner-sign", "corner-0", "corner-1", "till"}

    def test_depend_through_their_inputs(self, shop: Plan):
        till = only(shop, "till")
        behind = {only(shop, "corner-sign").urn, only(shop, "key").urn}
        assert set(till.dependencies) == behind
        assert set(till.property_dependencies["keepers"]) == behind
        assert set(till.property_dependencies) == {"keepers"}

    def test_name_their_provider(self, shop: Plan):
        seeded = only(shop, "seeded")
        assert seeded.provider is None
        assert only(shop, "till").provider == ProviderReference(seeded.urn, explicit=True)
        assert only(shop, "key").provider == ProviderReference("random", explicit=False)
        assert only(shop, "corner").provider is None

    def test_carry_their_options(self, shop: Plan):
        assert only(shop, "till").options == Options(
            version=only(shop, "seeded").options.version,
            aliases=(Alias(name="old-till", no_parent=True), Alias(urn="urn:pulumi:dev::shop::a:b:C::till")),
            ignore_changes=("keepers",),
            replace_on_changes=("length",),
            delete_before_replace=True,
            retain_on_delete=True,
            deleted_with=only(shop, "corner-sign").urn,
            custom_timeouts={"create": "10m"},
            additional_secret_outputs=("result",),
            hooks=("ring",),
        )

    def test_inherit_what_the_engine_hands_down(self, shop: Plan):
        assert only(shop, "harbour-sign").options.protect
        assert not only(shop, "corner-sign").options.protect

    def test_inherit_what_their_parent_says_and_they_do_not(
        self, tmp_path: Path, preview: Callable[..., Plan]
    ):
        root = write(
            tmp_path,
            __main__=(
                "import pulumi, pulumi_random\n"
                "from pulumi import ResourceOptions\n"
                "house = pulumi_random.RandomPet('house')\n"
                "barn = pulumi_random.RandomPet('barn')\n"
                "family = pulumi.ComponentResource('a:b:Family', 'family',\n"
                "    opts=ResourceOptions(retain_on_delete=True, deleted_with=house))\n"
                "pulumi_random.RandomPet('heir', opts=ResourceOptions(parent=family))\n"
                "pulumi_random.RandomPet('rebel', opts=ResourceOptions(\n"
                "    parent=family, retain_on_delete=False, deleted_with=barn))\n"
            ),
        )
        plan = preview("families", root=root)
        heir, rebel = only(plan, "heir").options, only(plan, "rebel").options
        assert (heir.retain_on_delete, heir.deleted_with) == (True, only(plan, "house").urn)
        assert (rebel.retain_on_delete, rebel.deleted_with) == (False, only(plan, "barn").urn)

    def test_are_created_imported_or_read(self, shop: Plan):
        steps = {name: only(shop, name).steps for name in ("key", "owned", "seen")}
        assert steps == {"key": (Step.CREATE,), "owned": (Step.IMPORT,), "seen": (Step.READ,)}
        assert only(shop, "seen").read
        ids = {name: only(shop, name).options.import_id for name in ("key", "owned", "seen")}
        assert ids == {"key": "", "owned": "blue-whale", "seen": "red-fox"}

    def test_of_a_dynamic_provider_are_ordinary_and_never_created(self, shop: Plan):
        door = only(shop, "door")
        assert door.type == "pulumi-python:dynamic:Resource"
        assert door.inputs == {"__provider": Secret(), "tone": 440.5}


class TestValues:
    def test_are_plain_data_and_markers(self, shop: Plan):
        text = Asset("text", sha256="78054d618a49deab0afa10d427e7bbb08e2fc182c858a31714e281d547538079")
        assert only(shop, "parcel").inputs["contents"] == {
            "letter": text,
            "file": Asset("file", "./Pulumi.yaml"),
            "folder": Archive("file", "./goods"),
            "mixed": Archive("assets", assets={"web": Asset("remote", "https://example.com/a.txt")}),
            "till": ResourceReference(only(shop, "till").urn, UNKNOWN),
            "store": ResourceReference(only(shop, "harbour").urn),
            "nothing": None,
            "numbers": [1, 2.5, 3, True],
            "doorbell": UNKNOWN,
        }

    def test_without_a_fraction_are_integers(self, shop: Plan):
        length = only(shop, "till").inputs["length"]
        assert length == 8
        assert isinstance(length, int)

    def test_that_only_an_update_can_tell_stay_unknown_downstream(self, shop: Plan):
        keepers = only(shop, "till").inputs["keepers"]
        assert keepers == {"sign": UNKNOWN, "note": UNKNOWN, "key": Secret(unknown=True)}

    def test_of_the_stack_are_its_outputs(self, shop: Plan):
        assert shop.outputs == {
            "sign": UNKNOWN,
            "shelves": 2,
            "key": Secret(unknown=True),
            "fox": UNKNOWN,
        }

    def test_a_read_ones_id_is_only_its_providers_to_tell(self, tmp_path: Path, preview: Callable[..., Plan]):
        root = write(
            tmp_path,
            __main__=(
                "import pulumi, pulumi_random\n"
                "read = pulumi_random.RandomPet.get('read', 'red-fox', separator='-')\n"
                "pulumi_random.RandomPet('pet', prefix=read.id, separator=read.separator)\n"
            ),
        )
        plan = preview("reads", root=root)
        assert only(plan, "read").options.import_id == "red-fox"
        assert only(plan, "pet").inputs == {"prefix": UNKNOWN, "separator": "-"}

    def test_the_program_itself_sees_inputs_handed_back(self, cloud: Plan):
        assert only(cloud, "invoker-3").inputs["location"] == "europe-west1"
        assert only(cloud, "user-3").inputs == {"name": "service-3", "instance": UNKNOWN}


class TestGoogleCloud:
    def test_dictionaries_and_argument_classes_read_alike(self, cloud: Plan):
        template = only(cloud, "service-0").inputs["template"]
        assert isinstance(template, dict)
        assert template["maxInstanceRequestConcurrency"] == 80
        assert only(cloud, "migrate").inputs["template"] == {
            "template": {
                "containers": [{"image": "europe-docker.pkg.dev/example/app/api:1"}],
                "maxRetries": 0,
            }
        }

    def test_explicit_and_default_providers_are_told_apart(self, cloud: Plan):
        google = only(cloud, "google")
        assert google.inputs["project"] == "example-dev"
        assert only(cloud, "database").provider == ProviderReference(google.urn, explicit=True)
        assert only(cloud, "migrate").provider == ProviderReference("gcp", explicit=False)

    def test_a_function_in_output_form_is_unknown(self, cloud: Plan):
        assert cloud.outputs == {"number": UNKNOWN, "url": UNKNOWN}

    def test_each_turn_of_a_loop_is_there(self, cloud: Plan):
        assert len(cloud.of_type("gcp:cloudrunv2/service:Service")) == 7
        assert len(cloud.resources) == 32


class TestThePlan:
    def test_says_that_it_knows_no_state(self, shop: Plan):
        assert (shop.source, shop.knows_state) == ("offline", False)
        assert shop.sdk_version
        assert shop.seconds > 0

    def test_carries_what_the_program_logged_and_printed(self, shop: Plan):
        sign = only(shop, "corner-sign").urn
        assert set(shop.diagnostics) == {
            Diagnostic(Severity.WARNING, "low on signs", sign),
            Diagnostic(Severity.INFO, "open"),
        }
        assert shop.program_output == ('till: {"shelves": 2}',)

    def test_is_the_same_each_time(self, shop: Plan, preview: Callable[..., Plan]):
        again = preview("shop", config={"shop:shelves": "2"})
        first, second = ({**to_json(plan), "seconds": 0, "diagnostics": []} for plan in (shop, again))
        assert first == second

    def test_reports_each_resource_as_it_is_declared(self, job: Callable[..., ProgramJob]):
        declared: list[str] = []
        plan = preview_offline(job("shop", config={"shop:shelves": "1"}), declared.append)
        assert set(declared) == {resource.urn for resource in plan.resources}

    def test_of_a_listener_that_fails_fails_with_it(self, job: Callable[..., ProgramJob]):
        def listen(_: str) -> None:
            raise LookupError("no terminal")

        with pytest.raises(LookupError, match="no terminal"):
            preview_offline(job("shop", config={"shop:shelves": "1"}), listen)


def write(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")
    return root


class TestAnyProgram:
    def test_may_be_a_file_with_modules_beside_it_in_a_folder_of_any_name(
        self, tmp_path: Path, preview: Callable[..., Plan]
    ):
        root = write(
            tmp_path / "größe & maß",
            app="import os, pulumi, sizes\nsizes.pet()\npulumi.export('at', os.path.basename(os.getcwd()))\n",
            sizes="import pulumi_random\n\ndef pet():\n    pulumi_random.RandomPet('pet')\n",
        )
        plan = preview("app", root=root, program=root / "app.py")
        assert str(only(plan, "pet").source) == "sizes.py:4"
        assert plan.outputs == {"at": "größe & maß"}

    def test_may_lie_below_its_project(self, tmp_path: Path, preview: Callable[..., Plan]):
        write(tmp_path / "infra", __main__="import pulumi_random\npulumi_random.RandomPet('pet')\n")
        plan = preview("below", root=tmp_path, program=tmp_path / "infra")
        assert str(only(plan, "pet").source) == "infra/__main__.py:2"

    def test_may_be_asynchronous(self, tmp_path: Path, preview: Callable[..., Plan]):
        root = write(
            tmp_path,
            __main__=(
                "import pulumi\n"
                "async def main():\n"
                "    import later\n"
                "    return {'said': later.said}\n"
                "pulumi.run(main)\n"
            ),
            later="said = 'at last'\n",
        )
        assert preview("asynchronous", root=root).outputs == {"said": "at last"}

    def test_knows_its_project_stack_and_organization(self, tmp_path: Path, preview: Callable[..., Plan]):
        told = "get_project(), pulumi.get_stack(), pulumi.get_organization(), pulumi.runtime.is_dry_run()"
        root = write(tmp_path, __main__=f"import pulumi\npulumi.export('told', [pulumi.{told}])\n")
        plan = preview("identity", "prod", root=root, organization="acme")
        assert plan.outputs == {"told": ["identity", "prod", "acme", True]}

    def test_may_ask_for_a_version_of_pulumi(self, tmp_path: Path, preview: Callable[..., Plan]):
        root = write(tmp_path, __main__="import pulumi\npulumi.require_pulumi_version('>=3.100.0')\n")
        [said] = preview("version", root=root).diagnostics
        assert said.severity is Severity.INFO
        assert ">=3.100.0" in said.message

    def test_may_read_on_in_a_resource_that_was_handed_around(
        self, tmp_path: Path, preview: Callable[..., Plan]
    ):
        root = write(
            tmp_path,
            __main__=(
                "import pulumi, pulumi_random\n"
                "class Parcel(pulumi.CustomResource):\n"
                "    contents: pulumi.Output[dict]\n"
                "    def __init__(self, name, contents):\n"
                "        super().__init__('parcel:index:Parcel', name, {'contents': contents})\n"
                "parcel = Parcel('parcel', {'pet': pulumi_random.RandomPet('pet', length=4)})\n"
                "pet = parcel.contents.apply(lambda contents: contents['pet'])\n"
                "pulumi.export('length', pet.apply(lambda pet: pet.length))\n"
                "pulumi.export('id', pet.apply(lambda pet: pet.id))\n"
            ),
        )
        assert preview("handed", root=root).outputs == {"length": 4, "id": UNKNOWN}

    def test_may_give_what_its_provider_would_convert(self, tmp_path: Path, preview: Callable[..., Plan]):
        # As an AWS policy does: a dictionary goes in, JSON text comes out, and only the provider knows it.
        root = write(
            tmp_path,
            __main__=(
                "import pulumi\n"
                "class Pet(pulumi.CustomResource):\n"
                "    prefix: pulumi.Output[str]\n"
                "    separator: pulumi.Output[str]\n"
                "pet = Pet('made:index:Pet', 'pet', {'prefix': {'as': 'a dictionary'}, 'separator': '+'})\n"
                "pulumi.export('prefix', pet.prefix)\n"
                "pulumi.export('separator', pet.separator)\n"
            ),
        )
        plan = preview("converted", root=root)
        assert only(plan, "pet").inputs["prefix"] == {"as": "a dictionary"}
        assert plan.outputs == {"prefix": UNKNOWN, "separator": "+"}

    def test_may_use_a_parameterized_package(self, tmp_path: Path, preview: Callable[..., Plan]):
        root = write(
            tmp_path,
            __main__=(
                "import asyncio, pulumi\n"
                "from pulumi.runtime import register_package\n"
                "class Pet(pulumi.CustomResource):\n"
                "    def __init__(self, name):\n"
                "        package = asyncio.ensure_future(register_package(\n"
                "            'terraform-provider', '1.2.3', '', 'zoo', '4.5.6', 'e30='))\n"
                "        super().__init__('zoo:index:Pet', name, {}, None, package_ref=package)\n"
                "Pet('pet')\n"
            ),
        )
        pet = only(preview("parameterized", root=root), "pet")
        assert pet.provider == ProviderReference("zoo", explicit=False)
        assert pet.options.version == "4.5.6"

    def test_is_reached_without_the_proxy_of_its_environment(
        self, preview: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
    ):
        for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert preview("shop", config={"shop:shelves": "1"}).resources

    def test_sees_our_environment_and_the_additions(self, tmp_path: Path, preview: Callable[..., Plan]):
        root = write(
            tmp_path,
            __main__=(
                "import os, pulumi\n"
                "pulumi.export('added', os.environ['ADDED'])\n"
                "pulumi.export('home', 'HOME' in os.environ)\n"
            ),
        )
        plan = preview("environment", root=root, environment={"ADDED": "yes"})
        assert plan.outputs == {"added": "yes", "home": True}


def test_the_command_can_name_it_without_waiting_for_the_sdk():
    check = "import sys, plimsoll.preview.offline; print({'pulumi', 'grpc', 'google'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", check], text=True) == "set()\n"


class TestTheProgramsOwnFiles:
    @pytest.mark.parametrize(
        ("file", "own"),
        [
            pytest.param("/home/me/shop/__main__.py", "__main__.py", id="the program"),
            pytest.param("/home/me/shop/infra/network.py", "infra/network.py", id="below it"),
            pytest.param("/home/me/other/__main__.py", None, id="elsewhere"),
            pytest.param("/home/me/shop-2/__main__.py", None, id="a folder that only begins alike"),
            pytest.param(
                "/home/me/shop/.venv/lib/python3.12/site-packages/pulumi/a.py", None, id="installed"
            ),
            pytest.param(
                "/home/me/shop/env/lib/python3.12/asyncio/base_events.py", None, id="standard library"
            ),
            pytest.param("<frozen runpy>", None, id="no file"),
            pytest.param("", None, id="nothing"),
        ],
    )
    def test_are_those_of_the_project(self, file: str, own: str | None):
        assert own_file(file, Path("/home/me/shop")) == own

    def test_are_found_through_a_link(self, tmp_path: Path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert own_file(str(tmp_path / "real" / "app.py"), tmp_path / "link") == "app.py"


def python_at(environment: Path) -> Path:
    interpreter = environment / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    return interpreter


class TestTheInterpreter:
    def test_is_the_one_that_the_project_names(self, tmp_path: Path):
        named = python_at(tmp_path / "environments" / "infra")
        python_at(tmp_path / ".venv")
        assert find_interpreter(tmp_path, {"virtualenv": "environments/infra"}) == named

    def test_may_be_named_by_an_absolute_path(self, tmp_path: Path):
        named = python_at(tmp_path / "elsewhere")
        assert find_interpreter(tmp_path / "shop", {"virtualenv": str(tmp_path / "elsewhere")}) == named

    @pytest.mark.parametrize("name", [".venv", "venv"])
    def test_is_else_the_one_beside_the_project_file(self, tmp_path: Path, name: str):
        beside = python_at(tmp_path / name)
        assert find_interpreter(tmp_path, {"toolchain": "pip"}) == beside

    def test_is_else_the_one_that_runs_us(self, tmp_path: Path):
        assert find_interpreter(tmp_path, {}) == Path(sys.executable)

    def test_that_is_named_and_missing_is_told_how_to_make(self, tmp_path: Path):
        with pytest.raises(PreviewError) as caught:
            find_interpreter(tmp_path, {"virtualenv": "venv"})
        assert caught.value.kind is Failure.NO_INTERPRETER
        assert str(tmp_path / "venv" / "bin" / "python") in caught.value.message
        assert "`make setup`" in caught.value.remedy
        assert "requirements.txt" not in caught.value.remedy

        (tmp_path / "requirements.txt").touch()
        with pytest.raises(PreviewError) as caught:
            find_interpreter(tmp_path, {"virtualenv": "venv"})
        assert f"python3 -m venv {tmp_path / 'venv'}" in caught.value.remedy
        assert str(tmp_path / "requirements.txt") in caught.value.remedy

    @pytest.mark.parametrize("make", ["missing", "folder", "text"])
    def test_that_cannot_be_started_is_refused(
        self, tmp_path: Path, refusal: Callable[..., PreviewError], make: str
    ):
        interpreter = tmp_path / "python"
        if make == "folder":
            interpreter.mkdir()
        elif make == "text":
            interpreter.write_text("not a program")
        error = refusal("shop", interpreter=interpreter)
        assert error.kind is Failure.NO_INTERPRETER
        assert str(interpreter) in error.message

    def test_without_pulumi_is_told_how_to_get_it(self, tmp_path: Path, refusal: Callable[..., PreviewError]):
        import venv

        venv.create(tmp_path / "bare", with_pip=False)
        interpreter = tmp_path / "bare" / "bin" / "python"
        error = refusal("shop", interpreter=interpreter, environment={"PYTHONPATH": ""})
        assert error.kind is Failure.NO_PULUMI
        assert "No module named 'pulumi'" in error.message
        assert str(interpreter) in error.remedy


class TestTheProgram:
    def test_must_be_there(self, tmp_path: Path, refusal: Callable[..., PreviewError]):
        error = refusal("shop", root=tmp_path, program=tmp_path / "infra")
        assert error.kind is Failure.NO_PROGRAM
        assert str(tmp_path / "infra") in error.message

    def test_in_a_folder_is_its_main_module(self, tmp_path: Path, refusal: Callable[..., PreviewError]):
        error = refusal("shop", root=tmp_path)
        assert error.kind is Failure.NO_PROGRAM
        assert "__main__.py" in error.message

    def test_must_be_readable(
        self, tmp_path: Path, refusal: Callable[..., PreviewError], monkeypatch: pytest.MonkeyPatch
    ):
        root = write(tmp_path / "closed", __main__="")
        stat = Path.stat

        def deny(path: Path, **how: bool) -> os.stat_result:
            if path.name == "__main__.py":  # as for a user who may not enter its folder; root may
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return stat(path, **how)

        monkeypatch.setattr(Path, "stat", deny)
        error = refusal("closed", root=root)
        assert error.kind is Failure.NO_PROGRAM
        assert error.message == f"The program at {root} cannot be read: Permission denied"


def test_the_plan_is_json(shop: Plan):
    assert json.loads(json.dumps(to_json(shop)))["schema"] == 1
