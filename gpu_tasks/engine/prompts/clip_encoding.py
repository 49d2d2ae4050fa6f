"""Encode prompts for the models that are told by CLIP: SD 1.5, SD 2, SDXL and its refiner.

A prompt without weights that fits into one chunk is encoded exactly as diffusers' pipelines do.
Beyond that the rules are those of A1111's web UI: long prompts go through the encoder in chunks
of 75 tokens and are joined; weights multiply what comes out, and the mean of the chunk is put
back to what it was; the pooled output is that of the first chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.prompts.chunks import Chunk, Chunker
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache, digest_key
from gpu_tasks.engine.prompts.embedding_files import Embedding
from gpu_tasks.engine.prompts.weights import read_prompt

# Below this part of the spread the mean is noise, and restoring it would blow the rest up.
_LEAST_MEAN: Final = 1e-3


class Layer(Enum):
    """Which layer of the encoder a family is told by."""

    # SD 1.5 and SD 2: the last, normalised; CLIP skip counts from there, normalised as well.
    LAST = "last"
    # SDXL: the last but one as it is; CLIP skip counts from there.
    PENULTIMATE = "penultimate"


@dataclass(frozen=True, slots=True, eq=False)
class ClipPart:
    """A text encoder and its tokenizer; names of encoders are those in embedding files."""

    name: str
    tokenizer: Any
    text_encoder: Any

    @property
    def length(self) -> int:
        """Tokens in a chunk, marks included: 77 for CLIP."""
        return min(
            int(self.tokenizer.model_max_length),
            int(self.text_encoder.config.max_position_embeddings),
        )

    @property
    def width(self) -> int:
        return int(self.text_encoder.config.hidden_size)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPrompts:
    """Hold prompts, one a row.

    `prompt_embeds` is [prompts, chunks × length, widths of all encoders], `pooled` is
    [prompts, projection width], or None for models that take none.
    """

    prompt_embeds: torch.Tensor
    pooled: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Encoding:
    """Say how to encode.

    `clip_skip` is diffusers' number: None (or 0) for the layer that the family is made for, 1 for
    the one before. `model_state` is a digest of what the encoders are at the moment (weights,
    LoRAs with their weights); the cache is used only if it is given.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    clip_skip: int | None = None
    embeddings: Sequence[Embedding] = ()
    cache: EmbeddingCache | None = None
    model_state: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ClipEncoder:
    """Encode prompts with one or two encoders. Neither they nor their tokenizers are changed.

    Each chunk goes through the encoder by itself, so that what a prompt becomes does not depend
    on others in the batch, to the last bit. Must not run in two threads at once on one encoder.
    """

    parts: tuple[ClipPart, ...]
    layer: Layer = field(default=Layer.LAST)

    @classmethod
    def for_stable_diffusion(
        cls, tokenizer: Any, text_encoder: Any, *, name: str = "clip_l"
    ) -> ClipEncoder:
        """Make it for SD 1.5, or with the name "clip_h" for SD 2."""
        return cls((ClipPart(name, tokenizer, text_encoder),))

    @classmethod
    def for_sdxl(
        cls, tokenizer: Any, text_encoder: Any, tokenizer_2: Any, text_encoder_2: Any
    ) -> ClipEncoder:
        """Make it for SDXL; the refiner has None for the first two."""
        parts = (
            ClipPart("clip_l", tokenizer, text_encoder),
            ClipPart("clip_g", tokenizer_2, text_encoder_2),
        )
        present = tuple(part for part in parts if part.text_encoder is not None)
        return cls(present, Layer.PENULTIMATE)

    @property
    def encoder_widths(self) -> dict[str, int]:
        """What `load_embedding` asks for."""
        return {part.name: part.width for part in self.parts}

    def count_chunks(self, prompt: str, embeddings: Sequence[Embedding] = ()) -> int:
        """Return how many chunks a prompt takes."""
        return _count([self._cut(prompt, embeddings, field_name="prompt")])

    def encode(
        self, prompts: Sequence[str], how: Encoding, *, chunks: int = 1, field_name: str = "prompt"
    ) -> EncodedPrompts:
        """Encode prompts, padded with empty chunks to the longest of them and to `chunks`.

        Raises InvalidRequest for `field_name` on a weight that is not allowed, for `embeddings`
        on one that does not fit, and for `clip_skip` on more layers than there are.
        """
        cut = [self._cut(prompt, how.embeddings, field_name=field_name) for prompt in prompts]
        return self._encode(cut, how, chunks=max(chunks, _count(cut)))

    def encode_for_guidance(
        self,
        prompts: Sequence[str],
        negative_prompts: Sequence[str],
        how: Encoding,
        *,
        zero_when_empty: bool = False,
    ) -> tuple[EncodedPrompts, EncodedPrompts]:
        """Encode both to the same length: what to make, and what not.

        As in diffusers, CLIP skip is for the former alone, and an empty negative prompt is zeros
        where the model says so (`force_zeros_for_empty_prompt` of SDXL). Raises as `encode` does,
        and for `negative_prompt`.
        """
        cut = [self._cut(text, how.embeddings, field_name="prompt") for text in prompts]
        negative_cut = [
            self._cut(text, how.embeddings, field_name="negative_prompt")
            for text in negative_prompts
        ]
        count = _count([*cut, *negative_cut])
        positive = self._encode(cut, how, chunks=count)
        negative = self._encode(negative_cut, replace(how, clip_skip=None), chunks=count)
        if zero_when_empty:
            for row, text in enumerate(negative_prompts):
                if not text:
                    negative.prompt_embeds[row] = 0
                    if negative.pooled is not None:
                        negative.pooled[row] = 0
        return positive, negative

    def _cut(
        self, prompt: str, embeddings: Sequence[Embedding], *, field_name: str
    ) -> list[list[Chunk]]:
        """Cut a prompt for each of the encoders."""
        _check_embeddings(self, embeddings)
        blocks = read_prompt(prompt, field=field_name)
        return [
            Chunker(
                part.tokenizer,
                part.length - 2,
                {one.token: len(one.vectors[part.name]) for one in embeddings},
            ).cut(blocks)
            for part in self.parts
        ]

    def _encode(
        self, cut: Sequence[Sequence[Sequence[Chunk]]], how: Encoding, *, chunks: int
    ) -> EncodedPrompts:
        _check_clip_skip(self, how.clip_skip)
        run = _Run(self.layer, how)
        rows = [
            run.join([_pad(of_part, chunks) for of_part in of_prompt], self.parts)
            for of_prompt in cut
        ]
        pooled = [row.pooled for row in rows if row.pooled is not None]
        return EncodedPrompts(
            torch.cat([row.prompt_embeds for row in rows]),
            torch.cat(pooled) if pooled else None,
        )


