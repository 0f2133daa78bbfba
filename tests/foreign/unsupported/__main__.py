"""One thing that an offline preview refuses, chosen by the name of the stack."""

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random
from pulumi.runtime import call, invoke_async, register_invoke_transform, register_resource_transform


def keep(args):
    return None


def blocking_invoke():
    gcp.organizations.get_project(project_id="example")


def caught_invoke():
    try:
        gcp.organizations.get_project(project_id="example")
    except Exception:
        print("never mind")


def awaited_invoke():
    async def main():
        return await invoke_async("gcp:organizations/getProject:getProject", {"projectId": "example"})

    pulumi.run(main)


def method():
    call("random:index/pet:rename", {"name": "x"}, random.RandomPet("pet"))


def stack_reference():
    other = pulumi.StackReference("acme/network/prod")
    random.RandomPet("pet", prefix=other.get_output("prefix"))


def stack_transform():
    register_resource_transform(keep)


def invoke_transform():
    register_invoke_transform(keep)


def resource_transform():
    random.RandomPet("pet", opts=pulumi.ResourceOptions(transforms=[keep]))


class Vpc(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("awsx:ec2:Vpc", name, {"cidr": "10.0.0.0/16"}, remote=True)


def remote_component():
    Vpc("vpc")


def twice():
    random.RandomPet("pet")
    random.RandomPet("other")
    random.RandomPet("pet", length=3)


globals()[pulumi.get_stack().replace("-", "_")]()
