"""What a container is called, given, and how it ends: rows 27, 28, 35, 36, 39."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.rules import Breach, listed, quoted, rule
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.cloud_run.shape import ServiceShape


@rule("cloud-run/ports", rows=(27,), fact="ports")
def one_port_that_exists(shape: ServiceShape) -> Iterator[Breach]:
    """Row 27: one port, of a legal number, for HTTP/1 or end-to-end HTTP/2."""
    fact = FACTS["ports"]
    most, low, high, names = fact.count("count"), fact.count("from"), fact.count("to"), fact.names("names")
    if len(shape.ports) > most:
        yield Breach(
            ("ports",),
            f"{len(shape.ports)} ports",
            f"a service has {most} port, not {len(shape.ports)}",
            "keep the one that answers requests",
        )
    for index, port in enumerate(shape.ports):
        if port.number is not None and not low <= port.number <= high:
            yield Breach(
                (f"ports.{index}.number",),
                str(port.number),
                f"a port's number is {low} to {high}, not {port.number}",
                f"write a number from {low} to {high}",
            )
        if port.name is not None and port.name not in names:
            yield Breach(
                (f"ports.{index}.name",),
                quoted(port.name),
                f"a port's name says its protocol, {listed(names, 'or')}, not {quoted(port.name)}",
                f"write {names[0]}, or {names[1]} for end-to-end HTTP/2",
            )


@rule("cloud-run/service-name", rows=(), fact="service_name")
def service_name_is_legal(shape: ServiceShape) -> Iterator[Breach]:
    """A service's name is part of its host name: short, and of letters, digits and hyphens."""
    fact = FACTS["service_name"]
    most = fact.count("characters")
    if shape.name is None or (len(shape.name) <= most and re.fullmatch(fact.text("pattern"), shape.name)):
        return
    yield Breach(
        ("name",),
        quoted(shape.name),
        f"a service's name is 1 to {most} of a-z, 0-9 and -, from a letter, not ending with -; "
        f"this one has {len(shape.name)}",
        "shorten or rename it",
    )


@rule("cloud-run/environment-name", rows=(28,), fact="environment_name")
def variable_name_is_an_identifier(shape: ServiceShape) -> Iterator[Breach]:
    """Row 28: a variable's name is a C identifier."""
    pattern = re.compile(FACTS["environment_name"].text())
    for name in shape.environment or ():
        if not pattern.fullmatch(name):
            yield Breach(
                (f"environment.{name}",),
                quoted(name),
                f"{quoted(name)} is no name for a variable: letters, digits and _, not a digit first",
                "rename it, as in DATABASE_URL",
            )


@rule("cloud-run/environment-reserved", rows=(28,), fact="environment_reserved")
def variable_is_not_reserved(shape: ServiceShape) -> Iterator[Breach]:
    """Row 28: some names are Cloud Run's own."""
    fact = FACTS["environment_reserved"]
    for name in shape.environment or ():
        if name in fact.names("names") or name.startswith(fact.names("prefixes")):
            yield Breach(
                (f"environment.{name}",),
                quoted(name),
                f"Cloud Run sets {quoted(name)} itself",
                "remove it, or rename it",
            )


@rule("cloud-run/environment-value", rows=(28,), fact="environment_value")
def variable_value_fits(shape: ServiceShape) -> Iterator[Breach]:
    """Row 28: a value's length in UTF-8. The value itself may be secret and is never shown."""
    most = FACTS["environment_value"].count("bytes")
    for name, value in (shape.environment or {}).items():
        size = len(value.encode(errors="surrogatepass"))
        if size > most:
            yield Breach(
                (f"environment.{name}",),
                f"{size} bytes",
                f"the value of {quoted(name)} is {size} bytes long, and at most {most} are accepted",
                "put it into a file of the image, or a secret mounted as a volume",
            )


