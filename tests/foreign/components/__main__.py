"""Components in components: protection, providers and dependencies that children inherit."""

import pulumi
import pulumi_random as random


class Drawer(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("office:index:Drawer", name, {"locked": True}, opts)
        self.label = random.RandomPet(f"{name}-label", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"label": self.label.id})


class Desk(pulumi.ComponentResource):
    def __init__(self, name, drawers, opts=None):
        super().__init__("office:index:Desk", name, {"drawers": drawers}, opts)
        above = pulumi.ResourceOptions(parent=self)
        self.drawers = [Drawer(f"{name}-{number}", above) for number in range(drawers)]
        self.register_outputs({})


seeded = random.Provider("seeded")
first = Desk("first", 2, pulumi.ResourceOptions(protect=True, providers=[seeded]))
second = Desk("second", 1, pulumi.ResourceOptions(depends_on=[first]))
loose = random.RandomPet("loose", opts=pulumi.ResourceOptions(protect=False, parent=first))
pulumi.export("labels", pulumi.Output.all(*(drawer.label.id for drawer in second.drawers)))
