"""What an environment is, as one frozen tree: the same whether a stack file or a Pulumi program reads it.

Pure: no file, no Pulumi. Shapes, units and single values are checked here; rules that look at several values
at once are in `rules`, and what vendors decide is in `plimsoll.limits`.

A key of a stack file is a field's name in camel case below the project's namespace (`max_connections` is
`maxConnections`); the names of services, flows and variables are the user's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.alias_generators import to_camel
from typing_extensions import override

from plimsoll.settings.values import (
    Cidr,
    Clock,
    ConfigKey,
    Cpu,
    Days,
    Duration,
    Endpoint,
    FunctionName,
    Host,
    ImageUri,
    LabelKey,
    LabelValue,
    Member,
    Memory,
    Name,
    NodeVersion,
    NotNegative,
    Percent,
    Positive,
    Positive32,
    PostgresVersion,
    ProjectId,
    Region,
    RepositoryId,
    RepositoryPath,
    Role,
    SecretId,
    Share,
    SqlName,
    Text,
    Tier,
    TimeZone,
    UrlPath,
    VercelRegion,
)

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Section(BaseModel):
    """A part of a stack file: closed (an unknown key is an error), frozen, and strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


# --- flows and their budgets ---


class FlowIdentity(Section):
    """What every flow has, whatever serves it. Stands once, in `Pulumi.yaml`."""

    owner: Text | None = Field(default=None, description="The team that answers for this flow.")
    critical: bool = Field(
        default=False, description="Whether its fast alerts page somebody; all others open a ticket."
    )


class EndpointFlow(FlowIdentity):
    """A path through one endpoint of a Cloud Run service, judged by Cloud Run's own request log."""

    endpoint: Endpoint = Field(
        description="Method and route template.", examples=["GET /api/goals/{goal_id}"]
    )
    service: Name = Field(description="The service that answers it, as `services` names it.")

    @property
    def label(self) -> str:
        """What a reader recognises the flow by."""
        return self.endpoint


class ServerActionFlow(FlowIdentity):
    """A Next.js server action, judged by the log line that the frontend writes for it."""

    server_action: FunctionName = Field(description="The action's function name.")
    page: UrlPath = Field(description="The page that calls it.")

    @property
    def label(self) -> str:
        """What a reader recognises the flow by."""
        return self.server_action


def _flow_kind(value: object) -> str | None:
    """`None`, where the keys say neither kind or both, is refused by the union with both kinds named."""
    if isinstance(value, FlowIdentity):
        return "endpoint" if isinstance(value, EndpointFlow) else "serverAction"
    if not isinstance(value, Mapping):
        return None
    kinds = [kind for kind in ("endpoint", "serverAction") if kind in value]
    return kinds[0] if len(kinds) == 1 else None


Flow = Annotated[
    Annotated[EndpointFlow, Tag("endpoint")] | Annotated[ServerActionFlow, Tag("serverAction")],
    Discriminator(
        _flow_kind,
        custom_error_type="flow_kind",
        custom_error_message="a flow is an `endpoint` of a service or a `serverAction` of the frontend",
    ),
]


class Budget(Section):
    """What a flow must reach in one environment: the one number that everything else derives from."""

    p95: Duration = Field(gt=0, description="95 % of successful requests are faster than this.")
    p99: Duration | None = Field(default=None, description="99 % are; default: derived from p95.")
    availability: Percent = Field(
        default=Decimal("99.5"),
        lt=100,
        description="Percent of requests that do not fail by our fault (5xx, 429).",
    )


# --- where the environment lives ---


class Cloud(Section):
    """The Google Cloud project and region of one environment. No default anywhere: a fallback project is how
    previews end up in production.
    """

    application: Name = Field(description="Starts the physical names: goals-api, goals-dev.")
    project: ProjectId
    region: Region
    production: bool = Field(description="Whether customers use this environment.")
    protect: bool = Field(
        description="Deletion protection, in Google Cloud and in Pulumi, for services and what holds data."
    )
    labels: Mapping[LabelKey, LabelValue] = Field(
        default_factory=dict, description="Put on whatever takes labels."
    )


