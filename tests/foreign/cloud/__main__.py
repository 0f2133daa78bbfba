"""About thirty Google Cloud resources, written as dictionaries and as Args classes."""

import pulumi
import pulumi_gcp as gcp

google = gcp.Provider("google", project="example-dev", region="europe-west1")
through = pulumi.ResourceOptions(provider=google)
project = gcp.organizations.get_project_output(
    project_id="example-dev", opts=pulumi.InvokeOutputOptions(provider=google)
)

database = gcp.sql.DatabaseInstance(
    "database",
    database_version="POSTGRES_16",
    region="europe-west1",
    settings={
        "tier": "db-custom-1-3840",
        "edition": "ENTERPRISE",
        "database_flags": [{"name": "max_connections", "value": "100"}],
    },
    opts=through,
)
for number in range(7):
    account = gcp.serviceaccount.Account(f"account-{number}", account_id=f"service-{number}", opts=through)
    service = gcp.cloudrunv2.Service(
        f"service-{number}",
        location="europe-west1",
        template=gcp.cloudrunv2.ServiceTemplateArgs(
            service_account=account.email,
            max_instance_request_concurrency=80,
            containers=[
                gcp.cloudrunv2.ServiceTemplateContainerArgs(
                    image="europe-docker.pkg.dev/example/app/api:1",
                    envs=[
                        gcp.cloudrunv2.ServiceTemplateContainerEnvArgs(
                            name="DATABASE", value=database.connection_name
                        )
                    ],
                )
            ],
        ),
        opts=through,
    )
    gcp.cloudrunv2.ServiceIamMember(
        f"invoker-{number}",
        location=service.location,
        name=service.name,
        role="roles/run.invoker",
        member="allUsers",
        opts=through,
    )
    gcp.sql.User(f"user-{number}", name=account.account_id, instance=database.name, opts=through)

gcp.cloudrunv2.Job(
    "migrate",
    location="europe-west1",
    template={
        "template": {"containers": [{"image": "europe-docker.pkg.dev/example/app/api:1"}], "max_retries": 0}
    },
)
pulumi.export("number", project.number)
pulumi.export("url", service.uri)
