"""What the vendors' agreements compose to: nobody promises more than what stands below promises."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.limits.rules import listed
from plimsoll.settings.model import CloudSqlDatabase, EndpointFlow, ExternalDatabase
from plimsoll.slo.data import read
from plimsoll.slo.objective import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.settings.model import Database, Flow, Frontend


def parts(flow: Flow, database: Database, frontend: Frontend | None) -> tuple[str, ...]:
    """The vendors' services that a flow stands on, by their names in `data/agreements.json`.

    A server action is taken to call the backend: its page shows what the database holds. Of a database run by
    somebody whom we do not know, nothing is said.
    """
    vercel = () if isinstance(flow, EndpointFlow) or frontend is None else (_vercel(frontend),)
    return (*vercel, "cloud-run", *_database(database))


def _vercel(frontend: Frontend) -> str:
    return "vercel-enterprise" if frontend.plan == "enterprise" else "vercel"


def _database(database: Database) -> tuple[str, ...]:
    match database:
        case CloudSqlDatabase(availability="REGIONAL", edition="ENTERPRISE_PLUS"):
            return ("cloud-sql-enterprise-plus-regional",)
        case CloudSqlDatabase(availability="REGIONAL"):
            return ("cloud-sql-enterprise-regional",)
        case CloudSqlDatabase():
            return ("cloud-sql-zonal",)
        # Which plan it has, no setting says: the best that can be bought is an upper bound for all.
        case ExternalDatabase(provider="supabase"):
            return ("supabase-enterprise",)
        case _:
            return ()


def composed(names: Sequence[str]) -> Fraction:
    """The product of what is promised for each part; a part of which nothing is promised counts as 1."""
    agreements = read("agreements")["values"]
    promised = [agreements[name]["value"] for name in names if agreements[name]["value"] is not None]
    return prod((Fraction(value) / 100 for value in promised), start=Fraction(1))


def beyond(goal: Fraction, names: Sequence[str]) -> Problem | None:
    """What is to be thought about where an availability goal is above what its parts compose to."""
    agreements = read("agreements")["values"]
    promised = [(name, agreements[name]) for name in names if agreements[name]["value"] is not None]
    whole = composed(names)
    if goal <= whole:
        return None
    product = " × ".join(f"{name} {agreement['value']} %" for name, agreement in promised)
    return Problem(
        rule="slo/beyond-agreements",
        severity=Severity.ADVICE,
        fields=("availability",),
        value=percent(goal),
        message=f"{percent(goal)} is more than the vendors promise together: {product} = {percent(whole)}",
        remedy=f"promise at most {percent(whole)}, or know why yours do better",
        source=f"{listed([one['source'] for _, one in promised])} ({read('agreements')['as_of']})",
    )
