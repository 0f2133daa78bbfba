"""Secrets in inputs, in lists, in maps, whole and in part, and outputs that are secret on request."""

import pulumi
import pulumi_random as random

config = pulumi.Config()
code = pulumi.Output.secret("a-code-of-the-programs-own")
password = random.RandomPassword("password", length=20, special=False)
random.RandomPet("inside", keepers={"code": code, "plain": "text", "url": pulumi.Output.concat("x://", code)})
random.RandomShuffle("list", inputs=[code, "plain"], result_count=config.require_int("depth"))
random.RandomPet("unknown", keepers={"password": password.result})
random.RandomPet("whole", keepers=pulumi.Output.secret({"user": "app"}))
random.RandomString("marked", length=8, opts=pulumi.ResourceOptions(additional_secret_outputs=["result"]))
pulumi.export("code", code)
pulumi.export("password", password.result)
