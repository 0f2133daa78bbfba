"""A policy pack in the offline preview: what it says, and every way in which it does not."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from plimsoll.preview.failure import Failure, PreviewError
from plimsoll.preview.offline import preview_offline
from plimsoll.preview.plan import UNKNOWN, Plan, Secret, to_json
from plimsoll.preview.policies.pack import find_pack
from plimsoll.preview.project import job_of
from plimsoll.preview.report.terminal import report
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project

PROGRAM = """
import pulumi
import pulumi_random as random

code = pulumi.Output.secret("canary-of-the-program")
first = random.RandomPet("first", keepers={"code": code})
random.RandomPet("second", keepers={"first": first.id, "size": "large"})
"""

HEAD = """
from pulumi_policy import *
import os, sys, time, subprocess

def pack(*policies, level=EnforcementLevel.ADVISORY):
    PolicyPack("rules", enforcement_level=level, policies=list(policies))

def each(name, validate, **more):
    return ResourceValidationPolicy(name=name, description=f"{name}.", validate=validate, **more)

def name_it(args, report):
    report(args.name)
"""


def project(folder: Path, pack: str, *, config: object = None, program: str = PROGRAM) -> Path:
    root = folder.resolve() / "shop"
    (root / "policies" / "config").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n", "utf-8")
    (root / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
    (root / "__main__.py").write_text(program, "utf-8")
    (root / "policies" / "PulumiPolicy.yaml").write_text("runtime: python\n", "utf-8")
    (root / "policies" / "__main__.py").write_text(pack, "utf-8")
    if config is not None:
        (root / "policies" / "config" / "dev.json").write_text(json.dumps(config), "utf-8")
    (root / ".venv").symlink_to(sys.prefix)
    return root


def judged(root: Path, timeout: float = 30) -> Plan:
    found = find_project(root)
    pack = find_pack(found, "dev", None, None)
    return preview_offline(replace(job_of(found, "dev", timeout), pack=pack))


def said(plan: Plan) -> list[tuple[str, str, str, str]]:
    assert plan.policies is not None
    return [
        (one.level, one.policy, one.urn.rpartition("::")[2], one.message) for one in plan.policies.violations
    ]


OBJECTS = """
def need(args, report):
    if args.resource_type == "random:index/randomPet:RandomPet":
        report(f"{args.name}: {args.props['keepers']['code']}")

def all_of(args, report):
    for one in args.resources:
        if one.name == "second":
            report("behind " + ", ".join(on.name for on in one.dependencies), one.urn)
    report("for all")

def mend(args):
    if args.name == "second":
        return {**args.props, "keepers": {"size": "small"}}

pack(
    each("advice", lambda args, report: report("of the stack") if "Stack" in args.resource_type else None),
    each("must", need, enforcement_level=EnforcementLevel.MANDATORY),
    StackValidationPolicy(name="whole", description="Whole.", validate=all_of),
    ResourceValidationPolicy(
        name="mend", description="Mends.", remediate=mend, enforcement_level=EnforcementLevel.REMEDIATE
    ),
)
"""


@pytest.fixture(scope="module")
def objected(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    pack = HEAD + OBJECTS.replace("['code']", "[next(iter(args.props['keepers']))]")
    return judged(project(tmp_path_factory.mktemp("objects"), pack))


def test_what_blocks_comes_first_and_secrets_are_masked(objected: Plan):
    assert said(objected) == [
        ("mandatory", "must", "first", "must.\nfirst: [secret]"),
        ("mandatory", "must", "second", "must.\nsecond: small"),
        ("advisory", "advice", "shop-dev", "advice.\nof the stack"),
        ("advisory", "whole", "second", "Whole.\nbehind first"),
        ("advisory", "whole", "shop-dev", "Whole.\nfor all"),
    ]
    assert "canary" not in json.dumps(to_json(objected))


def test_a_remediation_is_told_by_path_and_leaves_the_program_as_it_is(objected: Plan):
    assert objected.policies is not None
    first, second = (objected.named(name)[0] for name in ("first", "second"))
    changes = [(one.policy, one.urn, one.path, one.after) for one in objected.policies.remediations]
    assert changes == [
        ("mend", second.urn, "keepers.first", None),
        ("mend", second.urn, "keepers.size", "small"),
    ]
    assert first.inputs["keepers"] == {"code": Secret()}
    assert second.inputs["keepers"] == {"first": UNKNOWN, "size": "large"}


def test_the_report_has_the_policies_with_places(objected: Plan):
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(report(objected))
    text = "\n".join(map(str.rstrip, captured.get().splitlines()))
    assert "POLICIES  4 of rules asked · 2 mandatory · 3 advisory · 1 resource would be changed" in text
    assert "MANDATORY  must  first  __main__.py:6" in text
    assert "advisory  whole  the whole stack\n" in text
    assert "would be changed by policy mend: second  __main__.py:7\n      keepers.first" in text
    assert "keepers.size  large → small" in text


def test_a_rule_that_raises_is_named_and_the_others_judge(tmp_path: Path):
    pack = """
def fall(args, report):
    if args.name == "first":
        raise ValueError("no such rule")

def leave(args, report):
    if args.name == "second":
        sys.exit(3)

