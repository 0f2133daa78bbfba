"""The same in several regions by explicit providers, and once by the default one."""

import pulumi
import pulumi_gcp as gcp

services = {}
for region in ("europe-west1", "us-central1", "asia-east1"):
    provider = gcp.Provider(region, project="example-dev", region=region)
    network = gcp.compute.Network(
        f"network-{region}", auto_create_subnetworks=False, opts=pulumi.ResourceOptions(provider=provider)
    )
    services[region] = gcp.compute.Subnetwork(
        f"subnet-{region}",
        network=network.id,
        ip_cidr_range="10.0.0.0/24",
        opts=pulumi.ResourceOptions(provider=provider, delete_before_replace=True),
    )
bucket = gcp.storage.Bucket("assets", location="EU", opts=pulumi.ResourceOptions(retain_on_delete=True))
pulumi.export("ranges", {region: subnet.ip_cidr_range for region, subnet in services.items()})
pulumi.export("bucket", bucket.url)
