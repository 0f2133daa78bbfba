"""The single values that a stack file holds: names and quantities, each with the form an editor is told.

A value of a wrong form raises pydantic's error with a sentence that says the form, not a pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from plimsoll import units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Form:
    """A string that matches `pattern` whole; `what` says the form in words."""

    pattern: str
    what: str

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(self.what)
        return value

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after pydantic's own check that it is a string."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Mapping[str, object]:
        """Give editors the pattern, anchored, since JSON Schema searches."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True)
class Unit:
    """A quantity written with its unit, read by `parse`; `numbers`: a bare number is clear enough too."""

    parse: Callable[[Any], Decimal | int]
    examples: tuple[str | float, ...]
    numbers: bool = False

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parse before pydantic checks the type that parsing gives."""
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Mapping[str, object]:
        """Give editors the written form, not the parsed one."""
        del schema, handler
        return {"type": ["string", "number"] if self.numbers else "string", "examples": list(self.examples)}


Cpu = Annotated[Decimal, Unit(units.parse_cpu, ("500m", 1, 2), numbers=True)]
"""vCPU."""
Memory = Annotated[int, Unit(units.parse_memory, ("512Mi", "2Gi"))]
"""Bytes."""
Duration = Annotated[Decimal, Unit(units.parse_duration, ("300ms", "1.5s", "2m"))]
"""Seconds, exact."""
Percent = Annotated[Decimal, Unit(units.parse_percent, (99.5,), numbers=True)]

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Positive32 = Annotated[int, Field(gt=0, le=2**31 - 1)]
"""What an API's `int32` holds."""
Days = Annotated[int, Field(gt=0, le=3_652_500)]
"""What an API's `Duration` holds: 10,000 years (google/protobuf/duration.proto)."""


def _share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("a share is a number such as 0.6")  # noqa: TRY004 (pydantic reads ValueError)
    return Decimal(str(value))


Share = Annotated[Decimal, BeforeValidator(_share), WithJsonSchema({"type": "number"})]


def _range(value: object) -> object:
    try:
        return IPv4Network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("a range is written as 10.8.0.0/26, the address being its first") from None


Cidr = Annotated[
    IPv4Network,
    BeforeValidator(_range),
    WithJsonSchema({"type": "string", "examples": ["10.8.0.0/26"]}),
]


@cache
def _time_zones() -> frozenset[str]:
    """The names of the tz database itself: this machine's has files of its own, such as `localtime`."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory", "localtime"}


def _time_zone(value: str) -> str:
    if value not in _time_zones():
        near = get_close_matches(value, sorted(_time_zones()), n=1)
        instead = f", such as {near[0]}" if near else ", such as Europe/Berlin or Etc/UTC"
        raise ValueError(f"a time zone is a name of the tz database{instead}")
    return value


TimeZone = Annotated[
    str, AfterValidator(_time_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})
]

# A name becomes part of physical names: 30 characters leave room for what is put around it in vendors' 63.
Name = Annotated[
    str,
    Form(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?", "a name is 1 to 30 of a-z, 0-9 and -, from a letter"),
]
ProjectId = Annotated[
    str,
    Form(
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "a Google Cloud project id is 6 to 30 of a-z, 0-9 and -, from a letter, not ending with -",
    ),
]
Region = Annotated[str, Form(r"[a-z]+-[a-z]+[0-9]+", "a Google Cloud region looks like europe-west1")]
SecretId = Annotated[
    str,
    Form(
        r"(?:projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/secrets/)?[A-Za-z0-9_-]{1,255}",
        "a secret is named by its id, or by projects/PROJECT/secrets/ID when another project holds it",
    ),
]
LabelKey = Annotated[
    str,
    Form(r"[a-z][a-z0-9_-]{0,62}", "a label's key is at most 63 of a-z, 0-9, _ and -, from a letter"),
]
LabelValue = Annotated[str, Form(r"[a-z0-9_-]{0,63}", "a label's value is at most 63 of a-z, 0-9, _ and -")]
Role = Annotated[
    str,
    Form(
        r"roles/[A-Za-z0-9.]+|(?:projects|organizations)/[a-z0-9-]+/roles/[A-Za-z0-9_.]+",
        "a role looks like roles/pubsub.publisher",
    ),
]
SqlName = Annotated[
    str,
    Form(r"[a-z_][a-z0-9_]{0,62}", "a PostgreSQL name is 1 to 63 of a-z, 0-9 and _, not from a digit"),
]
Host = Annotated[
    str,
    Form(
        r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+",
        "a host name alone: no scheme, port, user or path (a URL with a password belongs in a secret)",
    ),
]

Text = Annotated[str, Form(r"[\s\S]*\S[\s\S]*", "it must say something")]
Endpoint = Annotated[
    str,
    Form(
        r"(?:GET|HEAD|POST|PUT|PATCH|DELETE) /[^\s?#]*",
        "an endpoint is a method and a route template, such as GET /api/goals/{goal_id}",
    ),
]
FunctionName = Annotated[
    str, Form(r"[A-Za-z_$][A-Za-z0-9_$]*", "the name of a function, such as loadDashboard")
]
UrlPath = Annotated[str, Form(r"/[^\s?#]*", "a path starts with / and has no query, such as /dashboard")]
# A component of an image's name, as registries define it (distribution/reference).
_LABELS = "[a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*"
ImageUri = Annotated[
    str,
    Form(
        rf"(?:{_LABELS}(?::[0-9]+)?/)?{_LABELS}(?:/{_LABELS})*"
        r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
        "an image is a name in lower case, without a scheme, and a tag or a digest: "
        "region-docker.pkg.dev/project/repository/api:v1, or …@sha256:…",
    ),
]
RepositoryId = Annotated[
    str,
    Form(
        r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
        "a repository is called by 1 to 63 of a-z, 0-9 and -, from a letter",
    ),
]
Member = Annotated[
    str,
    Form(
        r"(?:serviceAccount|user|group|domain|principal|principalSet):\S+",
        "a member looks like serviceAccount:deploy@acme-goals-dev.iam.gserviceaccount.com",
    ),
]
Clock = Annotated[str, Form(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", 'a time of day, such as "02:00"')]
PostgresVersion = Annotated[str, Form(r"POSTGRES_[0-9]+(?:_[0-9]+)?", "a version looks like POSTGRES_17")]
Tier = Annotated[str, Form(r"db-[A-Za-z0-9-]+", "a tier looks like db-g1-small or db-custom-2-7680")]
ConfigKey = Annotated[
    str, Form(r"[A-Za-z][A-Za-z0-9_-]*", "the name of a Pulumi secret of this stack, without its namespace")
]
RepositoryPath = Annotated[str, Form(r"[\w.-]+(?:/[\w.-]+)+", "a repository looks like acme/goals")]
NodeVersion = Annotated[str, Form(r"[0-9]+\.x", "a Node.js version looks like 22.x")]
VercelRegion = Annotated[str, Form(r"[a-z]{3}[0-9]", "a Vercel region looks like cdg1")]
