"""Refuses what the program can declare only when the service is declared: its address in the frontend."""

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def refuse(args, report):
    if args.name == "API_URL":
        report("the frontend may not know the service")


PolicyPack(
    "last",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="no-address", description="It stands alone.", validate=refuse)],
)
