"""A component with children, as a project's own module."""

import pulumi
import pulumi_random as random


class Store(pulumi.ComponentResource):
    def __init__(self, name, shelves, opts=None):
        super().__init__("shop:index:Store", name, {"shelves": shelves, "open": True}, opts)
        within = pulumi.ResourceOptions(parent=self)
        self.sign = random.RandomPet(f"{name}-sign", length=3, opts=within)
        self.numbers = [
            random.RandomInteger(f"{name}-{shelf}", min=1, max=shelves, opts=within)
            for shelf in range(shelves)
        ]
        self.register_outputs({"sign": self.sign.id, "shelves": shelves})
