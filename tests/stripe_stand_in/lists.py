"""Lists in pages, and objects with what a caller asked to see inside of them."""

import copy
import operator
from collections.abc import Callable
from typing import Any

from tests.stripe_stand_in.errors import invalid, missing
from tests.stripe_stand_in.routes import Call
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.typed import class_of, fields_of

_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
Include = Callable[[World, Json], Any]
INCLUDES: dict[tuple[str, str], Include] = {}


def page(call: Call, found: list[Json], *, filters: tuple[str, ...] = ()) -> Json:
    """Return the page of `found` that was asked for; `filters` are fields compared as they are."""
    for name in filters:
        if name in call:
            found = [item for item in found if item.get(name) == call[name]]
    if "created" in call:
        found = [item for item in found if _is_within(item["created"], call["created"])]
    limit = int(call.get("limit", 10))
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100 (inclusive).", param="limit")
    before = "ending_before" in call
    if before:
        found = found[: _place(call, found, "ending_before")]
        chosen, has_more = found[-limit:], len(found) > limit
    else:
        start = _place(call, found, "starting_after") + 1 if "starting_after" in call else 0
        chosen, has_more = found[start : start + limit], len(found) > start + limit
    return listing(call.path, chosen, has_more=has_more)


def _is_within(value: int, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_BOUNDS[name](value, bound) for name, bound in wanted.items())
    return bool(value == wanted)


def _place(call: Call, found: list[Json], param: str) -> int:
    for place, item in enumerate(found):
        if item["id"] == call[param]:
            return place
    raise missing("object", call[param], param)


def includes(kind: str, name: str) -> Callable[[Include], Include]:
    """Register what a field holds that is only there when it is expanded."""

    def register(include: Include) -> Include:
        INCLUDES[kind, name] = include
        return include

    return register


def expanded(world: World, answer: Json, paths: list[str]) -> Json:
    """Return a copy of an answer, with the objects in place of the ids along each path."""
    answer = copy.deepcopy(answer)
    for path in paths:
        _expand(world, answer, path.split("."), path)
    return answer


def _expand(world: World, holder: Any, names: list[str], path: str) -> None:
    if not names or not isinstance(holder, dict):
        return
    name, rest = names[0], names[1:]
    kind = holder.get("object")
    if kind == "list" and name == "data":
        for item in holder["data"]:
            _expand(world, item, rest, path)
        return
    if kind and name not in fields_of(class_of(kind)):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    if holder.get(name) is None and (kind, name) in INCLUDES:
        holder[name] = copy.deepcopy(INCLUDES[str(kind), name](world, holder))
    holder[name] = value = _filled(world, holder.get(name))
    for item in value if isinstance(value, list) else [value]:
        _expand(world, item, rest, path)


def _filled(world: World, value: Any) -> Any:
    """Return an object for its id, or a list of them for a list of ids."""
    if isinstance(value, list):
        return [_filled(world, item) for item in value]
    if isinstance(value, str) and value in world.objects:
        return copy.deepcopy(world.objects[value])
    return value
