"""A system that runs, on the real engine: drift, a pipeline's deployments, and creates that fail."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.localcloud.faults import Effect, Fault, Operation
from plimsoll.localcloud.wire import bare
from tests.localcloud.test_engine import INVOKER, RUN, only

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.localcloud.cloud import LocalCloud
    from plimsoll.localcloud.wire import Properties
    from tests.localcloud.conftest import Engine

pytestmark = pytest.mark.engine


def deployed(service: Properties, image: str) -> Properties:
    """What `gcloud run deploy --image` changes of a service, its own notes included."""
    template = service["template"]
    return {
        "client": "gcloud",
        "clientVersion": "545.0.0",
        "annotations": {"run.googleapis.com/operation-id": "3c1f"},
        "template": {
            **template,
            "containers": [{**template["containers"][0], "image": image}],
            "revision": "goals-api-00002-abc",
            "labels": {"client.knative.dev/nonce": "qwertyuiop"},
            "annotations": {"run.googleapis.com/client-name": "gcloud"},
        },
        "traffics": [
            {
                "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": "goals-api-00002-abc",
                "percent": 10,
            },
            {
                "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
                "revision": "goals-api-00001-xyz",
                "percent": 90,
            },
        ],
    }


def edited(service: Properties, **changes: Any) -> Properties:
    """The service's template, edited at a console."""
    return {"template": {**service["template"], **changes}}


CONCURRENCY = "template.maxInstanceRequestConcurrency"


