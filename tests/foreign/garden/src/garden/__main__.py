"""A program in a package below src, which reads a file that stands beside it."""

from pathlib import Path

import pulumi
import pulumi_random as random

from beds import plant

config = pulumi.Config()
sign = random.RandomPet("sign", prefix=config.require("gardener"))
beds = [plant(number, sign) for number in range(config.require_int("beds"))]
compost = config.require_object("compost")
random.RandomShuffle(
    "compost",
    inputs=compost["kinds"],
    keepers={"turns": str(compost["turns"]), "rules": (Path(__file__).parent / "rules.txt").read_text()},
)
pulumi.export("beds", [bed.id for bed in beds])
