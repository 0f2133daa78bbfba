"""The providers of an environment, all explicit: nothing falls to defaults that a laptop's login decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_gcp as gcp
import pulumi_random as random
import pulumiverse_vercel as vercel

from plimsoll.settings.model import CloudSqlDatabase

if TYPE_CHECKING:
    import pulumi

    from plimsoll.settings.model import Settings


def providers(settings: Settings, vercel_token: pulumi.Input[str] | None) -> list[pulumi.ProviderResource]:
    """One provider for each vendor that `settings` needs.

    Google takes whoever is logged in (workload identity in CI), but never their project or region. Vercel
    takes `vercel_token`, else VERCEL_API_TOKEN from the surroundings.
    """
    needed: list[pulumi.ProviderResource] = [
        gcp.Provider("gcp", project=settings.cloud.project, region=settings.cloud.region)
    ]
    if isinstance(settings.database, CloudSqlDatabase):
        needed.append(random.Provider("random"))
    if settings.frontend is not None:
        needed.append(vercel.Provider("vercel", team=settings.frontend.team, api_token=vercel_token))
    return needed
