"""Rules of every kind, which tell what they see: options, providers, dependencies, each value or why not.

Two plans with the same violations have had the same said to their policies.
"""

import json

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError


def leaves(value, path=""):
    """Every value by its path; of what is not known, that it is not."""
    try:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            yield f"{path}={value!r}"
            return
        named = hasattr(value, "keys")
        for key in sorted(value.keys()) if named else range(len(value)):
            try:
                inner = value[key]
            except UnknownValueError:
                yield f"{path}.{key}?"
                continue
            yield from leaves(inner, f"{path}.{key}")
    except UnknownValueError:
        yield f"{path}?"


def options(resource):
    opts = resource.opts
    timeouts = opts.custom_timeouts
    return [
        opts.protect,
        list(opts.ignore_changes),
        opts.delete_before_replace,
        sorted(opts.aliases),
        [timeouts.create_seconds, timeouts.update_seconds, timeouts.delete_seconds],
        sorted(opts.additional_secret_outputs),
        opts.parent,
    ]


def tell(args, report):
    provider = args.provider
    served = [provider.urn, provider.name, *leaves(provider.props)] if provider else []
    report(json.dumps([args.resource_type, options(args), served, *leaves(args.props)]))


def tell_all(args, report):
    for one in args.resources:
        behind = sorted(on.urn for on in one.dependencies)
        each = {name: sorted(on.urn for on in ons) for name, ons in sorted(one.property_dependencies.items())}
        parent = one.parent.urn if one.parent else None
        served = one.provider.urn if one.provider else None
        report(json.dumps([options(one), parent, behind, each, served, *leaves(one.props)]), one.urn)
    report(f"{len(args.resources)} resources")


def touch(args, report):
    if args.resource_type.startswith(("random:", "gcp:sql")):
        for name in sorted(args.props.keys()):
            value = args.props[name]
            report(f"{name} is {value if isinstance(value, str) else type(value).__name__}")


def configured(args, report):
    if "random" in args.resource_type:
        config = args.get_config()
        report(json.dumps(config, sort_keys=True))


def mend(args):
    if "Random" in args.resource_type:
        return {**args.props, "keepers": {"mended": "yes"}}
    return None


def still(args, report):
    if "RandomString" in args.resource_type:
        report("even so")


def skip(args, _report):
    args.not_applicable("not here")


SCHEMA = PolicyConfigSchema(
    properties={
        "most": {"type": "integer", "default": 3, "minimum": 1},
        "named": {"type": "string", "default": "by default", "enum": ["by default", "otherwise"]},
        "words": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    required=["words"],
)

PolicyPack(
    "rules",
    enforcement_level=EnforcementLevel.MANDATORY,
    initial_config={"all": EnforcementLevel.MANDATORY, "needs-more": {"most": 9}},
    policies=[
        ResourceValidationPolicy(name="tells", description="Tells what it sees.", validate=tell),
        ResourceValidationPolicy(name="touches", description="Touches what it sees.", validate=touch),
        ResourceValidationPolicy(
            name="needs-more", description="Configured.", validate=configured, config_schema=SCHEMA
        ),
        ResourceValidationPolicy(name="mended", description="Mends.", remediate=mend, validate=still),
        ResourceValidationPolicy(name="silent", description="Is off.", validate=tell),
        ResourceValidationPolicy(name="skips", description="Does not apply.", validate=skip),
        StackValidationPolicy(name="tells-all", description="Tells of the whole.", validate=tell_all),
    ],
)
