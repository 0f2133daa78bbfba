"""Both environments on the real engine, from the first preview to the destroyed stack."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.environments.conftest import Life, Ran

pytestmark = pytest.mark.engine

SERVICE = "gcp:cloudrunv2/service:Service"
ENCRYPTED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""How the state marks a secret (`sdk/go/common/resource/sig`); beside it stands the ciphertext."""


def resources(state: Ran) -> list[dict[str, Any]]:
    return json.loads(state.stdout)["deployment"].get("resources", [])


def only(ran: Ran, type_: str) -> dict[str, Any]:
    [properties] = [properties for key, properties in ran.exists.items() if key.split()[0] == type_]
    return properties


def test_the_first_preview_says_what_up_then_makes_and_makes_nothing_itself(life: Life):
    assert (life.previewed.code, life.previewed.exists) == (0, {})
    assert f"+ {len(life.previewed.planned)} to create" in life.previewed.stdout
    assert life.up.code == 0
    assert len(resources(life.state)) == len(life.previewed.planned) > 20
    # Components and providers are in the state and not in a cloud; a password is in no cloud either.
    real = [one for one in resources(life.state) if one["custom"] and "pulumi:providers" not in one["type"]]
    assert len(real) == len(life.up.exists) + (not life.production)


def test_up_runs_the_policy_pack(life: Life):
    assert f"{len(life.previewed.planned)} resources were judged" in life.up.stdout
    assert "nothing here keeps files" not in life.up.stdout


class TestAMandatoryViolationBlocksUp:
    """Where `up` skipped its preview, all that is registered before the violation would be made."""

    def test_of_the_resource_that_is_declared_last(self, life: Life):
        refused = life.refused_last
        assert refused.code != 0
        assert "[mandatory]  no-address  (vercel:index:ProjectEnvironmentVariable: API_URL)" in refused.stdout
        # What else waits for the service or for a job may come a moment later.
        others = ("-public", "-schedule", "LogDrain logs")
        last = [one for one in refused.planned if not one.endswith(others)][-1]
        assert last == "vercel:index:ProjectEnvironmentVariable API_URL"
        assert len(refused.planned) == len(life.previewed.planned)

    def test_of_the_stack_as_a_whole(self, life: Life):
        refused = life.refused_whole
        assert refused.code != 0
        assert f"[mandatory]  balanced  (pulumi:pulumi:Stack: plimsoll-{life.environment})" in refused.stdout
        assert "is a load balancer" in refused.stdout

    def test_and_nothing_was_created(self, life: Life):
        for refused in (life.refused_last, life.refused_whole):
            assert "Updating (" not in refused.stdout
            assert refused.exists == {}
        assert resources(life.state_refused) == []


def test_the_second_preview_is_empty(life: Life):
    assert life.settled.code == 0, life.settled.stdout
    # And would have said so, were it not.
    assert life.resized.code == 7


def test_a_changed_size_changes_the_service_alone(life: Life):
    # Our component says what the service may open at the database, and that follows from the size.
    assert life.resized.changes == {"update": {"plimsoll:Service api", "gcp:Service api"}}
    differences = [one["detailedDiff"] for one in json.loads(life.resized.stdout)["steps"]]
    changed = [path for difference in differences for path in difference or ()]
    assert changed == ["template.maxInstanceRequestConcurrency"]
    before, after = only(life.up, SERVICE), only(life.applied, SERVICE)
    assert before["template"]["maxInstanceRequestConcurrency"] != 60
    assert after["template"] == {**before["template"], "maxInstanceRequestConcurrency": 60}


REGIONAL = {
    "gcp:Service api",
    "gcp:ServiceIamMember api-public",
    "gcp:Job migrate",
    "gcp:Job review-queries",
    "gcp:JobIamMember review-queries-schedule",
    "gcp:Job review-queries-schedule",
    "gcp:Repository registry",
    # It posts to the service's address, and Vercel changes no drain.
    "vercel:LogDrain logs",
}
"""What lives in the region, in any environment."""
OF_THE_DATABASE = {
    "gcp:Subnetwork services",
    "gcp:DatabaseInstance database",
    "gcp:Database database",
    "gcp:User database",
    "gcp:Secret database-url",
    "gcp:SecretVersion database-url",
    # Google takes it away with the secret, so it has to come again.
    "gcp:SecretIamMember api.goals-dev-database-url",
}
"""What else does, where the database is Cloud SQL: dev's."""


