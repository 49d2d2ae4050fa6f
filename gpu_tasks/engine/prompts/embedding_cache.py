"""Keep encoded prompts, within a limit of bytes; the one used longest ago goes first."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from gpu_tasks.engine.libraries import torch

Tensors = Mapping[str, torch.Tensor]

DEFAULT_LIMIT_BYTES: Final = 256 * 1024**2


def digest_key(**parts: object) -> str:
    """Make a key of everything that an encoded prompt depends on.

    That is: the model's key and the hash of its weights, LoRAs of its text encoders with their
    weights, embeddings by hash, CLIP skip, text, type and device. Parts are what JSON can hold,
    and different parts never make the same key.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class EmbeddingCache:
    """Map keys to tensors by name; may be used from several threads.

    What goes in and what comes out are copies, so nobody who changes a tensor in place changes
    what others get. A prompt of SDXL is 0.6 MB in half precision, and its copy takes microseconds.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.hits = 0
        self.misses = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, dict[str, torch.Tensor]] = OrderedDict()
        self._nbytes = 0

    def get_or_encode(self, key: str, encode: Callable[[], Tensors]) -> dict[str, torch.Tensor]:
        """Return what is kept under `key`, or what `encode` makes, and keep that.

        Two threads that ask for the same at once may both encode it. Nothing is kept when
        `encode` raises, nor what is larger than the whole limit.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
            else:
                self.hits += 1
                self._entries.move_to_end(key)
        if entry is not None:
            # Copied without the lock: an entry is never changed, only dropped.
            return _copy(entry)
        made = _copy(encode())
        self._keep(key, made)
        return _copy(made)

    def clear(self) -> None:
        """Forget everything, say to give back the memory."""
        with self._lock:
            self._entries.clear()
            self._nbytes = 0

    @property
    def nbytes(self) -> int:
        with self._lock:
            return self._nbytes

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def _keep(self, key: str, entry: dict[str, torch.Tensor]) -> None:
        size = _count_bytes(entry)
        if size > self.limit_bytes:
            return
        with self._lock:
            before = self._entries.pop(key, None)
            if before is not None:
                self._nbytes -= _count_bytes(before)
            self._entries[key] = entry
            self._nbytes += size
            while self._nbytes > self.limit_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._nbytes -= _count_bytes(dropped)


def _copy(tensors: Tensors) -> dict[str, torch.Tensor]:
    # Contiguous, so that a view does not keep the whole of what it is a part of.
    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _count_bytes(tensors: Tensors) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
