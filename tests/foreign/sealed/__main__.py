"""Reads encrypted configuration in every way, none of which can be decrypted where this is previewed."""

import pulumi
import pulumi_random as random

config = pulumi.Config()
way = pulumi.get_stack()


def pet(name, value):
    return random.RandomPet(name, keepers={"value": value})


if way == "reads-number":
    config.require_int("token")

token = config.require_secret("token")
pet("secret", token)
pet("applied", token.apply(lambda text: text.split("-")[7]))
pet("joined", pulumi.Output.concat("postgres://app:", token, "@host"))
pet("formatted", pulumi.Output.format("{0}/{1}", "a", config.get_secret("token")))
pet("together", pulumi.Output.all(token, "plain").apply(lambda both: "/".join(both)))
pet("json", pulumi.Output.json_dumps({"token": token}))
pet("number", config.require_secret_int("token"))
pet("flag", config.get_secret_bool("token"))
pet("fraction", config.require_secret_float("token"))
pet("whole-object", config.require_secret_object("token"))
pet("plain", config.require("token"))
pet("embedded", f"postgres://app:{config.require('token')}@host")
pet("shouted", config.require("token").upper())
pet("marked-by-hand", pulumi.Output.secret(config.get("token")))
pet("echoed", pet("echo", f"x{config.require('token')}").keepers.apply(lambda keepers: keepers["value"]))

database = config.require_object("database")
pet("nested", database["password"])
pet("nested-in-list", database["replicas"][0]["password"])
pet("beside", database["host"])
as_secret = config.require_secret_object("database")
pet("secret-nested", as_secret.apply(lambda it: it["password"]))
pet("secret-beside", as_secret.apply(lambda it: it["host"]))
pet("missing", config.get_secret("missing", "a default"))
print("the token is", config.require("token"))
pulumi.export("token", token)
