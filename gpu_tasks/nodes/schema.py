"""The declarations as JSON: the palette for editors, and a JSON Schema of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gpu_tasks.nodes.declaring import (
    CATEGORY_TITLES,
    COLOUR_PATTERN,
    MAX_KEY,
    UUID_PATTERN,
    Input,
    Node,
)
from gpu_tasks.nodes.graph import (
    FORMAT,
    MAX_DESCRIPTION,
    MAX_EDGES,
    MAX_FORM_FIELDS,
    MAX_LABEL,
    MAX_NAME,
    MAX_NODES,
    MAX_POSITION,
    NAME_PATTERN,
    RESERVED_IDS,
)
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import TYPE_TITLES, ValueType, accepted_types

# No text can be stored with this character in it.
_TEXT_PATTERN: Final = "^[^\\u0000]*$"


def palette() -> dict[str, Any]:
    """Return the types, categories and nodes, as plain values with English titles."""
    return {
        "types": {
            kind.value: {
                "title": title,
                "accepts": [accepted.value for accepted in accepted_types(kind)],
            }
            for kind, title in TYPE_TITLES.items()
        },
        "categories": [
            {"key": key.value, "title": title} for key, title in CATEGORY_TITLES.items()
        ],
        "nodes": [_palette_node(node) for node in NODES.values()],
    }


def _palette_node(node: Node) -> dict[str, Any]:
    return {
        "type": node.type,
        "version": node.version,
        "title": node.title,
        "description": node.description,
        "category": node.category.value,
        "is_output": node.is_output,
        "inputs": [_palette_input(one) for one in node.inputs],
        "outputs": [
            {"name": one.name, "title": one.title, "type": one.type.value} for one in node.outputs
        ],
    }


def _palette_input(one: Input) -> dict[str, Any]:
    least, most = one.range or (None, None)
    return {
        "name": one.name,
        "title": one.title,
        "description": one.description,
        "type": one.type.value,
        "takes": one.takes,
        "required": one.required,
        "nullable": one.is_optional and one.takes != "link",
        "default": None if one.required else one.default,
        "least": least,
        "most": most,
        "step": one.step,
        "choices": [{"value": key, "title": title} for key, title in one.choices.items()],
        "max_length": one.max_length if one.type is ValueType.TEXT else None,
        "widget": one.shown_as,
        "kinds": list(one.kinds),
    }


def document_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of documents.

    It says all that can be wrong with one node, link or field of the form; what they have wrong
    together (links to nodes that are not there, circles …) no schema can say.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Easel workflow",
        "type": "object",
        "required": ["easel_workflow", "nodes"],
        "additionalProperties": False,
        "properties": {
            "easel_workflow": {"const": FORMAT},
            "name": _text(MAX_NAME),
            "description": _text(MAX_DESCRIPTION),
            "nodes": {"type": "array", "maxItems": MAX_NODES, "items": {"$ref": "#/$defs/node"}},
            "edges": {"type": "array", "maxItems": MAX_EDGES, "items": {"$ref": "#/$defs/edge"}},
            "form": {
                "type": "array",
                "maxItems": MAX_FORM_FIELDS,
                "items": {"$ref": "#/$defs/field"},
            },
        },
        "$defs": {
            "name": {"type": "string", "pattern": NAME_PATTERN},
            "id": {"$ref": "#/$defs/name", "not": {"enum": list(RESERVED_IDS)}},
            "end": {
                "type": "array",
                "items": {"$ref": "#/$defs/name"},
                "minItems": 2,
                "maxItems": 2,
            },
            "edge": {
                "type": "object",
                "required": ["from", "to"],
                "additionalProperties": False,
                "properties": {key: {"$ref": "#/$defs/end"} for key in ("from", "to")},
            },
            "field": {
                "type": "object",
                "required": ["node", "input"],
                "additionalProperties": False,
                "properties": {
                    "node": {"$ref": "#/$defs/id"},
                    "input": {"$ref": "#/$defs/name"},
                    "title": _text(MAX_NAME),
                },
            },
            "node": _node_schema(),
            **{f"inputs_{node.type}": _inputs_schema(node) for node in NODES.values()},
        },
    }


def _node_schema() -> dict[str, Any]:
    place = {"type": "number", "minimum": -MAX_POSITION, "maximum": MAX_POSITION}
    return {
        "type": "object",
        "required": ["id", "type"],
        "additionalProperties": False,
        "properties": {
            "id": {"$ref": "#/$defs/id"},
            "type": {"enum": list(NODES)},
            "version": {},
            "label": _text(MAX_LABEL),
            "position": {"type": "array", "items": place, "minItems": 2, "maxItems": 2},
            "inputs": {"type": "object"},
        },
        "allOf": [
            {
                "if": {"properties": {"type": {"const": node.type}}, "required": ["type"]},
                "then": {
                    "properties": {
                        "version": {"const": node.version},
                        "inputs": {"$ref": f"#/$defs/inputs_{node.type}"},
                    }
                },
            }
            for node in NODES.values()
        ],
    }


def _inputs_schema(node: Node) -> dict[str, Any]:
    return {
        "title": node.title,
        "description": node.description,
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: _value_schema(one) for one in node.inputs if one.takes != "link"},
    }


def _value_schema(one: Input) -> dict[str, Any]:
    schema = {"title": one.title, **_plain_schema(one)}
    if one.description:
        schema["description"] = one.description
    if not one.required:
        schema["default"] = one.default
    if one.is_optional:
        schema = {**schema, "anyOf": [{"type": "null"}, _plain_schema(one)]}
        for key in _plain_schema(one):
            del schema[key]
    return schema


def _plain_schema(one: Input) -> dict[str, Any]:
    if one.range is not None:
        least, most = one.range
        kind = "number" if one.type is ValueType.NUMBER else "integer"
        schema: dict[str, Any] = {"type": kind, "minimum": least, "maximum": most}
        if one.multiple > 1:
            schema["multipleOf"] = one.multiple
        return schema
    if one.type is ValueType.TEXT:
        return _text(one.max_length)
    if one.type is ValueType.CHOICE:
        return {"enum": list(one.choices)}
    return dict(_STRINGS[one.type])


_STRINGS: Final[Mapping[ValueType, Mapping[str, Any]]] = {
    ValueType.FLAG: {"type": "boolean"},
    ValueType.COLOUR: {"type": "string", "pattern": COLOUR_PATTERN},
    ValueType.MODEL_KEY: {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY,
        "pattern": _TEXT_PATTERN,
    },
    ValueType.PICTURE_NAME: {"type": "string", "pattern": UUID_PATTERN},
    ValueType.BOARD: {"type": "string", "pattern": UUID_PATTERN},
}


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "pattern": _TEXT_PATTERN}
