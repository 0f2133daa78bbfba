"""Resources of every shape: components, providers, options, references, assets, hooks, dynamic ones."""

import json

import pulumi
import pulumi_random as random
from pulumi.dynamic import CreateResult, ResourceProvider
from pulumi.dynamic import Resource as DynamicResource

from stores import Store

ALSO_IN_PREVIEWS = pulumi.ResourceHookOptions(on_dry_run=True)


def ring(_args):
    print("ringing, which no hook does offline")


config = pulumi.Config()
seeded = random.Provider("seeded")
corner = Store("corner", shelves=config.require_int("shelves"))
harbour = Store("harbour", shelves=1, opts=pulumi.ResourceOptions(protect=True, depends_on=[corner]))

key = random.RandomPassword("key", length=16)
till = random.RandomString(
    "till",
    length=8.0,
    keepers={
        "sign": corner.sign.id,
        "key": key.result,
        "note": pulumi.Output.concat("at ", corner.sign.separator),
    },
    opts=pulumi.ResourceOptions(
        provider=seeded,
        parent=corner,
        aliases=[
            pulumi.Alias(name="old-till", parent=pulumi.ROOT_STACK_RESOURCE),
            "urn:pulumi:dev::shop::a:b:C::till",
        ],
        ignore_changes=["keepers"],
        replace_on_changes=["length"],
        delete_before_replace=True,
        retain_on_delete=True,
        deleted_with=corner.sign,
        custom_timeouts=pulumi.CustomTimeouts(create="10m"),
        additional_secret_outputs=["result"],
        hooks=pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook("ring", ring, ALSO_IN_PREVIEWS)]),
    ),
)
owned = random.RandomPet("owned", opts=pulumi.ResourceOptions(import_="blue-whale", protect=True))
seen = random.RandomPet.get("seen", "red-fox")


class Bell(ResourceProvider):
    def create(self, props):
        raise RuntimeError("no preview may create anything")


class Door(DynamicResource):
    sound: pulumi.Output[str]

    def __init__(self, name, opts=None):
        super().__init__(Bell(), name, {"sound": None, "tone": 440.5}, opts)


door = Door("door")


class Parcel(pulumi.CustomResource):
    contents: pulumi.Output[dict]

    def __init__(self, name, contents, opts=None):
        super().__init__("parcel:index:Parcel", name, {"contents": contents}, opts)


parcel = Parcel(
    "parcel",
    {
        "letter": pulumi.StringAsset("dear customer"),
        "file": pulumi.FileAsset("./Pulumi.yaml"),
        "folder": pulumi.FileArchive("./goods"),
        "mixed": pulumi.AssetArchive({"web": pulumi.RemoteAsset("https://example.com/a.txt")}),
        "till": till,
        "store": harbour,
        "nothing": None,
        "numbers": [1, 2.5, 3.0, True],
        "doorbell": door.sound,
    },
)
pulumi.log.warn("low on signs", corner.sign)
pulumi.log.info("open")
pulumi.log.debug("nobody hears this")
print("till:", json.dumps({"shelves": 2}))
pulumi.export("sign", corner.sign.id)
pulumi.export("shelves", len(corner.numbers))
pulumi.export("key", key.result)
pulumi.export("fox", seen.id)
