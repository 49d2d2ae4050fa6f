"""Nodes of texts and prompts."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from gpu_tasks.nodes.declaring import MAX_TEXT, Category, Input, Node, Output, Values
from gpu_tasks.nodes.problems import WrongValue
from gpu_tasks.nodes.values import PromptValue, ValueType

_LETTERS: Final = ("a", "b", "c", "d")
_PLACES: Final = re.compile(r"\{\{|\}\}|\{([a-d])\}|[{}]")


def _text(name: str, title: str, description: str = "", *, widget: str = "") -> Input:
    return Input(name, title, ValueType.TEXT, "", description, widget=widget)


_TEXTS: Final = tuple(_text(letter, f"Text {letter.upper()}") for letter in _LETTERS)


def _within(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise WrongValue("too_long", most=MAX_TEXT)
    return text


class _TextNode(Node):
    category = Category.PROMPT
    outputs = (Output("text", "Text", ValueType.TEXT),)


class Text(_TextNode):
    type = "text"
    title = "Text"
    description = "A text to use in several places."
    inputs = (_text("text", "Text", widget="textarea"),)

    def fold(self, values: Values) -> dict[str, Any]:
        return {"text": values["text"]}


class JoinTexts(_TextNode):
    type = "join_texts"
    title = "Join texts"
    description = "Puts texts one after another; empty ones are left out."
    inputs = (
        *_TEXTS,
        Input("separator", "Between them", ValueType.TEXT, ", ", max_length=100),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        texts = [values[letter] for letter in _LETTERS if values[letter]]
        return {"text": _within(values["separator"].join(texts))}


class ReplaceText(_TextNode):
    type = "replace_text"
    title = "Replace in text"
    description = "Replaces a word or phrase wherever it stands; capitals count."
    inputs = (
        _text("text", "Text", widget="textarea"),
        Input("find", "Find", ValueType.TEXT, "", max_length=500),
        Input("replacement", "Replace by", ValueType.TEXT, "", max_length=500),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        text, find, replacement = values["text"], values["find"], values["replacement"]
        if not find:
            return {"text": text}
        if len(text) + text.count(find) * (len(replacement) - len(find)) > MAX_TEXT:
            raise WrongValue("too_long", most=MAX_TEXT)
        return {"text": text.replace(find, replacement)}


class FillTemplate(_TextNode):
    type = "fill_template"
    title = "Fill in template"
    description = "Puts texts in the places {a}, {b}, {c} and {d} of a text."
    inputs = (
        Input("template", "Template", ValueType.TEXT, "{a}", widget="textarea"),
        *_TEXTS,
    )

    def fold(self, values: Values) -> dict[str, Any]:
        def fill(place: re.Match[str]) -> str:
            if place[1]:
                return str(values[place[1]])
            if len(place[0]) == 1:
                raise WrongValue("bad_template", at="template")
            return place[0][0]

        # Counted before: thousands of places for long texts would fill the memory.
        places = (place[1] for place in _PLACES.finditer(values["template"]))
        if sum(len(values[letter]) for letter in places if letter) > MAX_TEXT:
            raise WrongValue("too_long", most=MAX_TEXT)
        return {"text": _within(_PLACES.sub(fill, values["template"]))}


class PickText(_TextNode):
    type = "pick_text"
    title = "Pick a line"
    description = "Picks one line by a seed; the same seed picks the same line."
    inputs = (
        _text("lines", "Lines", "One choice in each line.", widget="textarea"),
        Input("seed", "Seed", ValueType.SEED, None),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        lines = [line.strip() for line in values["lines"].splitlines()]
        lines = [line for line in lines if line]
        if not lines:
            raise WrongValue("no_lines", at="lines")
        # Hashed, since neighbouring seeds are to pick independently of each other.
        drawn = hashlib.sha256(str(values["seed"]).encode()).digest()
        return {"text": lines[int.from_bytes(drawn[:8], "big") % len(lines)]}


class Prompt(Node):
    type = "prompt"
    title = "Prompt"
    description = "What the picture shows, and what it does not."
    category = Category.PROMPT
    inputs = (
        _text("text", "Prompt", widget="textarea"),
        _text("negative", "Negative prompt", widget="textarea"),
    )
    outputs = (Output("prompt", "Prompt", ValueType.PROMPT),)

    def fold(self, values: Values) -> dict[str, Any]:
        return {"prompt": PromptValue(values["text"], values["negative"])}


class Style(Node):
    type = "style"
    title = "Style"
    description = "Puts words before and after a prompt, and more into the negative one."
    category = Category.PROMPT
    inputs = (
        Input("prompt", "Prompt", ValueType.PROMPT),
        _text("before", "Words before"),
        _text("after", "Words after"),
        _text("negative", "Negative prompt"),
    )
    outputs = (Output("prompt", "Prompt", ValueType.PROMPT),)

    def fold(self, values: Values) -> dict[str, Any]:
        prompt: PromptValue = values["prompt"]
        text = [values["before"], prompt.text, values["after"]]
        negative = [prompt.negative, values["negative"]]
        return {
            "prompt": PromptValue(
                *(_within(", ".join(part for part in parts if part)) for parts in (text, negative))
            )
        }


NODES: Final = (
    Prompt(),
    Style(),
    Text(),
    JoinTexts(),
    ReplaceText(),
    FillTemplate(),
    PickText(),
)
