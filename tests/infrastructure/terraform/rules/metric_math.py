"""Work out CloudWatch's metric math for one minute, as far as our alarms use it."""

import ast
import operator
import re
from collections.abc import Callable, Mapping

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(expression: str, metrics: Mapping[str, float | None]) -> float | None:
    """Return what an expression comes to; `None` is a minute without a value.

    Raises:
        ValueError: it uses something that is not known here.
        KeyError: it names a metric that is not given.
    """
    words = re.sub(r"\b(AND|OR)\b", lambda found: found[0].lower(), expression)
    return _of(ast.parse(words, mode="eval").body, metrics)


def _of(node: ast.expr, metrics: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return metrics[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, instead]):
            found = _of(metric, metrics)
            return _of(instead, metrics) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            holds = _of(condition, metrics)
            if holds is None:
                return None
            return _of(then if holds else otherwise, metrics)
        case ast.BoolOp(op=kind, values=parts):
            found_parts = [_of(part, metrics) for part in parts]
            if None in found_parts:
                return None
            return float((any if isinstance(kind, ast.Or) else all)(found_parts))
        case ast.Compare(left=first, ops=[comparison], comparators=[second]):
            return _both(_COMPARISONS[type(comparison)], first, second, metrics)
        case ast.BinOp(left=first, op=sign, right=second):
            return _both(_ARITHMETIC[type(sign)], first, second, metrics)
    raise ValueError(f"{ast.unparse(node)} is not known here")


def _both(
    function: Callable[[float, float], float],
    first: ast.expr,
    second: ast.expr,
    metrics: Mapping[str, float | None],
) -> float | None:
    left, right = _of(first, metrics), _of(second, metrics)
    return None if left is None or right is None else float(function(left, right))
