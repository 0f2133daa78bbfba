"""Components within components, secrets in every place, one resource that is protected."""

import pulumi
import pulumi_random as random
from shelves import Bookcase

config = pulumi.Config()
card = config.require_secret("card")
alarm = config.require_object("alarm")
safe = random.RandomPassword("safe", length=config.get_int("length") or 20)
cases = [
    Bookcase(name, shelves=config.require_int("shelves"), card=card, safe=safe) for name in ("prose", "verse")
]
seal = random.RandomId(
    "seal",
    byte_length=4,
    keepers={"code": alarm["code"], "rings": str(alarm["rings"])},
    opts=pulumi.ResourceOptions(protect=True),
)
pulumi.export("safe", safe.result)
pulumi.export("shelves", pulumi.Output.all(*(case.labels for case in cases)))
