"""Writes on what users keep, and runs of workflows."""

from apps.workflows.services.prompts import (
    create_preset,
    create_wildcard,
    delete_preset,
    delete_wildcard,
    edit_preset,
    edit_wildcard,
    make_prompts,
)

__all__ = [
    "create_preset",
    "create_wildcard",
    "delete_preset",
    "delete_wildcard",
    "edit_preset",
    "edit_wildcard",
    "make_prompts",
]
