"""Repositories to take commits out of."""

from __future__ import annotations

from tests.rehearse.conftest import foreign, repository

__all__ = ["foreign", "repository"]
