"""Metadata, as an update changes it."""

from typing import Any


def merged(old: dict[str, str], new: Any) -> dict[str, str]:
    """Set the keys of `new`; an empty value drops its key, an empty `new` all of them."""
    if new is None:
        return dict(old)
    if new == "":
        return {}
    return {key: value for key, value in (old | new).items() if value != ""}
