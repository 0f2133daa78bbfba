"""The JSON Schema of a stack file, for editors: completion, descriptions, and the simple mistakes underlined.

It says what single values may be. Rules over several values, and units' exact bounds, are `plimsoll check`'s.
"""

from __future__ import annotations

from typing import Any

from plimsoll.settings.model import Settings

PATH = "schemas/stack.json"
"""Where it stands in the project; the first line of every stack file names it."""

_ENGINE_KEYS = {
    "secretsprovider": "Which key encrypts this stack's secrets: `pulumi stack init --secrets-provider`.",
    "encryptedkey": "The engine's own: the data key, encrypted.",
    "encryptionsalt": "The engine's own: the salt of the passphrase.",
}


def stack_schema(project: str) -> dict[str, Any]:
    """The schema of `Pulumi.<environment>.yaml` of the project named `project`."""
    settings = _closed(Settings.model_json_schema(by_alias=True))
    definitions = settings.pop("$defs")
    secret = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
        "description": "A secret of this stack, encrypted: `pulumi config set --secret NAME`.",
    }
    # `flows` has its default in Pulumi.yaml, so a stack file need not say it.
    required = [f"{project}:{key}" for key in settings["required"] if key != "flows"]
    config = {
        "type": "object",
        "properties": {f"{project}:{key}": value for key, value in settings["properties"].items()},
        "patternProperties": {
            # Any other key of the project's is a secret. (`properties` and patterns both apply to a key.)
            f"^{project}:(?!({'|'.join(settings['properties'])})$)": secret,
            f"^(?!{project}:)[^:]+:.+$": {"description": "Configuration of a provider."},
        },
        "additionalProperties": False,
        "required": required,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An environment of Plimsoll",
        "type": "object",
        "properties": {
            "config": config,
            "environment": {"description": "Pulumi ESC environments."},
            **{key: {"type": "string", "description": text} for key, text in _ENGINE_KEYS.items()},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a mapping with a pattern for its keys have no others, as the settings do."""
    for inner in schema.values():
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                _closed(one)
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    return schema
