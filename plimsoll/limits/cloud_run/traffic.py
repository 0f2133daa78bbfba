"""How traffic is divided between revisions: row 45."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.rules import Breach, quoted, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.cloud_run.shape import TrafficShape


def _is_share(percent: int) -> bool:
    fact = FACTS["traffic_percent"]
    return fact.count("from") <= percent <= fact.count("to")


@rule("cloud-run/traffic-sum", rows=(45,), fact="traffic_percent")
def all_traffic_goes_somewhere(shape: TrafficShape) -> Iterator[Breach]:
    """Row 45: the shares are all of the traffic. Where one is not known, or is none, nor is their sum."""
    whole = FACTS["traffic_percent"].count("sum")
    percents = [one.percent or 0 for one in shape.targets]
    known = not any("percent" in one.unknown for one in shape.targets)
    if shape.targets and known and all(map(_is_share, percents)) and sum(percents) != whole:
        yield Breach(
            ("targets",),
            f"{sum(percents)} %",
            f"the shares of traffic add up to {sum(percents)}, not to {whole}",
            f"make them {whole} together",
        )


@rule("cloud-run/traffic-percent", rows=(45,), fact="traffic_percent")
def share_is_a_percentage(shape: TrafficShape) -> Iterator[Breach]:
    """Row 45: each share is a percentage."""
    low, high = FACTS["traffic_percent"].count("from"), FACTS["traffic_percent"].count("to")
    for index, one in enumerate(shape.targets):
        if one.percent is not None and not _is_share(one.percent):
            yield Breach(
                (f"targets.{index}.percent",),
                str(one.percent),
                f"a share of traffic is {low} to {high} percent, not {one.percent}",
                f"write a number from {low} to {high}",
            )


@rule("cloud-run/traffic-revision", rows=(), fact="traffic_revision")
def revision_may_exist(shape: TrafficShape) -> Iterator[Breach]:
    """A revision's name starts with its service's, so another one cannot be of this service."""
    fact = FACTS["traffic_revision"]
    most = fact.count("characters")
    for index, one in enumerate(shape.targets):
        name = one.revision
        if name is None:
            continue
        foreign = shape.service is not None and not name.startswith(f"{shape.service}-")
        if foreign or len(name) > most or not re.fullmatch(fact.text("pattern"), name):
            form = f"{shape.service}-…" if shape.service is not None else "SERVICE-…"
            yield Breach(
                (f"targets.{index}.revision",),
                quoted(name),
                f"a revision of this service is called {form}: at most {most} of a-z, 0-9 and -, "
                f"not {quoted(name)}",
                "copy the name from `gcloud run revisions list`, or write latest",
            )


@rule("cloud-run/traffic-tag", rows=(), fact="traffic_tag")
def tag_fits_into_an_address(shape: TrafficShape) -> Iterator[Breach]:
    """A tag and the service's name together are a part of an address."""
    fact = FACTS["traffic_tag"]
    most = fact.count("with_service") - len(shape.service or "")
    for index, one in enumerate(shape.targets):
        if one.tag is None or (len(one.tag) <= most and re.fullmatch(fact.text("pattern"), one.tag)):
            continue
        yield Breach(
            (f"targets.{index}.tag",),
            quoted(one.tag),
            f"beside this service's name a tag is at most {most} of a-z, 0-9 and -, from a letter, "
            f"not {quoted(one.tag)}",
            "shorten or rename it",
        )


@rule("cloud-run/traffic-twice", rows=(), fact="traffic_percent")
def nothing_is_said_twice(shape: TrafficShape) -> Iterator[Breach]:
    """One revision has one share, and one tag leads to one revision."""
    latest = {index: "latest" for index, one in enumerate(shape.targets) if one.latest is True}
    revisions = {index: one.revision for index, one in enumerate(shape.targets) if one.revision is not None}
    tags = {index: one.tag for index, one in enumerate(shape.targets) if one.tag is not None}
    for field, named in (("revision", revisions | latest), ("tag", tags)):
        counts = Counter(named.values())
        for index, name in named.items():
            first = next(other for other, same in named.items() if same == name)
            if counts[name] > 1 and index != first:
                yield Breach(
                    (f"targets.{index}.{field}",),
                    quoted(name),
                    f"{field} {quoted(name)} stands here a second time",
                    "say it once, with all of its share",
                )


RULES = (
    all_traffic_goes_somewhere,
    share_is_a_percentage,
    revision_may_exist,
    tag_fits_into_an_address,
    nothing_is_said_twice,
)