class Network(Section):
    """The private network between services and database."""

    subnet: Cidr = Field(description="Addresses for instances: about two each, /26 or larger.")
    services_prefix: Annotated[int, Field(ge=8, le=24)] = Field(
        default=20,
        description="Prefix length of the range that Google's services (Cloud SQL) take addresses from.",
    )


# --- what exists already ---


class Adopted(Section):
    """Something that exists already: imported as it is and protected, never created. An id alone will do."""

    id: Text = Field(description="`plimsoll adopt ENV` says its form, and the command that finds it.")
    changes: tuple[Text, ...] = Field(
        default=(),
        strict=False,
        description="Properties that may be overwritten, with all below them; any other change is refused.",
        examples=[["template.timeout", "labels"]],
    )

    @model_validator(mode="before")
    @classmethod
    def _id_alone(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


# --- services ---


class Image(Section):
    """The container image. With owner `pipeline`, Pulumi creates the service with it and from then on
    touches neither image nor traffic.
    """

    uri: ImageUri = Field(description="With a tag or a digest.")
    owner: Literal["pipeline", "pulumi"] = "pipeline"


class SecretReference(Section):
    """A secret in Secret Manager, never its value."""

    secret: SecretId
    version: Positive = Field(
        description="A number: `latest` would reach each instance when it happens to start, in no preview."
    )

    def resource(self, project: str) -> str:
        """The full name of the secret: the same for two references exactly when they name the same secret."""
        return (
            self.secret
            if self.secret.startswith("projects/")
            else f"projects/{project}/secrets/{self.secret}"
        )


class Instances(Section):
    """How many instances run: between `min` and `max`, or exactly `manual`."""

    min: NotNegative | None = Field(
        default=None, description="Kept warm over all revisions; none: scale to zero."
    )
    max: Positive | None = Field(
        default=None, description="Over all revisions; counted in the connection budget."
    )
    manual: Positive | None = Field(default=None, description="A fixed number, instead of min and max.")


class Scaling(Section):
    """At what use an instance counts as full, as a share (beta); Cloud Run's default is 0.6 for both."""

    cpu_utilization: Share | None = None
    concurrency_utilization: Share | None = None


class Probe(Section):
    """A question to the container. Every number is said: the provider's defaults are not Cloud Run's."""

    http: UrlPath | None = Field(default=None, description="Path to GET.")
    tcp: bool | None = Field(default=None, description="Whether the port accepts a connection.")
    grpc: str | None = Field(default=None, description="Name of the gRPC health service.")
    initial_delay: Duration = Decimal(0)
    period: Duration
    timeout: Duration
    failures: Positive = Field(description="Failures in a row before the container is given up.")


class TrafficTarget(Section):
    """A revision that gets a share of a service's traffic, or an address of its own."""

    revision: str = Field(
        description="Its name, or `latest`: the newest that is ready.",
        examples=["latest", "goals-api-00012-abc"],
    )
    percent: NotNegative = Field(default=0, description="Its share; all of them are 100 together.")
    tag: str | None = Field(
        default=None,
        description="It also answers at an address that starts with this, whatever its share.",
        examples=["canary"],
    )


class Pool(Section):
    """How a process uses the database, handed to the container as DB_POOL_SIZE and DB_MAX_OVERFLOW."""

    pool: Positive = Field(description="Connections that each process keeps.")
    overflow: NotNegative = Field(default=0, description="Connections that it may open beyond these.")


class Sessions(Pool):
    """How a service uses the database: each of its worker processes has a pool."""

    per_request: Positive = Field(default=1, description="Sessions that one request may hold at once.")


class Service(Section):
    """A Cloud Run service."""

    name: Name | None = Field(default=None, description="Physical name; default: APPLICATION-KEY.")
    was: Name | None = Field(
        default=None,
        description="The key under which it was created, where it has another by now: it stays the same "
        "service, with the same account. Leave it there.",
    )
    image: Image
    traffic: tuple[TrafficTarget, ...] = Field(
        default=(),
        strict=False,
        description="Which revisions answer, where the image is Pulumi's; default: the latest alone.",
    )
    public: bool = Field(
        default=False, description="Whether anybody may call it; else callers need run.invoker."
    )
    ingress: Literal["all", "internal", "internal-and-load-balancer"] = "all"
    cpu: Cpu
    memory: Memory
    concurrency: int = Field(description="Requests that one instance answers at the same time.")
    instances: Instances
    scaling: Scaling = Scaling()
    cpu_idle: bool = Field(
        default=True, description="CPU during requests only; false: billed for the whole life."
    )
    startup_cpu_boost: bool = True
    works_after_response: bool = Field(
        default=False, description="Whether it goes on working once a response is sent (background tasks)."
    )
    shutdown: Duration | None = Field(default=None, description="What it takes to finish on SIGTERM.")
    timeout: Duration = Field(gt=0)
    execution_environment: Literal["gen1", "gen2"] = "gen2"
    port: int = 8080
    http2: bool = Field(default=False, description="End-to-end HTTP/2 (h2c), for gRPC and streaming.")
    startup_probe: Probe
    liveness_probe: Probe | None = None
    egress: Literal["private-ranges", "all-traffic"] = Field(
        default="private-ranges",
        description="What leaves through the private network, where the environment has one.",
    )
    workers: Positive = Field(
        default=1, description="Worker processes per instance, handed over as WEB_CONCURRENCY."
    )
    database: Sessions | None = Field(
        default=None, description="Absent: this service does not use the database."
    )
    env: Mapping[str, str] = Field(
        default_factory=dict, description="Plain values; secrets go below `secrets`."
    )
    secrets: Mapping[str, SecretReference] = Field(default_factory=dict, description="Variable to secret.")
    roles: tuple[Role, ...] = Field(
        default=(), strict=False, description="What its service account may do beyond its secrets."
    )

    def physical_name(self, cloud: Cloud, key: str) -> str:
        """What Google Cloud calls it; `key` is its key in the stack file."""
        return self.name or f"{cloud.application}-{key}"


# --- jobs ---


class Schedule(Section):
    """When Cloud Scheduler starts a job."""

    cron: str = Field(
        description="Minute, hour, day of the month, month, day of the week.", examples=["30 2 * * MON-FRI"]
    )
    time_zone: TimeZone = Field(description="In which it is read; said, because summer time moves it.")
    region: Region | None = Field(
        default=None,
        description="Where Cloud Scheduler runs, which is not everywhere; default: the environment's.",
    )


class JobPool(Pool):
    """How each task of a job uses the database."""

    url: SecretReference | None = Field(
        default=None,
        description="Another URL of the same database, past its pooler: what a migration needs.",
    )


class Job(Section):
    """A Cloud Run job: runs to its end, when somebody or its schedule starts it.

    It is its service's image with another command: what is left out here is the service's.
    """

    service: Name = Field(description="Whose image, account, network, database and secrets it uses.")
    name: Name | None = Field(default=None, description="Physical name; default: APPLICATION-KEY.")
    command: tuple[Text, ...] | None = Field(
        default=None,
        strict=False,
        min_length=1,
        description="Instead of the image's entry point.",
        examples=[["alembic", "upgrade", "head"]],
    )
    args: tuple[str, ...] | None = Field(default=None, strict=False, description="Arguments of the command.")
    cpu: Cpu | None = Field(default=None, description="A task has at least one.")
    memory: Memory | None = None
    timeout: Duration = Field(gt=0, description="What one attempt of a task may last.")
    tasks: int = Field(default=1, description="How many there are, each told its CLOUD_RUN_TASK_INDEX.")
    parallelism: Positive = Field(
        default=1, description="How many run at the same time; counted in the connection budget."
    )
    retries: int = Field(
        default=0, description="Attempts after the first; 0: a failure is looked at, not repeated."
    )
    database: JobPool | None = Field(
        default=None, description="Its own pool, where the service uses the database; default: the service's."
    )
    env: Mapping[str, str] = Field(default_factory=dict, description="Beside the service's, or instead.")
    secrets: Mapping[str, SecretReference] = Field(
        default_factory=dict, description="Beside the service's, or instead."
    )
    schedule: Schedule | None = None

    def physical_name(self, cloud: Cloud, key: str) -> str:
        """What Google Cloud calls it; `key` is its key in the stack file."""
        return self.name or f"{cloud.application}-{key}"

    def pool(self, service: Service) -> Pool | None:
        """How each task uses the database, given its service; `None`: not at all."""
        return (self.database or service.database) if service.database is not None else None


# --- registry ---


class Registry(Section):
    """An Artifact Registry repository for the images, which cleans up after itself."""

    name: RepositoryId = Field(description="Physical name; images are REGION-docker.pkg.dev/PROJECT/NAME/….")
    keep_versions: Positive32 = Field(
        description="Of each image so many stay, whatever their age: as far back as you roll back. A push of "
        "docker buildx makes about three versions: index, image and attestation."
    )
    delete_untagged_after_days: Days = Field(
        description="Others go so long after they were uploaded, where no tag names them."
    )
    readers: tuple[Member, ...] = Field(
        default=(),
        strict=False,
        description="Who else may pull. Cloud Run does so as itself, and may, in this project.",
    )
    writers: tuple[Member, ...] = Field(default=(), strict=False, description="Who may push: the pipeline.")


# --- database ---


class Backups(Section):
    """What can be restored."""

    start: Clock = Field(default="02:00", description="UTC.")
    retained: Positive = Field(default=7, description="Number of daily backups kept.")
    pitr_days: Positive | None = Field(
        default=None, description="Days of logs for point-in-time recovery; none: off."
    )


class Maintenance(Section):
    """When Google may restart the instance."""

    day: Annotated[int, Field(ge=1, le=7)] = Field(default=7, description="1 is Monday.")
    hour: Annotated[int, Field(ge=0, le=23)] = Field(default=3, description="UTC.")


class CloudSqlDatabase(Section):
    """Cloud SQL for PostgreSQL: a dedicated instance with its database, user and URL secret."""

    kind: Literal["cloudsql"]
    instance: Name | None = Field(
        default=None, description="Physical name; default: APPLICATION-ENVIRONMENT."
    )
    version: PostgresVersion
    edition: Literal["ENTERPRISE", "ENTERPRISE_PLUS"] = Field(
        description="Said, because PostgreSQL 16 and later default to the far dearer one."
    )
    tier: Tier
    availability: Literal["ZONAL", "REGIONAL"]
    address: Literal["private", "public"] = Field(
        default="private",
        description="private: through the network; public: through the connector's socket alone.",
    )
    disk_gb: Annotated[int, Field(ge=10)] = Field(default=10, description="At first; it grows by itself.")
    disk_limit_gb: NotNegative = Field(default=0, description="Where it stops growing; 0: never.")
    max_connections: Positive = Field(
        description="Set as a flag: the default does not follow a changed tier."
    )
    reserve: NotNegative = Field(default=3, description="Connections kept for superusers and people.")
    slow_query: Duration = Field(
        default=Decimal("0.2"),
        ge=Decimal("0.001"),
        description="Slower statements are logged; in milliseconds.",
    )
    insights_plans_per_minute: NotNegative = 5
    backups: Backups | None = Field(description="null: none, said aloud.")
    maintenance: Maintenance = Maintenance()
    name: SqlName = Field(default="app", description="The database.")
    user: SqlName = "app"
    url_scheme: Literal["postgresql", "postgresql+asyncpg", "postgresql+psycopg"] = Field(
        default="postgresql", description="The driver that the URL is written for."
    )
    url: SecretReference | None = Field(
        default=None,
        description="Holds the connection URL of a user that exists already (an adopted instance's): then "
        "neither a user nor a password is made.",
    )

    def physical_name(self, cloud: Cloud, environment: str) -> str:
        """What Google Cloud calls the instance."""
        return self.instance or f"{cloud.application}-{environment}"


class Pooler(Section):
    """What stands between services and the database."""

    mode: Literal["session", "transaction"]
    clients: Positive = Field(description="Connections that the pooler accepts.")
    pool: Positive = Field(description="Connections that it opens to the database.")


class ExternalDatabase(Section):
    """A PostgreSQL that somebody else runs: nothing is created, its limits are declared."""

    kind: Literal["external"]
    provider: Literal["supabase", "other"]
    project: Text = Field(description="Its id there (Supabase: project ref).")
    host: Host
    compute: str | None = Field(
        default=None, description="Supabase's compute size; its limits are then known."
    )
    url: SecretReference = Field(description="Holds the connection URL.")
    pooler: Pooler | None = Field(default=None, description="Absent: connections go to the database itself.")
    max_connections: Positive = Field(description="Of the database itself.")
    reserve: NotNegative = Field(description="Connections that the provider's own services and people need.")


Database = Annotated[CloudSqlDatabase | ExternalDatabase, Discriminator("kind")]


# --- frontend ---

Target = Literal["production", "preview", "development"]


class Variable(Section):
    """An environment variable of the frontend, by value or by the name of a Pulumi secret."""

    value: str | None = Field(default=None, description="In clear, in the stack file.")
    config: ConfigKey | None = Field(
        default=None, description="Name of a secret of this stack: `pulumi config set --secret NAME`."
    )
    sensitive: bool = Field(
        description="Whether Vercel hides it once written; said, because it cannot be undone."
    )
    targets: tuple[Target, ...] = Field(min_length=1, strict=False)


class Repository(Section):
    """Where Vercel builds from."""

    type: Literal["github", "gitlab", "bitbucket"] = "github"
    repo: RepositoryPath = Field(examples=["acme/goals"])
    production_branch: Text = "main"


class LogDrain(Section):
    """Posts the frontend's log lines to a service: how a server action's line reaches its objective.

    Vercel asks the address when the drain is made, and makes none where it does not answer with the team's
    code (`x-vercel-verify`): add the drain once the service that answers is deployed.
    """

    service: Name = Field(description="The service that takes them.")
    path: UrlPath = Field(description="Where it takes them.", examples=["/internal/vercel-logs"])
    secret: ConfigKey = Field(
        description="Name of a secret of this stack, of 32 characters or more, with which Vercel signs; the "
        "service checks it, so it has the same from Secret Manager."
    )
    sources: tuple[Literal["lambda", "edge", "static", "external", "build", "firewall", "redirect"], ...] = (
        Field(
            default=("lambda",), min_length=1, strict=False, description="Server actions write in `lambda`."
        )
    )
    environments: tuple[Literal["production", "preview"], ...] = Field(
        default=("production",), min_length=1, strict=False
    )
    format: Literal["json", "ndjson"] = Field(
        default="ndjson", description="A line each, or an array: how the service reads them."
    )


class Frontend(Section):
    """This environment's own Vercel project, so that no preview can hold another environment's value."""

    project: str = Field(description="Physical name of the Vercel project.")
    team: str | None = Field(default=None, description="Slug of the Vercel team.")
    plan: Literal["hobby", "pro", "enterprise"]
    repository: Repository
    root_directory: str | None = None
    node_version: NodeVersion = "22.x"
    region: VercelRegion = Field(
        description="Where functions run: beside the Cloud Run region.", examples=["cdg1"]
    )
    fluid: bool = Field(default=True, description="Several requests share a function instance.")
    cpu: Literal["standard_legacy", "standard", "performance"] = "standard"
    timeout: Duration
    previews: bool = Field(description="Whether pull requests are deployed from this project.")
    protection: Literal["none", "standard", "previews", "all"] = Field(
        default="standard", description="Which deployments only the team can open."
    )
    domain: Host | None = None
    service_urls: Mapping[str, Name] = Field(
        default_factory=dict,
        description="Variables that hold a service's URL.",
        examples=[{"API_URL": "api"}],
    )
    env: Mapping[str, Variable] = Field(default_factory=dict)
    log_drain: LogDrain | None = Field(default=None, description="On plans pro and enterprise.")


class Settings(Section):
    """One environment, whole."""

    cloud: Cloud
    flows: Mapping[Name, Flow] = Field(description="What each flow is. Stands in Pulumi.yaml, once.")
    budgets: Mapping[Name, Budget] = Field(description="What each flow must reach here.")
    services: Mapping[Name, Service] = Field(min_length=1)
    jobs: Mapping[Name, Job] = Field(
        default_factory=dict, description="Migrations, seeding, scheduled reviews."
    )
    registry: Registry | None = Field(default=None, description="Where images are kept; none: elsewhere.")
    network: Network | None = Field(default=None, description="Needed by a database with a private address.")
    database: Database
    frontend: Frontend | None = None
    adopt: Mapping[str, Adopted] = Field(
        default_factory=dict,
        description="What exists already, by KIND/NAME of the resource: its id, or id and `changes`.",
        examples=[{"service/api": "projects/acme/locations/europe-west1/services/api"}],
    )
