"""A secret that the program makes is in nothing that a rehearsal prints, whoever says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.rehearse.conftest import Repository
from tests.rehearse.test_command import rehearse

if TYPE_CHECKING:
    from collections.abc import Callable

SAYS_IT = """
import pulumi
import pulumi_random as random
made = random.RandomPassword("made", length=24, special=False)
made.result.apply(lambda text: pulumi.log.warn(f"the password is {text}, of {len(text)} characters"))
"""

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def say(args, report):
    if args.name == "made" and args.props.get("result"):
        report(f"it is <{args.props['result']}>, of {len(args.props['result'])} characters")

PolicyPack("says", enforcement_level=EnforcementLevel.ADVISORY,
           policies=[ResourceValidationPolicy(name="says-it", description="Says it.", validate=say)])
"""


@pytest.mark.engine
def test_neither_program_nor_policy_can_say_it(foreign: Callable[[str], Repository]):
    garden = foreign("garden")
    # Up already, so that the preview knows the value.
    garden.commit(
        {
            "src/garden/__main__.py": SAYS_IT,
            "policies/PulumiPolicy.yaml": "runtime: python\n",
            "policies/__main__.py": PACK,
        }
    )
    for form in ([], ["--json"]):
        code, out, err = rehearse(garden.root, "dev", "--from", "HEAD", *form)
        assert code == 0, err
        assert "the password is [secret], of 24 characters" in out
        assert not re.search(r"password is (?!\[secret\])", out + err)
        assert not re.search(r"it is <(?!\[secret\])", out + err)
