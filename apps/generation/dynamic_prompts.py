r"""Make many prompts of one template.

    {red|blue}              one of them; each may hold more of the same
    {3::red|1::blue}        red three times as often as blue; one of weight 0 never
    {2$$a|b|c}              two of them, in this order, with ", " between
    {1-2$$ and $$a|b|c}     one or two, with " and " between
    __colour__              one of the values of a wildcard, which may hold all this as well
    \{ \} \| \_             the character itself; other backslashes stay for the weights of prompts

Templates and wildcards are what anybody wrote: they are counted before they are expanded, and
depth, length and work are limited. The same seed gives the same prompts, in any release of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import prod
from random import Random
from typing import Final, Literal, NamedTuple, NoReturn

from django.utils.translation import gettext as _

from apps.catalog.limits import MAX_PROMPT_LENGTH
from apps.core.errors import Invalid

Mode = Literal["random", "all"]

MAX_PROMPTS: Final = 256
MAX_DEPTH: Final = 16
MAX_WILDCARD_DEPTH: Final = 8
# Choices and texts that one prompt may be made of.
MAX_PIECES: Final = 10_000
# To count the outcomes of a choice takes so many steps: options times how many of them are taken.
MAX_COUNTED: Final = 250_000
# Nobody wants to know more exactly, and numbers of thousands of digits would cost time.
_UNCOUNTABLE: Final = 10**15

_LEXEMES: Final = re.compile(
    r"(?P<escape>\\[{}|_])|(?P<open>\{)|(?P<close>\})|(?P<bar>\|)"
    r"|__(?P<wildcard>\w(?:[\w/-]{0,62}?[^\W_])?)__|(?P<text>\\.|[^{}|\\_]+|_|\\)",
    re.DOTALL,
)
_HOW_MANY: Final = re.compile(
    r"(\d{1,3})(?:-(\d{1,3}))?\$\$(?:((?:[^{}|\\$]|\$(?!\$))*)\$\$)?", re.ASCII
)
_WEIGHT: Final = re.compile(r"(\d{1,7}(?:\.\d{1,7})?)::", re.ASCII)


@dataclass(slots=True, eq=False)
class _Sequence:
    """Parts one after another."""

    parts: Sequence[str | _Choice]
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = 1
        for part in self.parts:
            if not isinstance(part, str):
                self.count = min(self.count * part.count, _UNCOUNTABLE)


@dataclass(slots=True, eq=False)
class _Choice:
    """`least` to `most` of the options, in their order."""

    options: Sequence[_Sequence]
    weights: Sequence[float]
    least: int = 1
    most: int = 1
    separator: str = ", "
    count: int = field(init=False)

    def __post_init__(self) -> None:
        # How many ways there are to take so many of the options looked at so far.
        ways = [1] + [0] * self.most
        for option in self.options:
            for taken in range(self.most, 0, -1):
                ways[taken] = min(ways[taken] + ways[taken - 1] * option.count, _UNCOUNTABLE)
        self.count = min(sum(ways[self.least :]), _UNCOUNTABLE)


class _AtRandom:
    """Pick by a seed; built on `random.random` alone, whose numbers never change."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # nosec B311  (to be the same again)

    def pick(self, choice: _Choice) -> list[_Sequence]:
        size = choice.least + int(self._random.random() * (choice.most - choice.least + 1))
        left = dict(enumerate(choice.weights))
        picked: list[int] = []
        while len(picked) < size:
            picked.append(self._draw(left))
            del left[picked[-1]]
        return [choice.options[index] for index in sorted(picked)]

    def _draw(self, weights: Mapping[int, float]) -> int:
        place = self._random.random() * sum(weights.values())
        for index, weight in weights.items():
            place -= weight
            if place < 0:
                return index
        # Sums of fractions may come out a hair short.
        return max(weights)


class _Nth:
    """Pick the outcome `number` of `total`; the last choice changes fastest."""

    def __init__(self, number: int, total: int) -> None:
        self._number = number
        self._total = total

    def pick(self, choice: _Choice) -> list[_Sequence]:
        self._total //= choice.count
        own, self._number = divmod(self._number, self._total)
        for size in range(choice.least, choice.most + 1):
            for picked in combinations(choice.options, size):
                ways = prod(option.count for option in picked)
                if own < ways:
                    # What is in the options is picked next, before what comes behind the choice.
                    self._number += own * self._total
                    self._total *= ways
                    return list(picked)
                own -= ways
        raise AssertionError


