"""The providers' protocol, spoken to the local cloud over a real connection, with no engine between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from plimsoll.localcloud.cloud import LocalCloud, packages_of
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import StateError
from plimsoll.localcloud.wire import UNKNOWN, is_secret, read, secret, write
from plimsoll.preview.offline import ProgramJob, preview_offline
from tests.localcloud.conftest import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.localcloud.wire import Properties

RUN = "gcp:cloudrunv2/service:Service"
SECRET = "gcp:secretmanager/secret:Secret"
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"


def urn(type_: str, name: str = "it") -> str:
    return f"urn:pulumi:dev::project::a:b:Parent${type_}::{name}"


class Connection:
    """What the engine has for one provider resource."""

    def __init__(self, cloud: LocalCloud, **config: Any) -> None:
        port = cloud.environment["PULUMI_DEBUG_PROVIDERS"].rpartition(":")[2]
        # Without this, two connections of one process would share a socket.
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self.provider = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.provider.Configure(provider_pb2.ConfigureRequest(args=write(config)))

    def check(self, type_: str, inputs: Properties, olds: Properties | None = None) -> Any:
        return self.provider.Check(
            provider_pb2.CheckRequest(
                urn=urn(type_), olds=write(olds or {}), news=write(inputs), randomSeed=b"seed"
            )
        )

    def diff(self, type_: str, old: Properties, new: Properties) -> Any:
        return self.provider.Diff(
            provider_pb2.DiffRequest(urn=urn(type_), id="x", old_inputs=write(old), news=write(new))
        )

    def create(
        self,
        type_: str,
        inputs: Properties,
        *,
        name: str = "it",
        preview: bool = False,
        timeout: float | None = None,
    ):
        made = self.provider.Create(
            provider_pb2.CreateRequest(urn=urn(type_, name), properties=write(inputs), preview=preview),
            timeout=timeout,
        )
        return made.id, read(made.properties)

    def update(self, type_: str, id_: str, old: Properties, new: Properties, *, preview: bool = False):
        changed = self.provider.Update(
            provider_pb2.UpdateRequest(
                urn=urn(type_), id=id_, olds=write(old), news=write(new), preview=preview
            )
        )
        return read(changed.properties)

    def read(self, type_: str, id_: str, inputs: Properties | None = None):
        found = self.provider.Read(
            provider_pb2.ReadRequest(urn=urn(type_), id=id_, inputs=write(inputs or {}))
        )
        return found.id, read(found.inputs), read(found.properties)

    def delete(self, type_: str, id_: str, properties: Properties) -> None:
        self.provider.Delete(provider_pb2.DeleteRequest(urn=urn(type_), id=id_, properties=write(properties)))


@pytest.fixture
def google(cloud: LocalCloud) -> Iterator[Connection]:
    connection = Connection(cloud, project="acme", region="europe-west1")
    yield connection
    connection.channel.close()


def service(**more: Any) -> Properties:
    template = {"containers": [{"image": "an-image"}], "maxInstanceRequestConcurrency": 40}
    return {
        "name": "api",
        "location": "europe-west1",
        "deletionProtection": False,
        "template": template,
        **more,
    }


def test_values_survive_the_wire():
    values = {"a": [1, 2.5, True, None, "b", [], {}], "b": secret({"c": UNKNOWN}), "d": {"e": {}}}
    assert read(struct_pb2.Struct.FromString(write(values).SerializeToString())) == values
    back = read(write({"a": 3.0, "b": True}))
    assert (type(back["a"]), type(back["b"])) == (int, bool)


class TestCheck:
    def test_makes_up_a_name_and_keeps_it(self, google: Connection):
        nameless = {name: value for name, value in service().items() if name != "name"}
        first = google.check(RUN, nameless)
        made_up = read(first.inputs)
        assert made_up["name"].startswith("it-")
        assert made_up["__defaults"] == ["name"]
        changed = google.check(RUN, {**nameless, "labels": {"a": "b"}}, olds=made_up)
        assert read(changed.inputs)["name"] == made_up["name"]

    def test_leaves_a_name_of_the_programs_own_alone(self, google: Connection):
        assert read(google.check(RUN, service()).inputs) == service()

    def test_names_every_problem(self, google: Connection):
        wrong = service(labels=[], tempalte={})
        failures = google.check(RUN, wrong).failures
        # A property that is named has its value printed by the engine, be it a secret.
        assert [failure.property for failure in failures] == ["", ""]
        assert [failure.reason.split()[0] for failure in failures] == ["labels", "tempalte"]
        assert failures[1].reason == "tempalte is no input of Service; did you mean template?"

    def test_says_what_it_could_not_judge(self, cloud: LocalCloud, google: Connection):
        assert not google.check("parcel:index:Parcel", {"any": "thing"}).failures
        assert google.diff("parcel:index:Parcel", {"a": 1}, {"a": 2}).diffs == ["a"]
        judgement = cloud.judgement
        assert judgement.unchecked == ("parcel:index:Parcel",)
        assert judgement.unplanned == ("parcel:index:Parcel",)
        assert judgement.judge == (
            "installed SDK classes and replacement data of 2026-11-23; no provider was asked"
        )


class TestDiff:
    def test_says_the_path_and_the_kind(self, google: Connection):
        new = service(template={**service()["template"], "maxInstanceRequestConcurrency": 80})
        difference = google.diff(RUN, service(), new)
        assert difference.changes == provider_pb2.DiffResponse.DIFF_SOME
        assert difference.diffs == ["template"]
        [(path, kind)] = difference.detailedDiff.items()
        assert path == "template.maxInstanceRequestConcurrency"
        assert kind.kind == provider_pb2.PropertyDiff.UPDATE
        assert not difference.replaces

    def test_a_default_that_is_spelled_out_is_no_change(self, google: Connection):
        spelled = service(ingress="INGRESS_TRAFFIC_ALL", project="acme")
        assert google.diff(RUN, service(), spelled).changes == provider_pb2.DiffResponse.DIFF_NONE
        other = service(project="other")
        assert google.diff(RUN, service(), other).replaces == ["project"]

    def test_deletes_first_where_the_program_gave_the_name(self, google: Connection):
        moved = service(location="europe-west4")
        assert google.diff(RUN, service(), moved).replaces == ["location"]
        assert google.diff(RUN, service(), moved).deleteBeforeReplace
        made_up = {"__defaults": ["name"]}
        assert not google.diff(RUN, service(**made_up), {**moved, **made_up}).deleteBeforeReplace
        secret_ = {"secretId": "a", "replication": {"auto": {}}}
        other = {"secretId": "a", "replication": {"userManaged": {"replicas": []}}}
        assert google.diff(SECRET, secret_, other).replaces == ["replication"]
        assert not google.diff(SECRET, secret_, other).deleteBeforeReplace


class TestCloud:
    def test_a_preview_makes_nothing_and_tells_the_inputs(self, cloud: LocalCloud, google: Connection):
        assert google.create(RUN, service(labels={"a": UNKNOWN}), preview=True) == (
            "",
            service(labels={"a": UNKNOWN}),
        )
        assert cloud.records == ()

    def test_what_was_made_is_read_as_it_was_answered(self, google: Connection):
        id_, properties = google.create(RUN, service())
        assert google.read(RUN, id_, service()) == (id_, service(), properties)

    def test_what_exists_is_not_made_again(self, google: Connection):
        id_, _ = google.create(RUN, service())
        with pytest.raises(grpc.RpcError) as refused:
            google.create(RUN, service(), name="another")
        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert f"Error 409: {RUN} {id_} already exists" in str(refused.value.details())

    def test_a_grant_that_exists_is_granted_again(self, google: Connection):
        grant = {"name": "api", "location": "europe-west1", "role": "roles/run.invoker", "member": "allUsers"}
        type_ = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
        assert google.create(type_, grant)[0] == google.create(type_, grant, name="another")[0]

    def test_an_update_keeps_what_somebody_else_set(self, cloud: LocalCloud, google: Connection):
        id_, properties = google.create(RUN, service())
        cloud.state.edit(RUN, id_, {"description": "by hand"})
        new = service(labels={"a": "b"})
        assert google.update(RUN, id_, properties, new, preview=True)["uri"] == properties["uri"]
        changed = google.update(RUN, id_, properties, new)
        assert (changed["description"], changed["labels"]) == ("by hand", {"a": "b"})
        assert (changed["uri"], changed["generation"]) == (properties["uri"], "2")

    def test_drift_and_absence_are_read(self, cloud: LocalCloud, google: Connection):
        id_, _ = google.create(RUN, service())
        cloud.state.edit(RUN, id_, {"location": "elsewhere"})
        assert google.read(RUN, id_, service())[1]["location"] == "elsewhere"
        cloud.state.remove(RUN, id_)
        assert google.read(RUN, id_, service()) == ("", {}, {})
        with pytest.raises(grpc.RpcError, match=r"Error 404.*`pulumi refresh`"):
            google.update(RUN, id_, {}, service())

    def test_what_exists_already_can_be_imported_by_its_id(self, cloud: LocalCloud, google: Connection):
        seeded = cloud.seed(
            RUN, "projects/acme/locations/europe-west1/services/api", service(), {"uri": "https://x"}
        )
        id_, inputs, properties = google.read(RUN, seeded.id)
        assert (id_, inputs) == (seeded.id, service())
        assert properties["uri"] == "https://x"
        with pytest.raises(grpc.RpcError, match="already exists"):
            google.create(RUN, service())

    def test_a_protected_one_is_not_deleted(self, cloud: LocalCloud, google: Connection):
        inputs = {name: value for name, value in service().items() if name != "deletionProtection"}
        id_, properties = google.create(RUN, inputs)
        with pytest.raises(grpc.RpcError, match="while its deletionProtection is true"):
            google.delete(RUN, id_, properties)
        assert cloud.records
        google.delete(RUN, id_, {**properties, "deletionProtection": False})
        assert cloud.records == ()

    def test_what_is_abandoned_stays_until_what_it_lives_in_goes(self, cloud: LocalCloud, google: Connection):
        instance, properties = google.create(
            INSTANCE, {"name": "db", "databaseVersion": "POSTGRES_17", "deletionProtection": False}
        )
        database = "gcp:sql/database:Database"
        id_, inside = google.create(
            database, {"name": "goals", "instance": "db", "deletionPolicy": "ABANDON"}
        )
        google.create(database, {"name": "goals", "instance": "another"})
        google.delete(database, id_, inside)
        assert len(cloud.records) == 3
        google.delete(INSTANCE, instance, properties)
        assert [record.properties["instance"] for record in cloud.records] == ["another"]

    def test_versions_of_a_secret_are_numbered_and_no_number_is_given_twice(self, google: Connection):
        type_ = "gcp:secretmanager/secretVersion:SecretVersion"
        inputs = {"secret": "projects/acme/secrets/url", "secretData": secret("a")}
        id_, first = google.create(type_, inputs)
        google.delete(type_, id_, first)
        id_, second = google.create(type_, inputs)
        assert (first["version"], second["version"]) == ("1", "2")
        assert id_.endswith("/versions/2")
        changed = google.update(type_, id_, second, {**inputs, "enabled": False})
        assert (changed["version"], changed["name"], changed["enabled"]) == ("2", second["name"], False)

    def test_random_values_live_in_the_state_alone(self, cloud: LocalCloud, google: Connection):
        type_ = "random:index/randomPassword:RandomPassword"
        id_, made = google.create(type_, {"length": 20})
        assert is_secret(made["result"])
        assert cloud.records == ()
        request = provider_pb2.ReadRequest(
            urn=urn(type_), id=id_, inputs=write({"length": 20}), properties=write(made)
        )
        assert read(google.provider.Read(request).properties) == made
        assert google.create(type_, {"length": 20})[1]["result"] != made["result"], "a replacement is another"

    def test_each_connection_has_its_own_configuration(self, cloud: LocalCloud, google: Connection):
        other = Connection(cloud, project="beta")
        account = {"accountId": "goals"}
        emails = [
            it.create("gcp:serviceaccount/account:Account", account)[1]["email"]
            for it in (google, other, google)[:2]
        ]
        other.channel.close()
        assert emails == [f"goals@{project}.iam.gserviceaccount.com" for project in ("acme", "beta")]


class TestFunctions:
    def test_are_answered_from_data(self, google: Connection):
        request = provider_pb2.InvokeRequest(
            tok="gcp:organizations/getProject:getProject", args=write({"projectId": "acme"})
        )
        answer = read(getattr(google.provider.Invoke(request), "return"))
        assert (answer["name"], len(answer["number"])) == ("acme", 12)
        nothing = provider_pb2.InvokeRequest(tok=request.tok)
        assert read(getattr(google.provider.Invoke(nothing), "return"))["projectId"] == "acme"

    def test_are_refused_by_name_where_there_are_none(self, google: Connection):
        with pytest.raises(grpc.RpcError, match="no answer for the function gcp:dns/getKeys:getKeys"):
            google.provider.Invoke(provider_pb2.InvokeRequest(tok="gcp:dns/getKeys:getKeys"))

    def test_components_and_methods_are_refused_by_name(self, google: Connection):
        with pytest.raises(grpc.RpcError, match="the component eks:index:Cluster 'main'"):
            google.provider.Construct(provider_pb2.ConstructRequest(type="eks:index:Cluster", name="main"))
        with pytest.raises(grpc.RpcError, match="the package acme/dns is made by another provider"):
            google.provider.Parameterize(
                provider_pb2.ParameterizeRequest(
                    args=provider_pb2.ParameterizeRequest.ParametersArgs(args=["acme/dns"])
                )
            )
        with pytest.raises(grpc.RpcError, match="the method eks:index:Cluster/getKubeconfig"):
            google.provider.Call(provider_pb2.CallRequest(tok="eks:index:Cluster/getKubeconfig"))


class TestLife:
    def test_the_state_outlives_the_cloud(self, tmp_path: Path):
        given: dict[str, Any] = {"interpreter": Path(sys.executable), "state": tmp_path / "cloud.jsonl"}
        with LocalCloud(**given) as first:
            first.seed(SECRET, "projects/acme/secrets/a", {"secretId": "a"})
            records = first.records
            with pytest.raises(StateError), LocalCloud(**given):
                pass
        with LocalCloud(**given) as second:
            assert second.records == records

    def test_it_serves_what_is_installed_and_what_is_asked_for(self, cloud: LocalCloud):
        served = cloud.environment["PULUMI_DEBUG_PROVIDERS"].split(",")
        names = [entry.partition(":")[0] for entry in served]
        assert names == sorted(names)
        assert {"gcp", "vercel", "random", "parcel", "pulumi-python"} <= set(names)

    def test_an_interpreter_that_cannot_be_asked_leaves_nothing_open(self, tmp_path: Path):
        state = tmp_path / "cloud.jsonl"
        with pytest.raises(SdkError), LocalCloud(interpreter=tmp_path / "none", state=state):
            pass
        with LocalCloud(interpreter=Path(sys.executable), state=state):
            pass

    def test_a_plan_tells_which_packages_it_needs(self):
        root = FOREIGN / "shop"
        plan = preview_offline(
            ProgramJob("shop", "dev", root, root, Path(sys.executable), config={"shop:shelves": "1"})
        )
        assert packages_of(plan) == {"random", "parcel", "pulumi-python"}
