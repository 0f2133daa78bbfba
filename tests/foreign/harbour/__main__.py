"""Berths of three providers of one package, and what reads their outputs."""

import pulumi


class Berth(pulumi.CustomResource):
    url: pulumi.Output[str]
    etag: pulumi.Output[str]

    def __init__(self, name, props, opts=None):
        computed = dict.fromkeys(["url", "etag", "key", "capacity", "open", "addresses", "project"])
        super().__init__("harbour:index:Berth", name, {**computed, **props}, opts)


def provider(name, project):
    given = {"project": project, "apiToken": pulumi.Output.secret("0123456789abcdef01234567")}
    return pulumi.ResourceOptions(provider=Harbour(name, given))


class Harbour(pulumi.ProviderResource):
    def __init__(self, name, given):
        super().__init__("harbour", name, given)


north, south = provider("north", "acme-north"), provider("south", "acme-south")
one = Berth(
    "one", {"length": 3, "password": pulumi.Output.secret("hunter2hunter2"), "dock": {"quay": "east"}}, north
)
Berth("two", {"length": 4, "name": "berth-two", "size": "large"}, south)
Berth("three", {"length": 5})
pulumi.CustomResource("harbour:index:Mooring", "rope", {"berth": one.url, "seen": one.etag}, north)
pulumi.export("url", one.url)
pulumi.export("addresses", one.addresses)