@rule("cloud-run/environment-count", rows=(), fact="environment_count")
def variables_are_not_too_many(shape: ServiceShape) -> Iterator[Breach]:
    """Variables and secrets of one container together."""
    most, count = FACTS["environment_count"].count(), len(shape.environment or ())
    if count > most:
        yield Breach(
            ("environment",),
            f"{count} variables",
            f"a container is given at most {most} variables, not {count}",
            "put them into a file of the image, or a secret mounted as a volume",
        )


@rule("cloud-run/image-host", rows=(), fact="image_hosts")
def image_comes_from_a_known_host(shape: ServiceShape) -> Iterator[Breach]:
    """Cloud Run pulls from Google's registries and Docker Hub; a name without a host is the latter's."""
    host, slash, _ = (shape.image or "").partition("/")
    named = slash and ("." in host or ":" in host or host == "localhost")
    if named and not re.fullmatch(FACTS["image_hosts"].text(), host):
        yield Breach(
            ("image",),
            quoted(host),
            "Cloud Run pulls from [region-]docker.pkg.dev, [region.]gcr.io and docker.io, "
            f"not from {quoted(host)}",
            "copy the image there, or let a remote repository of Artifact Registry stand before it",
        )


@rule("cloud-run/labels", rows=(), fact="labels")
def labels_are_not_too_many(shape: ServiceShape) -> Iterator[Breach]:
    """Any resource of Google Cloud has so many at most."""
    most = FACTS["labels"].count()
    if shape.labels is not None and shape.labels > most:
        yield Breach(
            ("labels",),
            f"{shape.labels} labels",
            f"a resource has at most {most} labels, not {shape.labels}",
            "remove some",
        )


@rule("cloud-run/cloud-sql-mount", rows=(35,), fact="cloud_sql_mount")
def cloud_sql_is_mounted_in_its_place(shape: ServiceShape) -> Iterator[Breach]:
    """Row 35: the Cloud SQL socket appears in one place only."""
    place = FACTS["cloud_sql_mount"].text()
    for index, volume in enumerate(shape.volumes):
        if "cloud_sql" in (volume.kinds or ()) and volume.mount_path not in (None, "", place):
            path = quoted(volume.mount_path)
            yield Breach(
                (f"volumes.{index}.mount_path",),
                path,
                f"a Cloud SQL connection is mounted at {place}, not at {path}",
                f"leave the path out, or write {place}",
            )


@rule("cloud-run/volume-kind", rows=(36,), fact="volume_kinds")
def volume_holds_one_thing(shape: ServiceShape) -> Iterator[Breach]:
    """Row 36: a volume is of exactly one kind."""
    allowed = FACTS["volume_kinds"].names()
    for index, volume in enumerate(shape.volumes):
        if volume.kinds is None or (len(volume.kinds) == 1 and volume.kinds[0] in allowed):
            continue
        said = listed([quoted(kind) for kind in volume.kinds]) or "nothing"
        yield Breach(
            (f"volumes.{index}.kinds",),
            said,
            f"volume {quoted(volume.name)} holds exactly one of {listed(allowed, 'or')}, not {said}",
            "keep one kind, and declare a volume for each other",
        )


@rule("cloud-run/shutdown", rows=(39,), fact="shutdown")
def shutdown_fits_the_grace(shape: ServiceShape) -> Iterator[Breach]:
    """Row 39: after SIGTERM an instance has ten seconds, whatever it asks for."""
    grace = FACTS["shutdown"].seconds()
    if shape.shutdown is not None and shape.shutdown > grace:
        needed = format_seconds(shape.shutdown)
        yield Breach(
            ("shutdown",),
            needed,
            f"an instance is killed {format_seconds(grace)} after SIGTERM, and needs {needed} to finish",
            f"finish within {format_seconds(grace)}, or keep work that lasts longer in a queue",
        )


RULES = (
    service_name_is_legal,
    one_port_that_exists,
    variable_name_is_an_identifier,
    variable_is_not_reserved,
    variable_value_fits,
    variables_are_not_too_many,
    image_comes_from_a_known_host,
    labels_are_not_too_many,
    cloud_sql_is_mounted_in_its_place,
    volume_holds_one_thing,
    shutdown_fits_the_grace,
)