@dataclass(slots=True)
class _Run:
    """Encode chunks, each different one once."""

    layer: Layer
    how: Encoding
    done: dict[tuple[str, Chunk], Mapping[str, torch.Tensor]] = field(default_factory=dict)

    def join(
        self, chunks_of_parts: Sequence[Sequence[Chunk]], parts: Sequence[ClipPart]
    ) -> EncodedPrompts:
        """Make one row: chunks one after another, encoders beside each other."""
        sides: list[torch.Tensor] = []
        pooled: list[torch.Tensor] = []
        for part, chunks in zip(parts, chunks_of_parts, strict=True):
            encoded = [self._encode(part, chunk) for chunk in chunks]
            sides.append(torch.cat([one["hidden"] for one in encoded], dim=1))
            if "pooled" in encoded[0]:
                pooled.append(encoded[0]["pooled"])
        return EncodedPrompts(
            torch.cat(sides, dim=-1), torch.cat(pooled, dim=-1) if pooled else None
        )

    def _encode(self, part: ClipPart, chunk: Chunk) -> Mapping[str, torch.Tensor]:
        known = self.done.get((part.name, chunk))
        if known is not None:
            return known
        if self.how.cache is None or not self.how.model_state:
            made = self._run(part, chunk)
        else:
            made = self.how.cache.get_or_encode(
                self._key(part, chunk), lambda: self._run(part, chunk)
            )
        self.done[part.name, chunk] = made
        return made

    def _key(self, part: ClipPart, chunk: Chunk) -> str:
        used = {token.vector.token for token in chunk.tokens if token.vector}
        return digest_key(
            model=self.how.model_state,
            encoder=part.name,
            layer=self.layer.value,
            clip_skip=self.how.clip_skip or 0,
            tokens=[list(token) for token in chunk.tokens],
            embeddings=[
                [one.token, one.sha256] for one in self.how.embeddings if one.token in used
            ],
            device=str(self.how.device),
            dtype=str(self.how.dtype),
        )

    @torch.no_grad()
    def _run(self, part: ClipPart, chunk: Chunk) -> dict[str, torch.Tensor]:
        tokenizer, encoder = part.tokenizer, part.text_encoder
        numbers = [tokenizer.bos_token_id, *(token.number for token in chunk.tokens)]
        numbers.append(tokenizer.eos_token_id)
        numbers += [tokenizer.pad_token_id] * (part.length - len(numbers))
        with _vectors_put_in(encoder, self._vectors(part, chunk)):
            output = encoder(
                torch.tensor([numbers], device=self.how.device), output_hidden_states=True
            )
        hidden = _weigh(_choose_layer(encoder, output, self.layer, self.how.clip_skip), chunk)
        found = {"hidden": hidden}
        if self.layer is Layer.PENULTIMATE and output[0].ndim == 2:
            found["pooled"] = output[0]
        dtype = self.how.dtype or encoder.dtype
        return {name: tensor.to(self.how.device, dtype) for name, tensor in found.items()}

    def _vectors(self, part: ClipPart, chunk: Chunk) -> dict[int, torch.Tensor]:
        """Return vectors by their place in the chunk, the mark of its beginning counted."""
        by_token = {one.token: one.vectors[part.name] for one in self.how.embeddings}
        return {
            place: by_token[token.vector.token][token.vector.place]
            for place, token in enumerate(chunk.tokens, start=1)
            if token.vector is not None
        }


