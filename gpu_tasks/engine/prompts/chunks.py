"""Cut a prompt into chunks of tokens as long as a CLIP text encoder takes, free of torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.prompts.weights import Block


class Vector(NamedTuple):
    """Stand for one vector of an embedding."""

    token: str
    place: int


class Token(NamedTuple):
    """A token of the vocabulary, or a vector that is put in its place."""

    number: int
    weight: float
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The tokens between the mark of the beginning and that of the end."""

    tokens: tuple[Token, ...] = ()

    @property
    def is_plain(self) -> bool:
        return all(token.weight == 1 for token in self.tokens)


@dataclass(frozen=True, slots=True)
class Chunker:
    """Cut prompts for one tokenizer, which it does not change.

    `size` is the number of tokens between the marks: 75 for CLIP. `vector_counts` says of how
    many vectors each word is that stands for an embedding.
    """

    tokenizer: Any
    size: int
    vector_counts: Mapping[str, int]

    def cut(self, blocks: Sequence[Block]) -> list[Chunk]:
        """Return at least one chunk. Each block starts one, and no embedding is torn apart.

        Raises InvalidRequest for an embedding that is longer than a chunk.
        """
        return [Chunk(tuple(tokens)) for block in blocks for tokens in self._fill(block)]

    def _fill(self, block: Block) -> list[list[Token]]:
        chunks: list[list[Token]] = [[]]
        for unit in self._units(block):
            if len(unit) > self.size:
                raise InvalidRequest({"embeddings": "has more vectors than this model takes"})
            if len(chunks[-1]) + len(unit) > self.size:
                chunks.append([])
            chunks[-1].extend(unit)
        return chunks

    def _units(self, block: Block) -> Iterator[list[Token]]:
        """Yield what must not be torn apart: a token, or all vectors of an embedding."""
        words = {word.lower(): word for word in self.vector_counts}
        pattern = _find_words(words)
        for text, weight in block:
            parts = [text] if pattern is None else pattern.split(text)
            for index, part in enumerate(parts):
                # re.split returns what it matched at odd places.
                if index % 2 == 0:
                    for number in self._numbers(part):
                        yield [Token(number, weight)]
                else:
                    word = words[part.lower()]
                    yield [
                        Token(self._stand_in, weight, Vector(word, place))
                        for place in range(self.vector_counts[word])
                    ]

    def _numbers(self, text: str) -> list[int]:
        if not text:
            return []
        found: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return found

    @property
    def _stand_in(self) -> int:
        # Not the mark of the end, where the encoder looks for the pooled output; some look for
        # the highest number instead.
        return 0 if self.tokenizer.eos_token_id != 0 else 1


def _find_words(words: Mapping[str, str]) -> re.Pattern[str] | None:
    """Match any of the words where it stands alone; the tokenizer knows no case either."""
    if not words:
        return None
    longest_first = sorted(words, key=len, reverse=True)
    choices = "|".join(re.escape(word) for word in longest_first)
    return re.compile(rf"(?<!\w)({choices})(?!\w)", re.IGNORECASE)
