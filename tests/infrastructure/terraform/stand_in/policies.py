"""Render `aws_iam_policy_document`, which the provider does by itself, without AWS."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgpack

UNKNOWN = msgpack.ExtType(0, b"\x00")


def render(config: Mapping[str, Any]) -> str:
    """Return the document of some arguments, all of them known.

    It says what the provider's own says; its lists are in the order of the alphabet.

    Raises:
        ValueError: two statements have one name and neither is there to override the other.
    """
    statements = [
        each for text in config["source_policy_documents"] or () for each in _statements_of(text)
    ]
    statements += [_statement(each) for each in config["statement"]]
    names = [each["Sid"] for each in statements if "Sid" in each]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"duplicate Sid ({', '.join(doubled)})")
    for text in config["override_policy_documents"] or ():
        for override in _statements_of(text):
            kept = [each for each in statements if each.get("Sid") != override.get("Sid", "")]
            statements = [*kept, override]
    document = {"Version": config["version"] or "2012-10-17", "Statement": statements}
    if config["policy_id"]:
        document["Id"] = config["policy_id"]
    return json.dumps(document, indent=2, sort_keys=True)


def _statements_of(text: str) -> list[dict[str, Any]]:
    found = json.loads(text).get("Statement", []) if text else []
    return found if isinstance(found, list) else [found]


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": given["effect"] or "Allow"}
    if given["sid"]:
        statement["Sid"] = given["sid"]
    for argument, key in (
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ):
        if given[argument]:
            statement[key] = _one_or_many(given[argument])
    for argument, key in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if given[argument]:
            statement[key] = _principals(given[argument])
    for condition in given["condition"]:
        tests = statement.setdefault("Condition", {}).setdefault(condition["test"], {})
        tests[condition["variable"]] = _one_or_many(condition["values"])
    return statement


def _principals(given: Sequence[Mapping[str, Any]]) -> Any:
    if [(each["type"], list(each["identifiers"])) for each in given] == [("*", ["*"])]:
        return "*"
    by_type: dict[str, list[str]] = {}
    for each in given:
        by_type.setdefault(each["type"], []).extend(each["identifiers"])
    return {kind: _one_or_many(names) for kind, names in by_type.items()}


def _one_or_many(values: Iterable[str]) -> str | list[str]:
    ordered = sorted(set(values))
    return ordered[0] if len(ordered) == 1 else ordered
