"""The library of components."""

import pulumi
import pulumi_random as random


class Shelf(pulumi.ComponentResource):
    def __init__(self, name, card, opts=None):
        super().__init__("library:index:Shelf", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        self.label = random.RandomPet(f"{name}-label", keepers={"card": card}, opts=within)
        self.register_outputs({"label": self.label.id})


class Bookcase(pulumi.ComponentResource):
    def __init__(self, name, shelves, card, safe, opts=None):
        super().__init__("library:index:Bookcase", name, None, opts)
        within = pulumi.ResourceOptions(parent=self, depends_on=[safe])
        self.labels = pulumi.Output.all(
            *(Shelf(f"{name}-{number}", card, within).label.id for number in range(shelves))
        )
        self.register_outputs({"labels": self.labels})
