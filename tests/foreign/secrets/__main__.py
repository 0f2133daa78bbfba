"""Secrets on every path on which one could leak."""

import sys

import pulumi
import pulumi_random as random

config = pulumi.Config()
CANARY = config.require("canary")
from_config = config.require("password")
secret = pulumi.Output.secret(CANARY)

random.RandomPet(
    "marked", prefix=secret, keepers={"inside": pulumi.Output.concat("postgres://", secret, "@host")}
)
random.RandomPet(
    "unmarked", prefix=from_config, keepers={"inside": f"postgres://{from_config}@host", from_config: "key"}
)
pulumi.CustomResource(
    "parcel:index:Parcel",
    "structured",
    {"keepers": pulumi.Output.secret({"user": "app", "deep": {"password": CANARY}})},
)
random.RandomPet("derived", keepers={"length": secret.apply(len)})

print("printed", CANARY, from_config, repr(CANARY))
print("to stderr", CANARY, file=sys.stderr)
pulumi.log.warn(f"logged {CANARY}")
pulumi.export("secret", secret)
pulumi.export("url", f"https://{from_config}.example.com")
if pulumi.get_stack() == "raises":
    wrong = {"password": CANARY}
    raise ValueError(f"cannot use {CANARY} and {from_config}: {wrong}")
if pulumi.get_stack() == "logs":
    pulumi.log.error(f"cannot use {CANARY}")
