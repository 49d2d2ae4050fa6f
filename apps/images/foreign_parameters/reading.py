"""Find which tool wrote the texts of a file, and read them as its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.images.files import METADATA_CHUNK, PARAMETERS_CHUNK, WORKFLOW_CHUNK
from apps.images.foreign_parameters import a1111, comfyui, invokeai
from apps.images.foreign_parameters.fields import checked
from apps.images.foreign_parameters.values import mapping, parsed, storable_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignParameters:
    """What a file tells about how its picture was made.

    `metadata` has `source` ("invokeai", "a1111", "comfyui" or "easel") and, of our own names, those
    whose values were fit; `scheduler` is one of ours, `scheduler_name` what the tool calls it.
    `workflow` is the graph of nodes, as its tool wrote it. All of it can be stored.
    """

    metadata: dict[str, Any]
    workflow: dict[str, Any] | None


def read_parameters(texts: Mapping[str, str]) -> ForeignParameters | None:
    """Read the texts of a file; None if they tell nothing. Never raises."""
    readers = (
        ("easel", _easel(texts), parsed(texts.get(WORKFLOW_CHUNK))),
        ("invokeai", invokeai.read(texts), invokeai.workflow(texts)),
        ("comfyui", comfyui.read(texts), comfyui.workflow(texts)),
        ("a1111", a1111.read(texts.get(PARAMETERS_CHUNK, "")), None),
    )
    graph = next((found for _, _, found in readers if found), None)
    workflow = storable_graph(graph)
    for source, raw, _ in readers:
        values = checked(raw)
        if values:
            metadata = {"source": raw.get("source", source), **values}
            return ForeignParameters(metadata=metadata, workflow=workflow)
    if workflow is None:
        return None
    source = next(source for source, _, found in readers if found)
    return ForeignParameters(metadata={"source": source}, workflow=workflow)


def _easel(texts: Mapping[str, str]) -> dict[str, Any]:
    found = mapping(parsed(texts.get(METADATA_CHUNK)))
    return {name: value for name, value in found.items() if name != "source"}
