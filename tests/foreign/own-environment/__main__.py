"""Imports what only its own environment has."""

import greeting
import pulumi
import pulumi_random as random

pet = random.RandomPet("pet", prefix=greeting.WORD)
pulumi.export("pet", pet.id)
