"""Secrets reach no plan, error or output in clear, and what cannot be decrypted is previewed all the same."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.preview.decode import MASKED
from plimsoll.preview.failure import Failure
from plimsoll.preview.plan import Secret, to_json
from plimsoll.settings.project import SECRET_PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plimsoll.preview.failure import PreviewError
    from plimsoll.preview.plan import Plan

CANARY = 'canary-7f3a/Zx"quoted" ü'
PASSWORD = "config-canary-99"
CONFIG = {"secrets:password": PASSWORD, "secrets:canary": CANARY}
IN_CLEAR = [
    "canary-7f3a",  # also what is left of it where quotes are escaped
    "quoted",
    PASSWORD,
]


def everything(value: Any) -> Iterator[str]:
    """Every text that an object holds, however deep."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield from everything(name)
                yield from everything(item)
        case list() | tuple():
            for item in value:
                yield from everything(item)
        case _ if is_dataclass(value):
            for spec in fields(value):
                yield from everything(getattr(value, spec.name))
        case _:
            yield repr(value)


@pytest.fixture(scope="module")
def secrets(preview: Callable[..., Plan]) -> Plan:
    return preview("secrets", config=CONFIG, secret_keys=frozenset({"secrets:password"}))


@pytest.fixture(scope="module", params=["raises", "logs"])
def secrets_in_error(request: pytest.FixtureRequest, refusal: Callable[..., PreviewError]) -> PreviewError:
    return refusal("secrets", request.param, config=CONFIG, secret_keys=frozenset({"secrets:password"}))


class TestASecret:
    @pytest.mark.parametrize("in_clear", IN_CLEAR)
    def test_is_nowhere_in_a_plan(self, secrets: Plan, in_clear: str):
        assert in_clear not in repr(secrets)
        assert in_clear not in json.dumps(to_json(secrets), ensure_ascii=False)
        assert not [text for text in everything(secrets) if in_clear in text]

    @pytest.mark.parametrize("in_clear", IN_CLEAR)
    def test_is_nowhere_in_an_error(self, secrets_in_error: PreviewError, in_clear: str):
        assert in_clear not in json.dumps(secrets_in_error.to_json(), ensure_ascii=False)
        assert not [text for text in everything(vars(secrets_in_error)) if in_clear in text]

    def test_is_marked_where_the_program_marked_it(self, secrets: Plan):
        [marked] = secrets.named("marked")
        assert marked.inputs == {"prefix": Secret(), "keepers": {"inside": Secret()}}
        assert secrets.outputs["secret"] == Secret()

    def test_is_taken_out_where_the_program_forgot_to_mark_it(self, secrets: Plan):
        [unmarked] = secrets.named("unmarked")
        assert unmarked.inputs == {
            "prefix": Secret(),
            "keepers": {"inside": "postgres://[secret]@host", "[secret]": "key"},
        }
        assert secrets.outputs["url"] == "https://[secret].example.com"

    def test_hides_what_was_made_of_it(self, secrets: Plan):
        [derived] = secrets.named("derived")
        assert derived.inputs["keepers"] == {"length": Secret()}

    def test_is_taken_out_of_what_the_program_says(self, secrets: Plan):
        assert secrets.program_output == ("printed [secret] [secret] '[secret]'", "to stderr [secret]")
        assert [said.message for said in secrets.diagnostics] == ["logged [secret]"]

    def test_leaves_the_error_readable(self, secrets_in_error: PreviewError):
        assert "cannot use [secret]" in secrets_in_error.message

    def test_is_not_in_the_jobs_own_description(self, job: Callable[..., Any]):
        assert PASSWORD not in repr(job("secrets", config=CONFIG))


SEALED = frozenset({"sealed:token", "sealed:database"})
SEALED_CONFIG = {
    "sealed:token": "[secret]",
    "sealed:database": json.dumps(
        {"host": "db.example.com", "password": "[secret]", "replicas": [{"password": "[secret]"}]}
    ),
}


@pytest.fixture(scope="module")
def sealed(preview: Callable[..., Plan]) -> Plan:
    return preview("sealed", config=SEALED_CONFIG, secret_keys=SEALED, undecryptable=SEALED)


def test_the_settings_write_the_word_that_is_sealed():
    assert MASKED == SECRET_PLACEHOLDER


class TestAnEncryptedValue:
    @pytest.mark.parametrize(
        "name",
        [
            *("secret", "applied", "joined", "formatted", "together", "json"),
            *("number", "flag", "fraction", "whole-object"),
            *("plain", "embedded", "shouted", "marked-by-hand", "echo", "echoed"),
            *("nested", "nested-in-list", "secret-nested"),
        ],
    )
    def test_is_an_unknown_secret_however_it_is_read_and_wherever_it_goes(self, sealed: Plan, name: str):
        [resource] = sealed.named(name)
        assert resource.inputs["keepers"] == {"value": Secret(unknown=True)}

    def test_leaves_the_rest_of_its_object_known(self, sealed: Plan):
        assert sealed.named("beside")[0].inputs["keepers"] == {"value": "db.example.com"}

    def test_leaves_other_secrets_known(self, sealed: Plan):
        for name in ("secret-beside", "missing"):
            assert sealed.named(name)[0].inputs["keepers"] == {"value": Secret(unknown=False)}

    def test_is_said_to_be_one_in_stack_outputs_and_in_print(self, sealed: Plan):
        assert sealed.outputs == {"token": Secret(unknown=True)}
        assert sealed.program_output == ("the token is [secret]",)

    def test_that_decides_as_a_number_is_refused_by_name(self, refusal: Callable[..., PreviewError]):
        error = refusal("sealed", "reads-number", config=SEALED_CONFIG, undecryptable=SEALED)
        assert error.kind is Failure.UNSUPPORTED
        assert "'sealed:token'" in error.message
        assert "require_int" in error.message
        assert error.frames[-1].text == 'config.require_int("token")'
