"""Inputs that the SDK's own classes do not know, found with no engine and no provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plimsoll.preview.failure import PreviewError
    from plimsoll.preview.plan import Plan

WRONG = """\
import pulumi
import pulumi_gcp as gcp

gcp.cloudrunv2.Service(
    "api",
    location="europe-west1",
    template={
        "containers": [{"imge": "a"}],
        "scaling": {"max_instance_cuont": 3},
        "max_instance_request_concurrency": pulumi.Output.secret("hunter2"),
    },
)
gcp.storage.Bucket("files", location="EU", versioning={"enabled": "perhaps"})
"""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, refusal: Callable[..., PreviewError]) -> PreviewError:
    root = tmp_path_factory.mktemp("wrong")
    (root / "__main__.py").write_text(WRONG, "utf-8")
    return refusal("wrong", root=root)


def test_all_are_told_at_once_with_the_line_that_declares_the_resource(wrong: PreviewError):
    assert wrong.kind is Failure.WRONG_INPUTS
    assert {(str(one.place), one.path, one.reason) for one in wrong.problems} == {
        ("__main__.py:13", "versioning.enabled", "must be true or false, and is text"),
        ("__main__.py:4", "template.containers[0].image", "is required, and missing"),
        (
            "__main__.py:4",
            "template.containers[0].imge",
            "is no input of ServiceTemplateContainer; did you mean image?",
        ),
        (
            "__main__.py:4",
            "template.scaling.max_instance_cuont",
            "is no input of ServiceTemplateScaling; did you mean maxInstanceCount?",
        ),
        (
            "__main__.py:4",
            "template.maxInstanceRequestConcurrency",
            "must be a whole number, and is text",
        ),
    }
    assert [one.of for one in wrong.problems][-1] == "files, a gcp:storage/bucket:Bucket"
    assert wrong.problems[0].of == "api, a gcp:cloudrunv2/service:Service"


def test_no_value_is_repeated(wrong: PreviewError):
    assert "hunter2" not in f"{wrong} {wrong.to_json()}"
    assert "perhaps" not in f"{wrong} {wrong.to_json()}"


def test_what_the_sdk_raises_in_a_constructor_is_told_alone(
    tmp_path: Path, refusal: Callable[..., PreviewError]
):
    (tmp_path / "__main__.py").write_text(f"{WRONG}gcp.storage.Bucket('no-place')\n", "utf-8")
    error = refusal("wrong", root=tmp_path)
    assert (error.kind, error.problems) == (Failure.PROGRAM_RAISED, ())
    assert "Missing required property 'location'" in error.message
    assert str(error.place) == "__main__.py:14"


def test_text_that_a_provider_converts_is_advice(tmp_path: Path, preview: Callable[..., Plan]):
    source = 'import pulumi_random\npulumi_random.RandomPassword("key", length="16")\n'
    (tmp_path / "__main__.py").write_text(source, "utf-8")
    [said] = preview("text", root=tmp_path).diagnostics
    assert said.message == (
        "__main__.py:2: length is text, which the provider has to turn into a whole number "
        "(key, a random:index/randomPassword:RandomPassword)"
    )


def test_what_cannot_be_decrypted_may_be_of_any_type(tmp_path: Path, preview: Callable[..., Plan]):
    source = (
        "import pulumi, pulumi_random\n"
        'sizes = pulumi.Config().require_object("sizes")\n'
        'pulumi_random.RandomPassword("key", length=sizes["key"])\n'
    )
    (tmp_path / "__main__.py").write_text(source, "utf-8")
    config = {"text:sizes": '{"key": "[secret]"}'}
    sealed = frozenset(config)
    plan = preview("text", root=tmp_path, config=config, secret_keys=sealed, undecryptable=sealed)
    assert plan.diagnostics == ()


def test_an_sdk_that_cannot_be_read_stops_no_preview(tmp_path: Path, preview: Callable[..., Plan]):
    source = (
        "import pulumi, pulumi.runtime.rpc as rpc\n"
        'pulumi.CustomResource("random:index/randomPet:RandomPet", "pet", {})\n'
        "def broken(*_): raise RuntimeError('no modules today')\n"
        "rpc.get_resource_module = broken\n"
    )
    (tmp_path / "__main__.py").write_text(source, "utf-8")
    [said] = preview("text", root=tmp_path).diagnostics
    assert said.message.endswith("RuntimeError: no modules today")


@pytest.mark.parametrize(
    "name", ["dictionaries", "classes", "components", "renamed", "regions", "functions", "vault", "cloud"]
)
def test_there_is_no_false_alarm(preview: Callable[..., Plan], name: str):
    config = {"vault:depth": "3", "gcp:project": "example-dev", "gcp:region": "europe-west1"}
    plan = preview(name, config=config)
    assert plan.diagnostics == ()
    assert len(plan.resources) > 1


def test_a_hundred_resources_are_a_plan(preview: Callable[..., Plan]):
    plan = preview("fleet", config={"fleet:ships": "50"})
    assert sum(resource.custom for resource in plan.resources) == 100
