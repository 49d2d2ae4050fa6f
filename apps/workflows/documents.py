"""Documents of workflows on the web side: read, put together and refused with words."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext

from apps.core.errors import FieldMessages, Invalid
from gpu_tasks.nodes.graph import MAX_BYTES, Graph, fill_inputs, read_document
from gpu_tasks.nodes.problems import InvalidGraph, Problem
from gpu_tasks.nodes.values import TYPE_TITLES

# A document may be written with more spaces, and comes with a few values beside it.
MAX_BODY_BYTES: Final = 4 * MAX_BYTES

Document = dict[str, Any]


def read(document: object) -> Graph:
    """Return the graph of a document that came from outside.

    Raises:
        Invalid: it is none; each node and input with what is wrong.
    """
    try:
        return read_document(document)
    except InvalidGraph as error:
        raise refusal(error.problems) from error


def read_with_inputs(document: object, inputs: Mapping[str, object]) -> Graph:
    """Return the graph of a document with literals put into it, named by "node.input".

    Raises:
        Invalid: as `read`; or a node or an input is not there, or a value is not possible.
    """
    graph = read(document)
    try:
        return fill_inputs(graph, inputs)
    except InvalidGraph as error:
        raise refusal(error.problems) from error


def refusal(problems: Iterable[Problem]) -> Invalid:
    """Return the error that tells what is wrong with a graph, by node and input."""
    fields: FieldMessages = {}
    told = []
    for problem in problems:
        message = problem_message(problem)
        fields.setdefault(_field(problem), []).append(message)
        told.append(
            {
                "code": str(problem.code),
                "node": problem.node,
                "input": problem.input,
                "message": message,
            }
        )
    return Invalid(fields=fields, problems=told)


def problem_message(problem: Problem) -> str:
    """Return what is wrong in the language of the reader; `node_words` lists all sentences."""
    titles = frozenset(TYPE_TITLES.values())
    values = {
        name: gettext(value) if value in titles else value for name, value in problem.values.items()
    }
    return gettext(problem.text) % values


def _field(problem: Problem) -> str:
    if problem.node is None:
        return "document"
    return f"nodes.{problem.node}" + ("" if problem.input is None else f".{problem.input}")
