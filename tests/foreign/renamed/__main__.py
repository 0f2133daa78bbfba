"""Resources with former names, parents and types."""

import pulumi
import pulumi_random as random


class Box(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("box:index:Box", name, {}, opts)
        random.RandomPet(f"{name}-inside", opts=pulumi.ResourceOptions(parent=self))


def was(*aliases):
    return pulumi.ResourceOptions(aliases=list(aliases))


box = Box("crate", was(pulumi.Alias(name="box"), pulumi.Alias(type_="box:index:Carton")))
random.RandomPet("cat", opts=was(pulumi.Alias(name="kitten")))
random.RandomPet("dog", opts=was("urn:pulumi:dev::renamed::random:index/randomPet:RandomPet::puppy"))
random.RandomPet("fish", opts=was(pulumi.Alias(parent=box), pulumi.Alias(stack="old", project="pond")))
random.RandomPet(
    "bird",
    opts=pulumi.ResourceOptions(parent=box, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]),
)