def test_what_a_pipeline_deploys_is_no_change_and_no_edit_rolls_it_back(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    stack = engine("plimsoll", "dev")
    stack.succeed("up")
    service = only(cloud, RUN)
    before = service.properties["template"]["containers"][0]["image"]
    live = deployed(service.properties, "europe-west1-docker.pkg.dev/acme/services/api:v10")
    cloud.state.edit(RUN, service.id, live)
    stack.succeed("preview", expect_no_changes=True)

    # An edit of something else, while somebody has turned a knob and taken a grant away by hand.
    cloud.state.edit(RUN, service.id, edited(only(cloud, RUN).properties, timeout="7s"))
    cloud.state.remove(INVOKER, only(cloud, INVOKER).id)
    stack.edit("Pulumi.dev.yaml", "concurrency: 40", "concurrency: 60")
    shown = stack.succeed("preview")
    assert shown.of("update")["gcp:Service api"] == {CONCURRENCY: "update", "template.timeout": "update"}
    assert list(shown.of("create")) == ["gcp:ServiceIamMember api-public"]
    assert only(cloud, RUN).properties["template"]["timeout"] == "7s", "a preview changes nothing"

    stack.succeed("up")
    now = only(cloud, RUN).properties
    template, kept = now["template"], live["template"]
    assert (template["maxInstanceRequestConcurrency"], template["timeout"]) == (60, "60s")
    assert template["containers"][0]["image"] == kept["containers"][0]["image"] != before
    assert (now["traffics"], now["client"], now["annotations"]) == (
        live["traffics"],
        "gcloud",
        live["annotations"],
    )
    assert (template["labels"], template["annotations"]) == (kept["labels"], kept["annotations"])
    assert only(cloud, INVOKER)
    stack.succeed("preview", expect_no_changes=True)


def test_where_pulumi_owns_the_image_what_somebody_deploys_is_put_back(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    stack = engine("plimsoll", "dev")
    stack.edit("Pulumi.dev.yaml", "owner: pipeline", "owner: pulumi")
    stack.edit("Pulumi.dev.yaml", "container/hello:latest", "container/hello:v1")
    stack.succeed("up")
    service = only(cloud, RUN)
    ours = service.properties["template"]["containers"][0]["image"], service.properties["traffics"]
    cloud.state.edit(RUN, service.id, deployed(service.properties, "elsewhere.example/api:v10"))
    shown = stack.succeed("preview").of("update")["gcp:Service api"]
    assert "template.containers[0].image" in shown
    assert any(path.startswith("traffics") for path in shown)
    stack.succeed("up")
    now = only(cloud, RUN).properties
    assert (now["template"]["containers"][0]["image"], now["traffics"]) == ours
    stack.succeed("preview", expect_no_changes=True)


# A create that fails --------------------------------------------------------------------------------------


def types_of(cloud: LocalCloud) -> set[str]:
    return {record.type for record in cloud.records}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_failure_of_each_type_leaves_a_state_from_which_the_next_up_finishes(
    cloud: LocalCloud, engine: Callable[..., Engine], environment: str
):
    """Each type's first create fails once. Every `up` goes as far as it can, the next one from there."""
    stack = engine("plimsoll", environment)
    planned = {step["urn"] for step in stack.succeed("preview").steps if step["op"] == "create"}
    types = {urn.split("::")[2].rpartition("$")[2] for urn in planned}
    real = {type_ for type_ in types if type_.partition(":")[0] not in {"pulumi", "plimsoll"}}
    cloud.faults.arm(Fault(Operation.CREATE, type=type_) for type_ in real)
    failures = 0
    while (went := stack.do("up", continue_on_error=True)).failed:
        failures += 1
        assert failures <= len(real), went.said
        assert (
            "googleapi: Error 503" in went.said
            or "internal_server_error" in went.said
            or "fails" in went.said
        )
    assert cloud.faults.unmet == ()
    assert {fault.type for fault, _ in cloud.faults.struck} == real
    stack.succeed("preview", expect_no_changes=True)
    made = [record.urn for record in cloud.records]
    assert len(made) == len(set(made)), "nothing was made twice"


MOST_CREATES = 40
"""More than any of our environments has."""


@pytest.mark.nightly
@pytest.mark.parametrize("nth", range(1, MOST_CREATES + 1))
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_failure_at_every_create(
    cloud: LocalCloud, engine: Callable[..., Engine], environment: str, nth: int
):
    stack = engine("plimsoll", environment)
    cloud.faults.arm([Fault(Operation.CREATE, nth)])
    went = stack.do("up")
    assert went.failed is not bool(cloud.faults.unmet), "it fails where there are so many, and only there"
    stack.succeed("up")
    stack.succeed("preview", expect_no_changes=True)
    assert len(cloud.records) < MOST_CREATES, "there are more creates than were tried"


METRIC_AND_POLICY = """
import pulumi, pulumi_gcp as gcp
through = pulumi.ResourceOptions(provider=gcp.Provider("google", project="example", region="europe-west1"))
metric = gcp.logging.Metric("slow", name="slow", filter="severity>=ERROR", opts=through)
gcp.monitoring.AlertPolicy(
    "slow", display_name="slow", combiner="OR", opts=through,
    conditions=[{
        "display_name": "slow",
        "condition_threshold": {
            "filter": metric.name.apply(
                lambda name: f'metric.type="logging.googleapis.com/user/{name}" AND resource.type="global"'
            ),
            "comparison": "COMPARISON_GT", "duration": "0s", "threshold_value": 1,
        },
    }],
)
"""


def test_an_alert_on_a_metric_that_is_new_fails_once_and_the_next_up_finishes(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    stack = engine("alerts", source=METRIC_AND_POLICY)
    late = Fault(Operation.CREATE, type="AlertPolicy", effect=Effect.METRIC_NOT_FOUND, seconds=Decimal(600))
    cloud.faults.arm([late])
    refused = stack.do("up")
    assert refused.failed
    assert "Error 404: Cannot find metric" in refused.said
    assert types_of(cloud) == {"gcp:logging/metric:Metric"}
    cloud.faults.arm([])  # Ten minutes later.
    assert list(stack.succeed("up").of("create")) == ["gcp:AlertPolicy slow"]
    stack.succeed("preview", expect_no_changes=True)


def test_a_provider_that_dies_once_the_thing_exists_leaves_it_to_be_imported(
    cloud: LocalCloud, engine: Callable[..., Engine]
):
    stack = engine("alerts", source=METRIC_AND_POLICY)
    cloud.faults.arm([Fault(Operation.CREATE, effect=Effect.KILLED_AFTER)])
    died = stack.do("up")
    assert died.failed
    assert "error reading from server: EOF" in died.said
    metric = only(cloud, "gcp:logging/metric:Metric")
    collided = stack.do("up")
    assert collided.failed
    assert f"Import it (its id is {metric.id})" in collided.said

    with_import = 'name="slow", filter="severity>=ERROR", opts=pulumi.ResourceOptions.merge(through, IMPORT))'
    stack.edit("__main__.py", 'name="slow", filter="severity>=ERROR", opts=through)', with_import)
    stack.edit(
        "__main__.py", "metric = ", f'IMPORT = pulumi.ResourceOptions(import_="{metric.id}")\nmetric = '
    )
    assert list(stack.succeed("up").of("import")) == ["gcp:Metric slow"]
    stack.succeed("preview", expect_no_changes=True)


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.READ, Operation.DELETE])
def test_what_fails_once_is_done_by_the_next_one(
    cloud: LocalCloud, engine: Callable[..., Engine], operation: Operation
):
    stack = engine("alerts", source=METRIC_AND_POLICY)
    stack.succeed("up")
    cloud.faults.arm([Fault(operation, type="Metric", effect=Effect.QUOTA)])
    if operation is Operation.UPDATE:
        stack.edit("__main__.py", "severity>=ERROR", "severity>=WARNING")
    command = {Operation.UPDATE: "up", Operation.READ: "refresh", Operation.DELETE: "destroy"}[operation]
    refused = stack.do(command)
    assert refused.failed
    assert "Error 429: Quota exceeded" in refused.said
    stack.succeed(command)
    if operation is Operation.DELETE:
        assert cloud.records == ()
    else:
        stack.succeed("preview", expect_no_changes=True)
        expected = "severity>=WARNING" if operation is Operation.UPDATE else "severity>=ERROR"
        assert bare(only(cloud, "gcp:logging/metric:Metric").properties["filter"]) == expected
