"""The one user of google-cloud-monitoring: its message classes, which parse JSON as strictly as Google does.

They know every field and type, and hardly a rule: a goal of 5 and the filter "nonsense" pass. The rules are
in `plimsoll.slo.lint`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict, ParseError

with warnings.catch_warnings():
    # It warns of the end of Python 3.11 on every import, to people who did not choose it.
    warnings.simplefilter("ignore", FutureWarning)
    from google.cloud.monitoring_v3 import AlertPolicy, ServiceLevelObjective

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_objective(content: Mapping[str, Any]) -> str | None:
    """Why this is no ServiceLevelObjective, in Google's words; None where it is one."""
    return _parse(ServiceLevelObjective, content)


def parse_alert(content: Mapping[str, Any]) -> str | None:
    """Why this is no AlertPolicy, in Google's words; None where it is one."""
    return _parse(AlertPolicy, content)


def _parse(kind: Any, content: Mapping[str, Any]) -> str | None:  # noqa: ANN401 (proto-plus is untyped)
    try:
        ParseDict(dict(content), kind.pb(kind()), ignore_unknown_fields=False)
    except ParseError as error:
        return str(error)
    return None