def expand(
    template: str,
    *,
    count: int,
    seed: int,
    wildcards: Mapping[str, Sequence[str]],
    mode: Mode = "random",
) -> list[str]:
    """Make prompts of one template; see `expand_together`."""
    return [
        made["prompt"]
        for made in expand_together(
            {"prompt": template}, count=count, seed=seed, wildcards=wildcards, mode=mode
        )
    ]


def expand_together(
    templates: Mapping[str, str],
    *,
    count: int,
    seed: int,
    wildcards: Mapping[str, Sequence[str]],
    mode: Mode = "random",
) -> list[dict[str, str]]:
    """Make `count` outcomes of templates at random, or all there are.

    `templates` are named by the fields they came in, and so is each outcome. `wildcards` maps
    names in small letters to values; only those that are named are looked at.

    Raises:
        Invalid: a template cannot be read or makes too long a prompt, or there are more outcomes
            than `MAX_PROMPTS`.
    """
    if not 1 <= count <= MAX_PROMPTS:
        _refuse("count", _("Ask for 1 to %(most)d.") % {"most": MAX_PROMPTS})
    trees = {name: _Reader(name, wildcards).read(text) for name, text in templates.items()}
    if mode == "random":
        at_random = _AtRandom(seed)
        return [_write_all(trees, at_random) for _number in range(count)]
    total = min(prod(tree.count for tree in trees.values()), _UNCOUNTABLE)
    if total > MAX_PROMPTS:
        _refuse_count(next(iter(trees)), total)
    return [_write_all(trees, _Nth(number, total)) for number in range(total)]


def _write_all(trees: Mapping[str, _Sequence], picker: _AtRandom | _Nth) -> dict[str, str]:
    return {name: _write(name, tree, picker) for name, tree in trees.items()}


def _write(name: str, tree: _Sequence, picker: _AtRandom | _Nth) -> str:
    pieces: list[str] = []
    length = 0
    for number, piece in enumerate(_pieces(tree, picker)):
        length += len(piece)
        if length > MAX_PROMPT_LENGTH or number > MAX_PIECES:
            _refuse(
                name,
                _("This makes a prompt of more than %(most)d characters; make it shorter.")
                % {"most": MAX_PROMPT_LENGTH},
            )
        pieces.append(piece)
    return "".join(pieces)


def _pieces(tree: _Sequence, picker: _AtRandom | _Nth) -> Iterator[str]:
    for part in tree.parts:
        if isinstance(part, str):
            yield part
            continue
        # An outcome that is empty counts as work all the same.
        yield ""
        for index, option in enumerate(picker.pick(part)):
            if index:
                yield part.separator
            yield from _pieces(option, picker)


class _Lexeme(NamedTuple):
    kind: str
    text: str


