"""Work out what Terraform's expressions come to, as far as that is known without AWS."""

import operator
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lark import Token

from config.infrastructure.functions import FUNCTIONS, TOLERANT, Unknown, Value, to_text
from config.infrastructure.syntax import Expression, Node, Place, inner, parse_expression, word

Step = tuple[str, Value]
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}


class Names(Protocol):
    """What names mean at the place of an expression."""

    @property
    def folder(self) -> Path:
        """Return the folder of the module."""

    def look_up(self, root: str, steps: Sequence[Step]) -> tuple[Value, Sequence[Step]]:
        """Return what a name stands for and the steps that remain to be taken from there."""


class Evaluator:
    """Works out expressions where `names` hold, and `iterators` such as `each` besides."""

    def __init__(self, names: Names, iterators: Mapping[str, Value] | None = None) -> None:
        self.names = names
        self.iterators = dict(iterators or {})

    def value(self, expression: Expression) -> Value:
        """Return what an expression comes to."""
        return self.of(expression.node, expression.place)

    def within(self, iterators: Mapping[str, Value]) -> "Evaluator":
        """Return an evaluator that knows more iterators."""
        return Evaluator(self.names, self.iterators | dict(iterators))

    def render(self, text: str, place: Place) -> Value:
        """Return a template with its expressions worked out."""
        pieces: list[Value] = []
        rest = text
        while (start := _next_interpolation(rest)) >= 0:
            end = closing_brace(rest, start + 2)
            pieces.append(rest[:start])
            pieces.append(self.value(parse_expression(rest[start + 2 : end].strip("~"), place)))
            rest = rest[end + 1 :]
        pieces.append(rest)
        return "".join(to_text(piece) for piece in pieces).replace("$${", "${").replace("%%{", "%{")

    def of(self, node: Node, place: Place) -> Value:
        """Return what a node of an expression comes to."""
        method = getattr(self, f"_{node.data}", None)
        if method is None:
            raise NotImplementedError(f"{place}: {node.data}")
        return method(node, place)

    def _expr_term(self, node: Node, place: Place) -> Value:
        return self.of(inner(node)[0], place)

    def _int_lit(self, node: Node, _place: Place) -> int:
        return int(word(node))

    def _float_lit(self, node: Node, _place: Place) -> float:
        return float(word(node))

    def _literal_value(self, node: Node, _place: Place) -> Value:
        return {"true": True, "false": False, "null": None}[word(node)]

    def _string(self, node: Node, place: Place) -> Value:
        parts = [self._string_part(part, place) for part in inner(node)]
        return parts[0] if len(parts) == 1 else "".join(to_text(part) for part in parts)

    def _string_part(self, node: Node, place: Place) -> Value:
        child = node.children[0]
        if isinstance(child, Token):
            if child.type.startswith("ESCAPED"):
                return str(child)[1:]
            return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), str(child))
        if child.data != "interpolation":
            raise NotImplementedError(f"{place}: {child.data}")
        return self.of(inner(child)[0], place)

    def _heredoc_template(self, node: Node, place: Place) -> Value:
        lines = word(node).split("\n")[1:]
        while not lines[-1].strip():
            lines.pop()
        return self.render("\n".join(lines[:-1]) + "\n", place)

    def _heredoc_template_trim(self, node: Node, place: Place) -> Value:
        return textwrap.dedent(self._heredoc_template(node, place))

    def _tuple(self, node: Node, place: Place) -> list[Value]:
        return [self.of(child, place) for child in inner(node)]

    def _object(self, node: Node, place: Place) -> dict[str, Value]:
        found = {}
        for element in inner(node):
            key, value = inner(element)
            found[self._object_key(key, place)] = self.of(value, place)
        return found

    def _object_key(self, node: Node, place: Place) -> str:
        child = inner(node)[0]
        # A bare word is the key itself; in parentheses it is an expression.
        if child.data == "keyword":
            return word(child)
        if child.data == "expr_term" and len(child.children) == 1:
            only = inner(child)[0]
            if only.data in {"identifier", "int_lit"}:
                return word(only)
        return to_text(self.of(child, place))

    def _conditional(self, node: Node, place: Place) -> Value:
        test, yes, no = inner(node)
        holds = self.of(test, place)
        if isinstance(holds, Unknown):
            return Unknown(f"{holds.text} ? …")
        return self.of(yes if holds else no, place)

    def _binary_op(self, node: Node, place: Place) -> Value:
        first, term = inner(node)
        sign, second = inner(term)
        left = self.of(first, place)
        if word(sign) in {"&&", "||"} and not isinstance(left, Unknown):
            return (
                left and self.of(second, place)
                if word(sign) == "&&"
                else (left or self.of(second, place))
            )
        right = self.of(second, place)
        # Of what only AWS knows, this much is known: it is something.
        if word(sign) in {"==", "!="} and (left is None or right is None):
            return _OPERATORS[word(sign)](left, right)
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return Unknown(f"{_text(left)} {word(sign)} {_text(right)}")
        if word(sign) == "/":
            return left // right if left % right == 0 else left / right
        return _OPERATORS[word(sign)](left, right)

    def _unary_op(self, node: Node, place: Place) -> Value:
        value = self.of(inner(node)[0], place)
        if isinstance(value, Unknown):
            return value
        return -value if str(node.children[0]) == "-" else not value

    def _function_call(self, node: Node, place: Place) -> Value:
        name, *rest = inner(node)
        arguments = inner(rest[0]) if rest else []
        if word(name) in {"try", "can"}:
            return self._try(word(name), arguments, place)
        values = [self.of(argument, place) for argument in arguments]
        if rest and _spreads(rest[0]):
            values = [*values[:-1], *values[-1]]
        return self._call(word(name), values, place)

    def _call(self, name: str, values: list[Value], place: Place) -> Value:
        if name in {"file", "templatefile", "filebase64", "filesha256", "fileexists"}:
            return self._file(name, values)
        if name not in FUNCTIONS:
            raise NotImplementedError(f"{place}: {name}()")
        if name not in TOLERANT and any(isinstance(value, Unknown) for value in values):
            return Unknown(f"{name}({', '.join(_text(value) for value in values)})")
        return FUNCTIONS[name](*values)

    def _try(self, name: str, arguments: Sequence[Node], place: Place) -> Value:
        for argument in arguments:
            try:
                value = self.of(argument, place)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                continue
            return True if name == "can" else value
        return False if name == "can" else None

    def _file(self, name: str, values: list[Value]) -> Value:
        path = Path(values[0])
        if name == "fileexists":
            return path.is_file()
        text = path.read_text(encoding="utf-8")
        if name == "templatefile":
            return Evaluator(_Given(values[1], path.parent)).render(text, Place(path, 1))
        return FUNCTIONS["sha256"](text) if name == "filesha256" else text

    def _for_tuple_expr(self, node: Node, place: Place) -> Value:
        intro, result, *condition = inner(node)
        source = self.of(inner(intro)[-1], place)
        if isinstance(source, Unknown):
            return Unknown(f"[for … in {source.text}]")
        return [
            inside.of(result, place)
            for inside in self._turns(intro, source)
            if not condition or inside.of(inner(condition[0])[0], place)
        ]

    def _for_object_expr(self, node: Node, place: Place) -> Value:
        intro, key, result, *condition = inner(node)
        source = self.of(inner(intro)[-1], place)
        if isinstance(source, Unknown):
            return Unknown(f"{{for … in {source.text}}}")
        grouped = _spreads(node)
        found: dict[str, Value] = {}
        for inside in self._turns(intro, source):
            if condition and not inside.of(inner(condition[0])[0], place):
                continue
            name, value = to_text(inside.of(key, place)), inside.of(result, place)
            if grouped:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found

    def _turns(self, intro: Node, source: Value) -> "list[Evaluator]":
        *names, _source = inner(intro)
        words = [word(name) for name in names]
        pairs = sorted(source.items()) if isinstance(source, Mapping) else enumerate(source)
        return [
            self.within({words[-1]: value} | ({words[0]: key} if len(words) > 1 else {}))
            for key, value in pairs
        ]

    def _identifier(self, node: Node, place: Place) -> Value:
        return self._follow(node, [], place)

    def _get_attr_expr_term(self, node: Node, place: Place) -> Value:
        return self._traverse(node, place)

    _index_expr_term = _get_attr_expr_term
    _attr_splat_expr_term = _get_attr_expr_term
    _full_splat_expr_term = _get_attr_expr_term

    def _traverse(self, node: Node, place: Place) -> Value:
        root, steps = traversal(node)
        known = [
            (kind, self.of(value, place))
            if kind == "index" and not isinstance(value, str)
            else (kind, value)
            for kind, value in steps
        ]
        return self._follow(root, known, place)

    def _follow(self, root: Node, steps: Sequence[Step], place: Place) -> Value:
        if root.data != "identifier":
            return take(self.of(root, place), steps)
        name = word(root)
        if name in self.iterators:
            return take(self.iterators[name], steps)
        if name == "path":
            return self.names.folder.as_posix()
        return take(*self.names.look_up(name, steps))


