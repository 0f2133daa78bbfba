"""Says every text that it sees, of each resource and of the whole stack.

The digest beside it is what the policy really saw, whatever became of the text on its way to the user.
"""

from hashlib import sha256

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def texts(value):
    """Every text in a value; what is not known yet is not asked for."""
    if isinstance(value, str):
        yield value
    elif hasattr(value, "items"):
        for one in value.values():
            yield from texts(one)
    elif hasattr(value, "__iter__"):
        for one in value:
            yield from texts(one)


def say(resource, report):
    for text in texts(resource.props):
        report(f"{resource.name} has {text} ({sha256(text.encode()).hexdigest()})")


def say_all(args, report):
    for resource in args.resources:
        say(resource, report)


PolicyPack(
    "prints",
    enforcement_level=EnforcementLevel.ADVISORY,
    policies=[
        ResourceValidationPolicy(name="says-each", description="Says what it sees.", validate=say),
        StackValidationPolicy(name="says-all", description="Says what it sees.", validate=say_all),
    ],
)
