"""A hundred resources, each second one made of the one before."""

import pulumi
import pulumi_random as random

ships = pulumi.Config().require_int("ships")
for number in range(ships):
    name = random.RandomPet(f"name-{number:02}", length=3)
    random.RandomString(f"number-{number:02}", length=8, keepers={"name": name.id, "place": str(number)})
