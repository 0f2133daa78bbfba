"""The real engine on the local cloud: whole lives of stacks, ours and foreign ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plimsoll.localcloud.wire import bare

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.localcloud.cloud import LocalCloud
    from tests.localcloud.conftest import Engine

pytestmark = pytest.mark.engine

RUN = "gcp:cloudrunv2/service:Service"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"


def only(cloud: LocalCloud, type_: str):
    [record] = [record for record in cloud.records if record.type == type_]
    return record


def test_staging_lives_from_the_first_preview_to_destroy(cloud: LocalCloud, engine: Callable[..., Engine]):
    stack = engine("plimsoll", "dev")

    first = stack.succeed("preview")
    assert set(first.counts) == {"create"}
    assert cloud.records == (), "a preview makes nothing"

    made = stack.succeed("up")
    assert made.counts == first.counts
    assert "warning" not in made.said
    stack.succeed("preview", expect_no_changes=True)
    stack.succeed("refresh", expect_no_changes=True)

    # The canary: a password that the cloud made, and the URL that contains it.
    password = bare(only(cloud, "gcp:sql/user:User").properties["password"])
    assert len(password) == 32
    exported = stack.command("stack", "export", "--stack", "dev")
    assert "goals-dev" in exported
    assert password not in exported

    # Behind the engine's back: somebody turns a knob, and somebody deletes a grant.
    service = only(cloud, RUN)
    template = {**service.properties["template"], "maxInstanceRequestConcurrency": 11}
    cloud.state.edit(RUN, service.id, {"template": template})
    cloud.state.remove(INVOKER, only(cloud, INVOKER).id)
    assert stack.do("refresh", expect_no_changes=True).failed
    healed = stack.succeed("up")
    assert healed.of("update") == {"gcp:Service api": {"template.maxInstanceRequestConcurrency": "update"}}
    assert list(healed.of("create")) == ["gcp:ServiceIamMember api-public"]
    assert only(cloud, RUN).properties["template"]["maxInstanceRequestConcurrency"] == 40

    stack.edit("Pulumi.dev.yaml", "concurrency: 40", "concurrency: 80")
    larger = stack.succeed("preview")
    # Our component says the connections that this service may open.
    assert larger.counts == {"update": 2}
    assert larger.of("update") == {
        "plimsoll:Service api": {},
        "gcp:Service api": {"template.maxInstanceRequestConcurrency": "update"},
    }

    stack.edit("Pulumi.dev.yaml", "region: europe-west1", "region: europe-west4")
    moved = stack.succeed("preview")
    replaced = moved.of("replace", "create-replacement")
    assert {"gcp:Service api", "gcp:DatabaseInstance database", "gcp:Subnetwork services"} <= replaced.keys()
    assert replaced["gcp:Service api"]["location"] == "update-replace"
    order = [step["op"] for step in moved.steps if step["urn"].endswith("cloudrunv2/service:Service::api")]
    assert order.index("delete-replaced") < order.index("create-replacement"), "its name is its own"
    stack.edit("Pulumi.dev.yaml", "region: europe-west4", "region: europe-west1")

    stack.succeed("destroy")
    assert cloud.records == ()
    assert cloud.judgement.unchecked == ()
    assert cloud.judgement.unplanned == ()


def test_production_refuses_to_be_destroyed_until_it_is_unprotected(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    stack = engine("plimsoll", "prod")
    stack.succeed("up")
    stack.succeed("preview", expect_no_changes=True)

    refused = stack.do("destroy")
    assert refused.failed
    assert "protected" in refused.said
    assert only(cloud, RUN)

    stack.edit("Pulumi.prod.yaml", "protect: true", "protect: false")
    stack.succeed("up")
    stack.succeed("destroy")
    assert cloud.records == ()


def test_a_foreign_program_with_two_providers_of_one_package(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    account = "gcp:serviceaccount/account:Account"
    taken = "projects/example-dev/serviceAccounts/service-3@example-dev.iam.gserviceaccount.com"
    cloud.seed(account, taken, {"accountId": "service-3", "project": "example-dev"})
    stack = engine("cloud")

    collided = stack.do("up")
    assert collided.failed
    assert "Error 409" in collided.said
    assert taken in collided.said

    cloud.state.remove(account, taken)
    rest = stack.succeed("up")
    assert "gcp:Account account-3" in rest.of("create")
    assert "gcp:DatabaseInstance database" not in rest.of("create"), "what was made before the failure stays"
    stack.succeed("preview", expect_no_changes=True)
    stack.succeed("refresh", expect_no_changes=True)
    ids = {record.id for record in cloud.records if record.type == "gcp:cloudrunv2/job:Job"}
    assert all(id_.startswith("projects/local-project/locations/europe-west1/jobs/migrate-") for id_ in ids)

    # Google's provider protects services and databases unless it is told not to.
    refused = stack.do("destroy")
    assert refused.failed
    assert "deletionProtection is true" in refused.said


def test_a_foreign_program_of_every_shape(cloud: LocalCloud, engine: Callable[..., Engine]):
    pet = "random:index/randomPet:RandomPet"
    for id_ in ("blue-whale", "red-fox"):
        cloud.seed(pet, id_, {}, {"length": 2, "separator": "-"})
    stack = engine("shop")
    (stack.workspace / "goods").mkdir()
    # The engine fetches remote assets to hash them.
    stack.edit("__main__.py", 'RemoteAsset("https://example.com/a.txt")', 'StringAsset("a")')

    made = stack.succeed("up")
    assert list(made.of("import")) == ["random:RandomPet owned"]
    # What only a dynamic provider's own code would answer stays unknown, and whoever reads it changes.
    assert stack.succeed("preview").counts == {"update": 1}
    stack.succeed("refresh", expect_no_changes=True)
    key = stack.command("stack", "output", "key", "--show-secrets", "--stack", "dev").strip()
    assert len(key) == 16
    assert key not in stack.command("stack", "export", "--stack", "dev")
    assert cloud.judgement.unchecked == ("parcel:index:Parcel", "pulumi-python:dynamic:Resource")

    stack.command("state", "unprotect", "--all", "--yes", "--stack", "dev")
    stack.succeed("destroy")
    # Looked up, and not the program's to delete.
    assert {record.id for record in cloud.records} == {"red-fox"}


ADOPTED = """
import pulumi, pulumi_gcp as gcp
through = pulumi.ResourceOptions(
    provider=gcp.Provider("google", project="example", region="europe-west1"),
    import_="projects/example/locations/europe-west1/services/live",
)
gcp.cloudrunv2.Service(
    "live", name="live", location="europe-west1", deletion_protection=False,
    template={"containers": [{"image": "an-image:1"}], "timeout": "300s"}, opts=through,
)
"""


def test_adopting_what_exists(cloud: LocalCloud, engine: Callable[..., Engine]):
    live = {
        "name": "live",
        "location": "europe-west1",
        "project": "example",
        "deletionProtection": False,
        "template": {"containers": [{"image": "an-image:1"}], "timeout": "300s"},
    }
    record = cloud.seed(RUN, "projects/example/locations/europe-west1/services/live", live)
    stack = engine("adopted", source=ADOPTED)
    adopted = stack.succeed("up")
    assert list(adopted.of("import")) == ["gcp:Service live"]
    assert adopted.counts.keys() == {"create", "import"}, "neither updated nor replaced"
    stack.edit("__main__.py", '    import_="projects/example/locations/europe-west1/services/live",\n', "")
    stack.succeed("preview", expect_no_changes=True)
    assert only(cloud, RUN).properties["uri"] == record.properties["uri"]


WRONG = """
import pulumi_gcp as gcp
gcp.cloudrunv2.Service(
    "wrong", location="europe-west1", project="example",
    template={"containers": [{"imag": "an-image:1"}], "maxInstanceRequestConcurrency": "eighty"},
)
"""


def test_wrong_inputs_stop_the_preview_with_every_path(cloud: LocalCloud, engine: Callable[..., Engine]):
    refused = engine("wrong", source=WRONG).do("up")
    assert refused.failed
    assert (
        "template.containers[0].imag is no input of ServiceTemplateContainer; did you mean image?"
        in refused.said
    )
    assert "template.containers[0].image is required, and missing" in refused.said
    assert "template.maxInstanceRequestConcurrency must be a whole number, and is text" in refused.said
    assert cloud.records == ()
