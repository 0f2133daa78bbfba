"""A module beside the program."""

import pulumi
import pulumi_random as random


def plant(number, sign):
    return random.RandomInteger(
        f"bed-{number}", min=1, max=9, keepers={"sign": sign.id}, opts=pulumi.ResourceOptions(parent=sign)
    )