pack(each("falls", fall), each("names", name_it), each("leaves", leave))
"""
    plan = judged(project(tmp_path, HEAD + pack))
    assert [one[:3] for one in said(plan) if one[0] == "failed"] == [
        ("failed", "falls", "first"),
        ("failed", "leaves", "second"),
    ]
    assert said(plan)[0][3] == "no such rule"
    assert {one[2] for one in said(plan) if one[1] == "names"} >= {"shop-dev", "first", "second"}
    assert plan.policies is not None
    assert plan.policies.blocks


BAD = {
    "raises at the start": (
        "raise RuntimeError('out of rules')",
        "ended with exit code 1 before it served",
        "RuntimeError: out of rules",
    ),
    "lacks a module": (
        "import nonesuch",
        "ended with exit code 1 before it served",
        "No module named 'nonesuch'",
    ),
    "ends": ("sys.exit(7)", "ended with exit code 7 before it served", ""),
    "crashes": ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV before it served", ""),
    "prints garbage": (
        "print('hello, rules')",
        "it wrote 'hello, rules' to standard output, where the port of its server belongs",
        "",
    ),
    "crashes in a rule": (
        "pack(each('dies', lambda a, r: os._exit(9) if a.name == 'second' else None))",
        "ended with exit code 9 while judging second (random:index/randomPet:RandomPet)",
        "",
    ),
    "never serves": ("time.sleep(600)", "was still starting after 2 s", "policies/__main__.py"),
    "never answers": (
        "pack(each('sleeps', lambda a, r: time.sleep(600) if a.name == 'first' else None))",
        "was still judging first (random:index/randomPet:RandomPet) after 2 s, in the policy sleeps",
        "policies/__main__.py",
    ),
    "leaves somebody behind": (
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\ntime.sleep(600)",
        "was still starting after 2 s",
        "",
    ),
}


@pytest.mark.parametrize(("pack", "what", "word"), BAD.values(), ids=BAD)
def test_a_pack_that_does_not_answer_is_one_error_with_its_words(
    pack: str, what: str, word: str, tmp_path: Path
):
    root = project(tmp_path, HEAD + pack)
    began = time.monotonic()
    with pytest.raises(PreviewError) as caught:
        judged(root, timeout=2 if "still" in what else 30)
    error = caught.value
    assert error.kind is Failure.POLICY_PACK
    assert what in error.message
    assert str(root / "policies") in error.message
    assert word in "\n".join([*error.program_output, *map(str, error.frames)])
    assert time.monotonic() - began < 30
    assert not running(str(root))


def running(word: str) -> list[str]:
    """The command lines of processes that have the word in them, or run in a folder that has."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
            if word in line or word in os.readlink(process / "cwd"):  # noqa: PTH115 (a folder that may be gone)
                found.append(line)
        except OSError:
            continue
    return found


SCHEMA = """
schema = PolicyConfigSchema(properties={"most": {"type": "integer", "default": 3, "minimum": 1}})
say = lambda a, r: r(str(a.get_config()["most"])) if a.name == "first" else None
pack(each("sized", say, config_schema=schema))
"""


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (None, ("advisory", "3.0")),
        ({"sized": "mandatory"}, ("mandatory", "3.0")),
        ({"all": "mandatory", "sized": {"most": 5}}, ("mandatory", "5.0")),
        ({"all": "mandatory", "sized": {"enforcementLevel": "advisory"}}, ("advisory", "3.0")),
    ],
    ids=["defaults", "a level", "all of them", "its own over all"],
)
def test_a_pack_is_configured(config: object, wanted: tuple[str, str], tmp_path: Path):
    plan = judged(project(tmp_path, HEAD + SCHEMA, config=config))
    assert [(level, message.partition("\n")[2]) for level, *_, message in said(plan)] == [wanted]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"sized": {"most": 0}}, 'for "rules": sized: most: Must be greater than or equal to 1'),
        ({"sized": "sometimes"}, 'parsing enforcement level for "sized": "sometimes" is not a valid'),
    ],
    ids=["a property", "a level"],
)
def test_a_wrong_configuration_is_refused_with_its_file(config: object, words: str, tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        judged(project(tmp_path, HEAD + SCHEMA, config=config))
    (fault,) = caught.value.faults
    assert words in fault.message
    assert str(fault.file).endswith("policies/config/dev.json")


def test_a_policy_that_is_configured_and_does_not_exist_is_a_warning(tmp_path: Path):
    plan = judged(project(tmp_path, HEAD + SCHEMA, config={"seized": "mandatory"}))
    (warning,) = plan.diagnostics
    assert "does not have: seized" in warning.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runtime: nodejs\n", "the pack's runtime is nodejs"),
        ("runtime: {name: python, options: {virtualenv: nowhere}}\n", "there is no"),
    ],
    ids=["another language", "no interpreter"],
)
def test_a_pack_that_cannot_be_run_is_refused(text: str, words: str, tmp_path: Path):
    root = project(tmp_path, HEAD)
    (root / "policies" / "PulumiPolicy.yaml").write_text(text, "utf-8")
    with pytest.raises((PreviewError, SettingsError)) as caught:
        judged(root)
    error = caught.value
    assert words in (error.message if isinstance(error, PreviewError) else error.faults[0].message)


def test_without_a_pack_nothing_of_it_is_imported(tmp_path: Path):
    import subprocess

    root = project(tmp_path, "")
    (root / "policies" / "PulumiPolicy.yaml").unlink()
    script = (
        "import sys\nfrom plimsoll.cli import app\ntry:\n    app()\nexcept SystemExit:\n    pass\n"
        "print(sorted(set(sys.modules) & {'plimsoll.preview.policies.judge', 'jsonschema'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, "preview", "dev", "-C", root],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "[]"
