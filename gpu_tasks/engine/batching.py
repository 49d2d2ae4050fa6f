"""How many pictures to make in one forward pass, by what passes of each size have taken here."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_PICTURES: Final = 8
# Everybody in a larger pass waits longer, so twice as many pictures must save that much of each.
WORTH_WHILE: Final = 0.9
# The last pass counts for so much of what is known.
_NEWEST_SHARE: Final = 0.3
# After so many passes larger ones are tried again: one bad moment must not decide for ever.
_PASSES_A_VERDICT: Final = 200
_SHAPES_KEPT: Final = 256


class Batching(StrEnum):
    """Whether jobs share forward passes: when it pays, never, or whenever they can."""

    AUTO = "auto"
    OFF = "off"
    FORCE = "force"


@dataclass(slots=True)
class _Pace:
    """Seconds a picture by size of the pass (1, 2, 4, 8) for requests of one shape."""

    seconds: dict[int, float] = field(default_factory=dict)
    too_large: int = 2 * MAX_PICTURES
    passes: int = 0


class BatchTable:
    """Know for each shape of request which size of a forward pass pays on this device.

    It is measured on the jobs themselves: the first is made alone, then each size is tried that
    is twice one that paid, as long as so many jobs wait. A size that ran out of memory is not
    tried again.
    """

    def __init__(self, mode: Batching) -> None:
        self.mode = mode
        self._paces: OrderedDict[str, _Pace] = OrderedDict()

    def pictures_for(self, shape: str) -> int:
        """Return how many pictures a pass of this shape should have, 1 to `MAX_PICTURES`."""
        if self.mode is Batching.OFF:
            return 1
        pace = self._paces.get(shape, _Pace())
        largest = min(MAX_PICTURES, pace.too_large // 2)
        if self.mode is Batching.FORCE:
            return largest
        size = 1
        while size in pace.seconds and 2 * size <= largest:
            larger = pace.seconds.get(2 * size)
            if larger is not None and larger > WORTH_WHILE * pace.seconds[size]:
                break
            size *= 2
        return size

    def note(self, shape: str, *, pictures: int, seconds: float) -> None:
        """Take note that a pass of so many pictures was made in so many seconds."""
        pace = self._pace(shape)
        pace.passes += 1
        if pace.passes % _PASSES_A_VERDICT == 0:
            pace.seconds = {size: known for size, known in pace.seconds.items() if size == 1}
        size = _size(pictures)
        known = pace.seconds.get(size, seconds / pictures)
        pace.seconds[size] = known + _NEWEST_SHARE * (seconds / pictures - known)

    def note_failure(self, shape: str, *, pictures: int) -> None:
        """Take note that a pass of so many pictures failed, and was made one by one."""
        pace = self._pace(shape)
        pace.too_large = min(pace.too_large, _size(pictures))

    def _pace(self, shape: str) -> _Pace:
        pace = self._paces.setdefault(shape, _Pace())
        self._paces.move_to_end(shape)
        if len(self._paces) > _SHAPES_KEPT:
            self._paces.popitem(last=False)
        return pace


def _size(pictures: int) -> int:
    """Return the size of the table, a power of two, that so many pictures belong to."""
    return min(1 << (pictures.bit_length() - 1), MAX_PICTURES)
