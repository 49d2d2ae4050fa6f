"""Take PostgreSQL's SQL apart, as far as it must be told what a statement does to which table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<string>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|[eE]?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d[\w.]*)
    | (?P<sign>%s|::|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of SQL. Names in quotes have lost them; other words are in lower case."""

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        """Tell whether this is one of `words`, not in quotes."""
        return self.kind == "word" and self.text in words


class Words:
    """The tokens of a statement, read from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def take(self, *phrases: str) -> str | None:
        """Go beyond the first of `phrases` that comes next and return it; None if none does."""
        for phrase in phrases:
            words = phrase.split()
            ahead = self.tokens[self.at : self.at + len(words)]
            if [token.text for token in ahead if token.kind == "word"] == words:
                self.at += len(words)
                return phrase
        return None

    def name(self) -> str:
        """Go beyond a name, with its schema if it has one, and return its last part."""
        name = self._next()
        while self.at < len(self.tokens) and self.tokens[self.at].text == ".":
            self.at += 1
            name = self._next()
        return name

    def rest(self) -> list[Token]:
        """Return what has not been read."""
        return self.tokens[self.at :]

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        self.at += 1
        return self.tokens[self.at - 1].text


def has_phrase(tokens: list[Token], phrase: str) -> bool:
    """Tell whether the words of `phrase` stand somewhere in `tokens`, one behind the other."""
    words = phrase.split()
    texts = [token.text if token.kind == "word" else "" for token in tokens]
    return any(texts[at : at + len(words)] == words for at in range(len(texts)))


def before(tokens: list[Token], *phrases: str) -> list[Token]:
    """Return what comes before the first of `phrases` that stands in no brackets."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += _depth_of(token)
        if depth == 0 and Words(tokens[at:]).take(*phrases):
            return tokens[:at]
    return tokens


def stands_outside(tokens: list[Token], word: str) -> bool:
    """Tell whether `word` stands somewhere in no brackets."""
    return len(before(tokens, word)) < len(tokens)


def statements(sql: str) -> list[list[Token]]:
    """Return the statements of `sql`, each as its tokens."""
    return [part for part in _split(list(_tokens(sql)), ";") if part]


def subcommands(tokens: list[Token]) -> list[list[Token]]:
    """Split at the commas that stand in no brackets."""
    return _split(tokens, ",")


def _split(tokens: list[Token], sign: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += _depth_of(token)
        if token.kind == "sign" and token.text == sign and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _depth_of(token: Token) -> int:
    return {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0


def _tokens(sql: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "sign"
        kind = "string" if kind == "tag" else kind
        text = match.group()
        if kind == "skip":
            continue
        if kind == "word":
            text = text.lower()
        elif kind == "quoted":
            text = text[1:-1].replace('""', '"')
        yield Token(kind, text)
