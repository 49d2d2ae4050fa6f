"""Read the weights that people write into prompts, free of torch.

    (word)            × 1.1          ((word))         × 1.21
    [word]            ÷ 1.1          (word:1.3)       × 1.3
    (a (b) c:0.8)     nested, weights are multiplied
    (word)1.2         × 1.2          (word)++         × 1.1², (word)-- × 0.9²
    \\( \\) \\[ \\] \\\\  the character itself
    BREAK             what follows starts a new chunk of tokens

The first four lines are as in A1111's web UI, the last form of brackets as in InvokeAI. A plus
behind a bare word is text ("C++"), and so is a number without a decimal point ("(red) 2").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from gpu_tasks.engine.errors import InvalidRequest

ROUND_FACTOR: Final = 1.1
SQUARE_FACTOR: Final = 1 / 1.1
MINUS_FACTOR: Final = 0.9
MIN_WEIGHT: Final = 0.0
MAX_WEIGHT: Final = 5.0

# So many signs are far beyond any weight that is allowed, and no power of so many overflows.
_MAX_SIGNS: Final = 100
_LEXEMES: Final = re.compile(r"\\[\\()\[\]]|[()\[\]]|[^\\()\[\]]+|\\")
_INNER_WEIGHT: Final = re.compile(r":\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\Z", re.ASCII)
_OUTER_WEIGHT: Final = re.compile(r"(\d+\.\d+|\++|-+)(?=[\s,;]|\Z)", re.ASCII)
_BREAK: Final = re.compile(r"\s*\bBREAK\b\s*")
_OPENING: Final = {")": "(", "]": "["}
_SPECIAL: Final = re.compile(r"[\\()\[\]]")


class Span(NamedTuple):
    """Text of one weight."""

    text: str
    weight: float


Block = tuple[Span, ...]


@dataclass(slots=True)
class _Lexeme:
    """A bracket or a run of text; `text` loses what turns out to be a weight.

    `factor` is set on the opening bracket of a pair, and `closes` on the closing one.
    """

    text: str
    is_raw: bool = False
    factor: float | None = None
    closes: bool = False


def parse_prompt(prompt: str) -> tuple[Block, ...]:
    """Split a prompt at each BREAK into blocks, and these into spans of one weight.

    Takes any text: a bracket without its partner is text. Weights are as they were written,
    whether they are allowed or not; `read_prompt` looks at that. An empty prompt is one block
    without spans.
    """
    lexemes = [
        _Lexeme(text=found, is_raw=_SPECIAL.match(found) is None)
        for found in _LEXEMES.findall(prompt)
    ]
    _pair_brackets(lexemes)
    blocks: list[list[Span]] = [[]]
    for text, weight, starts_block in _walk(lexemes):
        if starts_block:
            blocks.append([])
        _append(blocks[-1], text, weight)
    return tuple(tuple(block) for block in blocks)


def read_prompt(prompt: str, *, field: str = "prompt") -> tuple[Block, ...]:
    """Do the same, and raise InvalidRequest for `field` if a weight is not within 0 to 5."""
    blocks = parse_prompt(prompt)
    for span in (span for block in blocks for span in block):
        # Written so that it also holds for a weight that is no number.
        if not MIN_WEIGHT <= span.weight <= MAX_WEIGHT:
            raise InvalidRequest(
                {
                    field: f"has a part with the weight {span.weight:.3g}; weights go from "
                    f"{MIN_WEIGHT:g} to {MAX_WEIGHT:g}. Write (word:1.3), or a backslash before "
                    "brackets that are meant as text"
                }
            )
    return blocks


def strip_weights(prompt: str) -> str:
    """Return the text without weights, for models that know none; BREAK becomes a space."""
    return " ".join("".join(span.text for span in block) for block in parse_prompt(prompt))


def escape_text(text: str) -> str:
    """Write text so that its brackets and backslashes are read as text."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _pair_brackets(lexemes: list[_Lexeme]) -> None:
    open_brackets: list[int] = []
    # How many of each kind are open; else a search for each of many brackets takes for ever.
    counts = {"(": 0, "[": 0}
    for place, lexeme in enumerate(lexemes):
        if lexeme.text in counts:
            open_brackets.append(place)
            counts[lexeme.text] += 1
            continue
        partner = _OPENING.get(lexeme.text)
        if partner is None or not counts[partner]:
            continue
        while lexemes[open_brackets[-1]].text != partner:
            counts[lexemes[open_brackets.pop()].text] -= 1
        counts[partner] -= 1
        lexeme.closes = True
        opening = lexemes[open_brackets.pop()]
        opening.factor = SQUARE_FACTOR if partner == "[" else _take_factor(lexemes, place)


def _take_factor(lexemes: list[_Lexeme], closing: int) -> float:
    """Find the weight of the round brackets that end at `closing`, and take it out of the text."""
    before = lexemes[closing - 1]
    if before.is_raw and (found := _INNER_WEIGHT.search(before.text)):
        before.text = before.text[: found.start()]
        return float(found[1])
    after = lexemes[closing + 1] if closing + 1 < len(lexemes) else None
    if after is None or not after.is_raw or not (found := _OUTER_WEIGHT.match(after.text)):
        return ROUND_FACTOR
    if found.end() == len(after.text) and _is_escape(lexemes, closing + 2):
        return ROUND_FACTOR
    after.text = after.text[found.end() :]
    sign = found[1][0]
    if sign not in "+-":
        return float(found[1])
    base = ROUND_FACTOR if sign == "+" else MINUS_FACTOR
    return float(base ** min(len(found[1]), _MAX_SIGNS))


def _is_escape(lexemes: list[_Lexeme], place: int) -> bool:
    return place < len(lexemes) and lexemes[place].text.startswith("\\")


def _walk(lexemes: list[_Lexeme]) -> Iterator[tuple[str, float, bool]]:
    """Yield text, its weight, and whether it starts a new block."""
    weights = [1.0]
    for lexeme in lexemes:
        if lexeme.factor is not None:
            weights.append(weights[-1] * lexeme.factor)
        elif lexeme.closes:
            weights.pop()
        elif lexeme.is_raw:
            for index, part in enumerate(_BREAK.split(lexeme.text)):
                yield part, weights[-1], index > 0
        else:
            is_escape = len(lexeme.text) == 2
            yield lexeme.text[1:] if is_escape else lexeme.text, weights[-1], False


def _append(block: list[Span], text: str, weight: float) -> None:
    if not text:
        return
    if block and block[-1].weight == weight:
        block[-1] = Span(block[-1].text + text, weight)
    else:
        block.append(Span(text, weight))
