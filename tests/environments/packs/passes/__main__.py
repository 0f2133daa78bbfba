"""Rules that everything passes, and a note by which it is seen that they were asked."""

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def explain(args, report):
    if args.resource_type.endswith(":Bucket"):
        report("nothing here keeps files")


def note(args, report):
    report(f"{len(args.resources)} resources were judged")


PolicyPack(
    "passes",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(name="no-bucket", description="No bucket.", validate=explain),
        StackValidationPolicy(
            name="counted",
            description="How much there is.",
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=note,
        ),
    ],
)
