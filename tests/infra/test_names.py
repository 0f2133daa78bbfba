"""Physical names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.names import Names
from plimsoll.settings import model

KEY = st.from_regex(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", fullmatch=True)


def names(application: str = "goals", **labels: str) -> Names:
    cloud = model.Cloud(
        application=application,
        project="acme-goals-dev",
        region="europe-west1",
        production=False,
        protect=False,
        labels=labels,
    )
    return Names(cloud=cloud, environment="dev")


@pytest.mark.parametrize(
    ("application", "key", "expected"),
    [
        pytest.param("goals", "api", "goals-api", id="as it stands"),
        pytest.param("a", "b", "a-b-d44362", id="too short"),
        pytest.param(
            "evaluations", "background-processing-a", "evaluations-background-d7b35e", id="too long"
        ),
    ],
)
def test_an_accounts_id_is_the_services_name_made_to_fit(application: str, key: str, expected: str):
    assert names(application).account(key) == expected


@given(application=KEY, key=KEY)
def test_every_accounts_id_is_one_that_google_accepts(application: str, key: str):
    assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", names(application).account(key))


@given(first=KEY, second=KEY)
def test_two_services_never_share_an_account(first: str, second: str):
    own = names("evaluations-and-goals")
    assert (own.account(first) == own.account(second)) == (first == second)


def test_what_the_stack_file_says_of_labels_wins():
    assert names(team="goals", environment="staging").labels(service="api") == {
        "application": "goals",
        "environment": "staging",
        "service": "api",
        "team": "goals",
    }


@pytest.mark.parametrize(
    ("full_name", "expected"),
    [
        ("projects/acme-goals-dev/secrets/key", "key"),
        ("projects/acme-shared/secrets/key", "projects/acme-shared/secrets/key"),
    ],
)
def test_a_secret_is_named_shortly_within_its_project_only(full_name: str, expected: str):
    assert names().secret(full_name) == expected
