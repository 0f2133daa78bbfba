"""Physical names and labels: what Google Cloud calls the things of one environment. Pure.

Each derives from the application, the environment and one key of the settings, and from nothing that Pulumi
makes up, so that renaming one thing never replaces another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run import account_id_lengths

if TYPE_CHECKING:
    from plimsoll.settings.model import Cloud, CloudSqlDatabase, Job, Service


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one environment, which has a Google Cloud project to itself."""

    cloud: Cloud
    environment: str
    """The name of the stack."""

    @property
    def _own(self) -> str:
        return f"{self.cloud.application}-{self.environment}"

    def service(self, key: str, settings: Service) -> str:
        """A Cloud Run service's own name, else APPLICATION-KEY."""
        return settings.physical_name(self.cloud, key)

    def job(self, key: str, settings: Job) -> str:
        """A Cloud Run job's own name, else APPLICATION-KEY; its schedule has the same."""
        return settings.physical_name(self.cloud, key)

    def account(self, key: str) -> str:
        """Id of an account: APPLICATION-KEY, with a digest where that is too short or too long."""
        name = f"{self.cloud.application}-{key}"
        least, most = account_id_lengths()
        if least <= len(name) <= most:
            return name
        digest = f"-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
        return f"{name[: most - len(digest)].rstrip('-')}{digest}"

    def network(self, part: str | None = None) -> str:
        """The private network, or a part of it."""
        return self._own if part is None else f"{self._own}-{part}"

    def instance(self, settings: CloudSqlDatabase) -> str:
        """A Cloud SQL instance's own name, else APPLICATION-ENVIRONMENT."""
        return settings.physical_name(self.cloud, self.environment)

    @property
    def database_url(self) -> str:
        """Id of the secret that holds a Cloud SQL database's URL."""
        return f"{self._own}-database-url"

    @property
    def log_drain(self) -> str:
        """What brings the frontend's log lines."""
        return f"{self._own}-logs"

    def secret(self, full_name: str) -> str:
        """A secret as Cloud Run wants it: by its id within the project, by its full name elsewhere."""
        return full_name.removeprefix(f"projects/{self.cloud.project}/secrets/")

    def labels(self, **more: str) -> dict[str, str]:
        """The environment's labels and `more`; what the stack file says wins."""
        labels = {"application": self.cloud.application, "environment": self.environment, **more}
        return {**labels, **self.cloud.labels}
