"""Refuses a stack without a load balancer: no resource by itself is wrong."""

from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy


def refuse(args, report):
    if not any("forwardingRule" in resource.resource_type for resource in args.resources):
        report(f"none of the {len(args.resources)} resources is a load balancer")


PolicyPack(
    "whole",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        StackValidationPolicy(name="balanced", description="A stack has a load balancer.", validate=refuse)
    ],
)
