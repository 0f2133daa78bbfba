"""Plimsoll: performance budgets, declared, enforced and proved from one number per flow."""
