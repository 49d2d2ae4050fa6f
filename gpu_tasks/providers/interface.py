"""What a provider is asked and what it gives: the one interface of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from PIL import Image

from gpu_tasks.providers.facts import ProviderFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to connect, without a byte of the answer, and for a whole call."""

    connect: float = 5.0
    read: float = 180.0
    whole: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a provider is asked and by which key, which nothing prints."""

    base_url: str
    key: str = field(repr=False)
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOrder:
    """Ask for `count` pictures in one call; at most as many as the model makes at once.

    `start` is the picture that they start from, and `strength` (0 to 1) how much of it may change.
    Where `mask` (mode L, of the size of `start`) is white, `start` is painted anew. `references`
    are looked at.
    """

    facts: ProviderFacts
    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    count: int = 1
    seed: int | None = None
    start: Image.Image | None = None
    strength: float | None = None
    mask: Image.Image | None = None
    references: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Hold the pictures of one call and the provider's own name for it, for the log."""

    pictures: tuple[Image.Image, ...]
    request_id: str = ""


class ImageProvider(Protocol):
    """A client of one provider with one key."""

    def make(self, order: PictureOrder) -> Made:
        """Have pictures made by one call, which is never repeated here.

        Raises:
            ProviderError: one of its kinds.
        """
        ...

    def check_key(self) -> None:
        """Do nothing if the key is good; costs nothing at the provider.

        Raises:
            ProviderRejectedKey: it is not.
            ProviderError: that could not be found out.
        """
        ...

    def close(self) -> None:
        """Close what connections are open."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
