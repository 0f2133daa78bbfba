"""What `pulumi up` runs."""

import pulumi

from infra.environment import Environment, EnvironmentArgs
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.load import from_program
from plimsoll.settings.rules.adoption import undeclared

config = pulumi.Config()
try:
    loaded = from_program()
except SettingsError as error:
    raise pulumi.RunError(str(error)) from None
for advice in loaded.advice:
    pulumi.log.warn(str(advice))

environment = Environment(
    "environment",
    EnvironmentArgs(
        environment=loaded.environment,
        settings=loaded.settings,
        secret=config.require_secret,
        vercel_token=config.get_secret("vercelToken"),
    ),
)
if wrong := [loaded.place(broken) for broken in undeclared(loaded.settings.adopt, environment.adoptable)]:
    raise pulumi.RunError(str(SettingsError(wrong)))
for name, value in environment.exports.items():
    pulumi.export(name, value)