def test_a_changed_region_replaces_what_lives_there(life: Life):
    # The frontend learns a new address; Google's provider is told the region.
    followed = {"pulumi:gcp gcp", "vercel:ProjectEnvironmentVariable API_URL"}
    replaced = REGIONAL if life.production else REGIONAL | OF_THE_DATABASE
    assert life.moved.changes == {"update": followed, "replace": replaced}
    # Production's service is protected: the whole plan is shown, and refused.
    assert life.moved.code == (1 if life.production else 0)
    assert ("marked for protection" in life.moved.stdout) == life.production


def test_what_is_protected_refuses_to_be_destroyed(life: Life):
    assert life.undestroyed.code != 0
    assert "because it is protected. To unprotect the resource" in life.undestroyed.stdout
    assert "Destroying (" not in life.undestroyed.stdout
    assert life.undestroyed.exists == life.applied.exists


def test_a_preview_that_would_delete_what_is_protected_shows_everything_else(life: Life):
    """But for the deletes of what it stands on, which the engine shows with `--ignore-protect` only."""
    databases = ["database-url", "database-session-url"] if life.production else ["goals-dev-database-url"]
    assert life.renamed.code != 0
    assert "cannot be deleted\\nbecause it is protected" in life.renamed.stdout
    assert life.renamed.changes == {
        "create": {
            "plimsoll:Service web",
            "gcp:Account web",
            *[f"gcp:SecretIamMember web.{secret}" for secret in databases],
            "gcp:SecretIamMember web.openai-api-key",
            "gcp:Service web",
            "gcp:ServiceIamMember web-public",
        },
        # Its jobs run as its account.
        "update": {
            "plimsoll:Environment environment",
            "plimsoll:Job migrate",
            "plimsoll:Job review-queries",
            "gcp:Job migrate",
            "gcp:Job review-queries",
            "vercel:ProjectEnvironmentVariable API_URL",
        },
        "replace": {"vercel:LogDrain logs"},
        "delete": {"gcp:Service api", "gcp:ServiceIamMember api-public"},
    }
    assert life.renamed_whole.code == 0
    assert life.renamed_whole.changes == {
        **life.renamed.changes,
        "delete": {
            "gcp:Service api",
            "gcp:ServiceIamMember api-public",
            "plimsoll:Service api",
            "gcp:Account api",
            *(f"gcp:SecretIamMember api.{database}" for database in databases),
            "gcp:SecretIamMember api.openai-api-key",
        },
    }
    assert life.renamed_whole.exists == life.applied.exists


def test_once_it_is_unprotected_destroy_leaves_nothing(life: Life):
    assert only(life.applied, SERVICE)["deletionProtection"] is True
    assert life.unprotected.code == 0, life.unprotected.stdout
    assert not any(live.get("deletionProtection") for live in life.unprotected.exists.values())
    assert life.unprotected.exists.keys() == life.applied.exists.keys()
    assert (life.destroyed.code, life.destroyed.exists) == (0, {})
    assert resources(life.state_destroyed) == []


class TestSecrets:
    def test_they_are_encrypted_in_the_state(self, life: Life):
        inputs: dict[str, dict[str, Any]] = {
            one["urn"].rpartition("$")[2]: one.get("inputs", {}) for one in resources(life.state)
        }
        variable = "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable"
        provider = f"urn:pulumi:{life.environment}::plimsoll::pulumi:providers:vercel::vercel"
        encrypted = [inputs[provider]["apiToken"], inputs[f"{variable}::SESSION"]["value"]]
        if not life.production:
            version = inputs["gcp:secretmanager/secretVersion:SecretVersion::database-url"]
            encrypted += [inputs["gcp:sql/user:User::database"]["password"], version["secretData"]]
        for value in encrypted:
            assert value.items() >= ENCRYPTED.items()
            assert value["ciphertext"]
        assert inputs[f"{variable}::SESSION"]["key"] == "SESSION", "what is none stands as it is"

    def test_only_development_generates_a_password(self, life: Life):
        assert len(life.password) == (0 if life.production else 32)

    def test_no_file_holds_one_in_clear_but_the_clouds_own(self, life: Life):
        """Of state, backups, history, the engine's home and the project's files."""
        assert life.found_in == {"cloud.jsonl"}

    def test_no_command_says_one(self, life: Life):
        leaks = {
            (name, secret)
            for name, ran in life.commands.items()
            for secret in life.secrets
            if secret in ran.stdout + ran.stderr
        }
        assert leaks == set()

    def test_a_policy_that_sees_one_cannot_say_it(self, life: Life):
        """Neither one of the stack's, which the engine masks, nor one that the program made."""
        for secret in life.secrets:
            digest = sha256(secret.encode()).hexdigest()
            said = [line for line in life.settled.stdout.splitlines() if digest in line]
            assert said, "the policy saw the secret itself"
            assert all("has [secret] (" in line for line in said)