class _Given:
    """The names that a template is given."""

    def __init__(self, values: Mapping[str, Value], folder: Path) -> None:
        self.values = values
        self.folder = folder

    def look_up(self, root: str, steps: Sequence[Step]) -> tuple[Value, Sequence[Step]]:
        return self.values.get(root, Unknown(root)), steps


def traversal(node: Node) -> tuple[Node, list[Step]]:
    """Return what a chain of `.a[0].*` begins with and its steps."""
    if node.data == "expr_term" and len(inner(node)) == 1:
        return traversal(inner(node)[0])
    if node.data in {"attr_splat_expr_term", "full_splat_expr_term"}:
        start, splat = inner(node)
        root, steps = traversal(start)
        return root, [*steps, ("splat", [_step(each) for each in inner(splat)])]
    if node.data in {"get_attr_expr_term", "index_expr_term"}:
        start, last = inner(node)
        root, steps = traversal(start)
        return root, [*steps, _step(last)]
    return node, []


def _spreads(node: Node) -> bool:
    return any(isinstance(child, Token) and child == "..." for child in node.children)


def _step(node: Node) -> Step:
    if node.data == "get_attr":
        return "attribute", word(inner(node)[0])
    if node.data == "short_index":
        return "index", str(node.children[-1])
    return "index", inner(node)[0]


