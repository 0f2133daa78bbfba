"""The dated files that this room reads: windows, the latency grid, vendors' agreements."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read(name: str) -> dict[str, Any]:
    """Return `{name}.json`; numbers with a point are exact."""
    return json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"), parse_float=Decimal)
