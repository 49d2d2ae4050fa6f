"""What prepares text and pictures for Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.libraries import transformers

_PLACE: Final = "<|image_pad|>"


@dataclass(frozen=True, slots=True, eq=False)
class QwenReader:
    """Stand in for the library's processor, which asks for torchvision because of films.

    Each mark of a picture in a text is repeated for every place that the picture takes in the
    line of tokens: its patches, of which `merge_size` × `merge_size` are one place.
    """

    image_processor: Any
    tokenizer: Any

    @classmethod
    def from_pretrained(cls, path: Path, *, subfolder: str, **options: Any) -> QwenReader:
        """Load from the folder that the library's processor was saved to."""
        return cls(
            transformers.Qwen2VLImageProcessorPil.from_pretrained(  # nosec B615  # a directory
                path, subfolder=subfolder, **options
            ),
            transformers.Qwen2Tokenizer.from_pretrained(  # nosec B615  # a directory
                path, subfolder=subfolder, **options
            ),
        )

    def __call__(
        self,
        *,
        text: Sequence[str],
        images: Image.Image | Sequence[Image.Image] | None = None,
        **options: Any,
    ) -> Any:
        """Return tokens and, if there are `images`, their patches; they lie in order in `text`."""
        if images is None:
            return self.tokenizer(list(text), **options)
        pixels = self.image_processor(images=images, return_tensors="pt")
        merged = int(self.image_processor.merge_size) ** 2
        places = iter([int(grid.prod()) // merged for grid in pixels["image_grid_thw"]])
        tokens = self.tokenizer([_fill(one, places) for one in text], **options)
        return transformers.BatchFeature({**tokens, **pixels})


def _fill(text: str, places: Any) -> str:
    first, *others = text.split(_PLACE)
    return first + "".join(_PLACE * next(places) + other for other in others)
