"""Read the header of a safetensors file of a stranger: what it holds, and nothing it does.

https://huggingface.co/docs/safetensors: 8 bytes of length (little endian), then JSON, then the
numbers, each tensor right behind the one before it.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from apps.catalog.probing.documents import parse_object
from apps.catalog.probing.refusals import ProbeRefused

LENGTH_BYTES = 8
MOST_HEADER = 100_000_000
MOST_TENSORS = 100_000
MOST_NAME = 512
MOST_DIMENSIONS = 8
MOST_METADATA = 2000

# Bits of one number.
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where the numbers of a tensor lie in its file, from `begin` to `end`."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says it holds; names and metadata are a stranger's words."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, () if there is none of that name."""
        found = self.tensors.get(name)
        return () if found is None else found.shape


def read_header(path: Path) -> Header:
    """Read and check the header of a file.

    Raises:
        ProbeRefused: it is no safetensors file, or not a whole and clean one.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(LENGTH_BYTES)
        length = int.from_bytes(start, "little")
        if len(start) < LENGTH_BYTES or length > min(MOST_HEADER, size - LENGTH_BYTES):
            raise _damaged("its header does not fit")
        raw = file.read(length)
    if raw.count(b'"data_offsets"') > MOST_TENSORS:
        raise _damaged("too many tensors")
    document = parse_object(raw, most_bytes=MOST_HEADER)
    if document is None:
        raise _damaged("its header is no clean JSON")
    metadata = _checked_metadata(document.pop("__metadata__", {}))
    if not document or len(document) > MOST_TENSORS:
        raise _damaged("no tensors, or too many")
    tensors = {_checked_name(name): _checked_tensor(entry) for name, entry in document.items()}
    _check_places(tensors, size - LENGTH_BYTES - length)
    offset = LENGTH_BYTES + length
    moved = {
        name: Tensor(tensor.dtype, tensor.shape, offset + tensor.begin, offset + tensor.end)
        for name, tensor in tensors.items()
    }
    return Header(moved, metadata)


def read_floats(path: Path, tensor: Tensor, *, most: int = 4096) -> list[float]:
    """Return the first numbers of a small tensor of 16 or 32 bits; none of any other."""
    with path.open("rb") as file:
        file.seek(tensor.begin)
        raw = file.read(min(tensor.end - tensor.begin, most * 4))
    if tensor.dtype == "F32":
        return [value for (value,) in struct.iter_unpack("<f", raw)]
    if tensor.dtype == "F16":
        return [value for (value,) in struct.iter_unpack("<e", raw)]
    if tensor.dtype == "BF16":
        # Its bits are the upper half of those of 32.
        pairs = (b"\0\0" + raw[at : at + 2] for at in range(0, len(raw), 2))
        return [struct.unpack("<f", pair)[0] for pair in pairs]
    return []


def _damaged(reason: str) -> ProbeRefused:
    return ProbeRefused(
        _("This is not a safetensors file, or it is damaged. Only safetensors are taken."),
        reason=reason,
    )


def _checked_metadata(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or len(found) > MOST_METADATA:
        raise _damaged("its metadata are no texts by name")
    if not all(isinstance(value, str) for value in found.values()):
        raise _damaged("its metadata are no texts")
    return found


def _checked_name(name: str) -> str:
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise _damaged("a name of a tensor")
    return name


def _checked_tensor(entry: Any) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _damaged("an entry of a tensor")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _damaged("a kind of numbers")
    if not _are_sizes(shape) or len(shape) > MOST_DIMENSIONS:
        raise _damaged("a shape")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged("places")
    begin, end = offsets
    if (end - begin) * 8 != prod(shape) * _BITS[dtype]:
        raise _damaged("a tensor has not the size of its shape")
    return Tensor(dtype, tuple(shape), begin, end)


def _are_sizes(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
        for value in found
    )


def _check_places(tensors: Mapping[str, Tensor], room: int) -> None:
    at = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != at:
            raise _damaged("tensors overlap, or something lies between them")
        at = tensor.end
    if at != room:
        raise _damaged("the file does not end with its last tensor")
