"""Inputs as dictionaries, in Python's names and in the provider's own."""

import pulumi
import pulumi_gcp as gcp

api = gcp.cloudrunv2.Service(
    "api",
    location="europe-west1",
    template={
        "containers": [{"image": "example/api:1", "ports": {"container_port": 8080}}],
        "scaling": {"max_instance_count": 3},
    },
)
gcp.cloudrunv2.Service(
    "admin",
    location="europe-west1",
    labels={"a.key/with": "punctuation"},
    template={
        "containers": [{"image": "example/admin:1", "envs": [{"name": "API", "value": api.uri}]}],
        "scaling": {"maxInstanceCount": 1},
    },
)
gcp.storage.Bucket(
    "files", location="EU", lifecycle_rules=[{"action": {"type": "Delete"}, "condition": {"age": 3}}]
)
pulumi.export("uri", api.uri)