@contextmanager
def _vectors_put_in(text_encoder: Any, vectors: Mapping[int, torch.Tensor]) -> Iterator[None]:
    """Have the encoder see these vectors at these places, in this thread and block alone."""
    if not vectors:
        yield
        return
    thread = threading.get_ident()

    def put_in(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if threading.get_ident() != thread:
            return output
        changed = output.clone()
        changed[:, list(vectors)] = torch.stack(list(vectors.values())).to(output)
        return changed

    handle = text_encoder.get_input_embeddings().register_forward_hook(put_in)
    try:
        yield
    finally:
        handle.remove()


def _choose_layer(
    text_encoder: Any, output: Any, layer: Layer, clip_skip: int | None
) -> torch.Tensor:
    skip = clip_skip or 0
    chosen: torch.Tensor
    if layer is Layer.PENULTIMATE:
        chosen = output.hidden_states[-(skip + 2)]
    elif skip == 0:
        chosen = output.last_hidden_state
    else:
        # The plain encoder of some releases of the library wraps another, that of others is it.
        inner = getattr(text_encoder, "text_model", text_encoder)
        chosen = inner.final_layer_norm(output.hidden_states[-(skip + 1)])
    return chosen


def _weigh(hidden: torch.Tensor, chunk: Chunk) -> torch.Tensor:
    """Multiply what comes out at each token [1, length, width] by its weight; keep the mean."""
    if chunk.is_plain:
        return hidden
    weights = torch.ones(hidden.shape[1], dtype=torch.float32, device=hidden.device)
    weights[1 : len(chunk.tokens) + 1] = torch.tensor(
        [token.weight for token in chunk.tokens], device=hidden.device
    )
    before = hidden.to(torch.float32)
    after = before * weights[:, None]
    old_mean, new_mean = before.mean(), after.mean()
    least = _LEAST_MEAN * before.std()
    can_restore = (old_mean.abs() > least) & (new_mean.abs() > least)
    ratio = torch.where(can_restore, old_mean / new_mean, torch.ones_like(old_mean))
    return (after * ratio).to(hidden.dtype)


def _count(cut: Sequence[Sequence[Sequence[Chunk]]]) -> int:
    return max(len(of_part) for of_prompt in cut for of_part in of_prompt)


def _pad(chunks: Sequence[Chunk], count: int) -> list[Chunk]:
    return [*chunks, *[Chunk()] * (count - len(chunks))]


def _check_clip_skip(encoder: ClipEncoder, clip_skip: int | None) -> None:
    # What is skipped to is at the least the output of the first layer.
    used_up = 1 if encoder.layer is Layer.LAST else 2
    layers = min(int(part.text_encoder.config.num_hidden_layers) for part in encoder.parts)
    most = max(0, layers - used_up)
    if clip_skip is not None and not 0 <= clip_skip <= most:
        raise InvalidRequest({"clip_skip": f"must be between 0 and {most} for this model"})


def _check_embeddings(encoder: ClipEncoder, embeddings: Sequence[Embedding]) -> None:
    tokens = [one.token.lower() for one in embeddings]
    if len(set(tokens)) < len(tokens):
        raise InvalidRequest({"embeddings": "has two that are called by the same word"})
    for one in embeddings:
        shapes = {name: vectors.shape[-1] for name, vectors in one.vectors.items()}
        if any(shapes.get(part.name) != part.width for part in encoder.parts):
            raise InvalidRequest({"embeddings": "has one that was made for another kind of model"})