class _Reader:
    """Read templates of the field `name`, and the wildcards in them, each once."""

    def __init__(self, name: str, wildcards: Mapping[str, Sequence[str]]) -> None:
        self._name = name
        self._wildcards = wildcards
        self._read: dict[str, _Choice] = {}
        self._being_read: list[str] = []
        self._counted = 0

    def read(self, template: str) -> _Sequence:
        lexemes = _split(template)
        tree, _weight, end = self._sequence(lexemes, 0, depth=0)
        if end < len(lexemes):
            self._refuse(_("There is a } without its {; write \\} if it is meant as text."))
        return tree

    def _sequence(
        self, lexemes: list[_Lexeme], start: int, *, depth: int, takes_weight: bool = False
    ) -> tuple[_Sequence, float, int]:
        """Read up to the end of an option; return it, its weight, and where it ends."""
        parts: list[str | _Choice] = []
        weight = 1.0
        place = start
        while place < len(lexemes):
            kind, text = lexemes[place]
            if kind == "close" or (kind == "bar" and depth):
                break
            place += 1
            if kind == "open":
                choice, place = self._choice(lexemes, place, depth=depth + 1)
                parts.append(choice)
            elif kind == "wildcard":
                parts.append(self._wildcard(text))
            else:
                if takes_weight and place == start + 1 and kind == "text":
                    weight, text = _take_weight(text)
                parts.append(text)
        return _Sequence(parts), weight, place

    def _choice(self, lexemes: list[_Lexeme], place: int, *, depth: int) -> tuple[_Choice, int]:
        if depth > MAX_DEPTH:
            self._refuse(_("Braces may be nested %(most)d deep at most.") % {"most": MAX_DEPTH})
        options: list[tuple[float, _Sequence]] = []
        how_many = _take_how_many(lexemes, place)
        while True:
            option, weight, place = self._sequence(lexemes, place, depth=depth, takes_weight=True)
            options.append((weight, option))
            if place == len(lexemes):
                self._refuse(_("There is a { without its }; write \\{ if it is meant as text."))
            place += 1
            if lexemes[place - 1].kind == "close":
                return self._of_options(options, how_many), place

    def _of_options(
        self, options: Sequence[tuple[float, _Sequence]], how_many: _HowMany
    ) -> _Choice:
        possible = [(weight, option) for weight, option in options if weight > 0]
        if not possible:
            self._refuse(_("One of the choices has the weight 0 everywhere."))
        least, most = sorted((how_many.least, how_many.most))
        self._counted += len(possible) * min(most, len(possible))
        if self._counted > MAX_COUNTED:
            self._refuse(_("There are too many choices in this; take some out."))
        return _Choice(
            options=[option for _weight, option in possible],
            weights=[weight for weight, _option in possible],
            least=min(least, len(possible)),
            most=min(most, len(possible)),
            separator=how_many.separator,
        )

    def _wildcard(self, name: str) -> _Choice:
        key = name.lower()
        if key in self._read:
            return self._read[key]
        values = self._wildcards.get(key)
        if not values:
            self._refuse(_("There is no wildcard __%(name)s__.") % {"name": name})
        if key in self._being_read:
            self._refuse(_("The wildcard __%(name)s__ leads back to itself.") % {"name": name})
        if len(self._being_read) == MAX_WILDCARD_DEPTH:
            self._refuse(
                _("Wildcards may be nested %(most)d deep at most.") % {"most": MAX_WILDCARD_DEPTH}
            )
        self._being_read.append(key)
        options: list[tuple[float, _Sequence]] = []
        for value in values:
            weight, text = _take_weight(value)
            options.append((weight, self.read(text)))
        self._being_read.pop()
        self._read[key] = self._of_options(options, _HowMany())
        return self._read[key]

    def _refuse(self, message: str) -> NoReturn:
        _refuse(self._name, message)


class _HowMany(NamedTuple):
    least: int = 1
    most: int = 1
    separator: str = ", "


def _split(template: str) -> list[_Lexeme]:
    """Split a template; runs of text are one lexeme each, but for escapes."""
    lexemes: list[_Lexeme] = []
    for found in _LEXEMES.finditer(template):
        kind = str(found.lastgroup)
        text = found[0]
        if kind == "escape":
            text = text[1:]
        elif kind == "wildcard":
            text = found["wildcard"]
        elif kind == "text" and lexemes and lexemes[-1].kind == "text":
            text = lexemes.pop().text + text
        lexemes.append(_Lexeme(kind, text))
    return lexemes


def _take_how_many(lexemes: list[_Lexeme], place: int) -> _HowMany:
    """Take `2$$` or `1-2$$, $$` out of the beginning of a choice, if it is there."""
    if place == len(lexemes) or lexemes[place].kind != "text":
        return _HowMany()
    text = lexemes[place].text
    found = _HOW_MANY.match(text)
    if found is None:
        return _HowMany()
    lexemes[place] = _Lexeme("text", text[found.end() :])
    least = int(found[1])
    return _HowMany(least, int(found[2] or least), ", " if found[3] is None else found[3])


def _take_weight(text: str) -> tuple[float, str]:
    found = _WEIGHT.match(text)
    return (1.0, text) if found is None else (float(found[1]), text[found.end() :])


def _refuse_count(name: str, total: int) -> NoReturn:
    if total < _UNCOUNTABLE:
        message = _(
            "This makes %(total)d prompts, and %(most)d at most can be made at once. "
            "Take choices out, or have some made at random."
        )
    else:
        message = _(
            "This makes more than %(total)d prompts, and %(most)d at most can be made at once. "
            "Take choices out, or have some made at random."
        )
    raise Invalid(
        fields={name: [message % {"total": total, "most": MAX_PROMPTS}]},
        possible=total,
        limit=MAX_PROMPTS,
    )


def _refuse(name: str, message: str) -> NoReturn:
    raise Invalid(fields={name: [message]})