def take(value: Value, steps: Sequence[Step]) -> Value:
    """Follow steps from a value.

    Raises:
        LookupError: there is no such key.
    """
    for place, (kind, name) in enumerate(steps):
        if isinstance(value, Unknown):
            return Unknown(value.text + "".join(_step_text(step) for step in steps[place:]))
        if kind == "splat":
            items = value if isinstance(value, list) else [] if value is None else [value]
            return [take(item, [*name, *steps[place + 1 :]]) for item in items]
        value = _one_step(value, name)
    return value


def _one_step(value: Value, name: Value) -> Value:
    if hasattr(value, "attribute"):
        return value.attribute(name)
    if isinstance(name, Unknown):
        return name
    if isinstance(value, Mapping):
        return value[to_text(name)]
    return value[int(name)]


def _step_text(step: Step) -> str:
    kind, name = step
    if kind == "splat":
        return "[*]" + "".join(_step_text(each) for each in name)
    return f".{name}" if kind == "attribute" else f"[{name}]"


def _text(value: Value) -> str:
    return value.text if isinstance(value, Unknown) else to_text(value)


def _next_interpolation(text: str) -> int:
    match = re.search(r"(?<!\$)\$\{", text)
    return match.start() if match else -1


def closing_brace(text: str, start: int) -> int:
    """Return where the brace that was opened before `start` is closed."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"no end of the expression at {text[start : start + 40]!r}")
