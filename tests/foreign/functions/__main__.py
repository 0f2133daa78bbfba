"""Invokes with outputs: of constants, of outputs, under a provider of their own."""

import pulumi
import pulumi_gcp as gcp

google = gcp.Provider("google", project="example-dev")
project = gcp.organizations.get_project_output(
    project_id="example-dev", opts=pulumi.InvokeOutputOptions(provider=google)
)
account = gcp.serviceaccount.Account("robot", account_id="robot")
gcp.projects.IAMMember(
    "may-write",
    project="example-dev",
    role="roles/logging.logWriter",
    member=pulumi.Output.format("serviceAccount:{0}", account.email),
)
found = gcp.organizations.get_project_output(project_id=account.project)
gcp.storage.Bucket("by-number", location="EU", labels={"number": project.number, "other": found.number})
pulumi.export("number", project.number)
