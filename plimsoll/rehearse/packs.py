"""The policy pack's configuration: what the user names, else what stands beside the pack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plimsoll.rehearse.failure import RehearsalError
from plimsoll.settings.errors import Fault, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def policy_arguments(pack: Path | None, config: Path | None, stack: str) -> tuple[str, ...]:
    """What tells the engine of the policy pack and of its configuration for the stack.

    Raises SettingsError for a configuration that cannot be read, RehearsalError for one without a pack.
    """
    if pack is None:
        if config is not None:
            message = f"{config} configures a policy pack, and there is none beside Pulumi.yaml"
            remedy = "write policies/PulumiPolicy.yaml, or leave the configuration out"
            raise RehearsalError("rehearse/no-pack", message, remedy)
        return ()
    by_itself = pack / "config" / f"{stack.rpartition('/')[2]}.json"
    if config is None and by_itself.is_file():
        check_policy_config(by_itself, shown=by_itself.relative_to(pack.parent))
        config = by_itself
    configured = ("--policy-pack-config", str(config.absolute())) if config else ()
    return ("--policy-pack", str(pack), *configured)


def check_policy_config(file: Path, shown: Path | None = None) -> None:
    """Raise SettingsError for what the engine cannot read as a policy pack's configuration.

    `shown` is the file's name for the reader.
    """
    remedy = 'write a JSON object, such as {"all": "advisory", "a-rule": {"enforcementLevel": "mandatory"}}'
    line, column = None, None
    try:
        if isinstance(json.loads(file.read_text("utf-8")), dict):
            return
        message = "a policy pack's configuration is a JSON object"
    except OSError as error:
        message = f"the policy pack's configuration cannot be read: {error.strerror}"
    except json.JSONDecodeError as error:
        message, line, column = f"it is not JSON: {error.msg}", error.lineno, error.colno
    except UnicodeDecodeError:
        message = "it is not UTF-8"
    fault = Fault(
        message, file=shown or file, line=line, column=column, rule="rehearse/policy-config", remedy=remedy
    )
    raise SettingsError([fault])
