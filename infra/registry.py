"""Where images are kept: an Artifact Registry repository that cleans up after itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_gcp import artifactregistry

if TYPE_CHECKING:
    from infra.foundation import Foundation
    from infra.names import Names
    from plimsoll.settings.model import Registry as RegistrySettings

_DAY = 24 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """What to keep."""

    settings: RegistrySettings
    names: Names
    foundation: Foundation


class Registry(pulumi.ComponentResource):
    """Owns a repository for images, and who may read and write it beside the project's own.

    It does not own the images: the pipeline pushes them, and Artifact Registry removes the old ones.
    """

    address: str
    """How an image's name begins: `europe-west1-docker.pkg.dev/acme-goals-dev/services`."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plimsoll:infra:Registry", name, None, opts)
        settings, cloud = args.settings, args.names.cloud
        repository = artifactregistry.Repository(
            name,
            repository_id=settings.name,
            location=cloud.region,
            format="DOCKER",
            labels=args.names.labels(),
            # A version that both match is kept.
            cleanup_policies=[
                {
                    "id": "delete-untagged",
                    "action": "DELETE",
                    "condition": {
                        "tag_state": "UNTAGGED",
                        # Since the upload, whenever the tag went. In seconds, as it comes back.
                        "older_than": f"{settings.delete_untagged_after_days * _DAY}s",
                    },
                },
                {
                    "id": "keep-recent",
                    "action": "KEEP",
                    "most_recent_versions": {"keep_count": settings.keep_versions},
                },
            ],
            # Said, so that nobody wonders why nothing is ever deleted.
            cleanup_policy_dry_run=False,
            # Cloud Run has a copy of what serves; without the images nobody could go back to what does not.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.foundation.api("artifactregistry")], protect=cloud.protect
            ),
        )
        for role, members in (("reader", settings.readers), ("writer", settings.writers)):
            for member in sorted(set(members)):
                artifactregistry.RepositoryIamMember(
                    f"{role} {member}",
                    repository=repository.repository_id,
                    location=cloud.region,
                    role=f"roles/artifactregistry.{role}",
                    member=member,
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.address = f"{cloud.region}-docker.pkg.dev/{cloud.project}/{settings.name}"
        self.register_outputs({"address": self.address})
