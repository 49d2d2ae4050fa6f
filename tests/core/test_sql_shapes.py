"""No value gets into the shape of a query, and alike queries have one shape."""

import re

import pytest
from psycopg import sql

from apps.core.health import run_check
from apps.core.sql_shapes import ELSEWHERE, caller, shape

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('SELECT "a"."b" FROM "a" WHERE "a"."b" = %s', 'SELECT "a"."b" FROM "a" WHERE "a"."b" = ?'),
        ("SELECT 1 LIMIT 100 OFFSET -5", "SELECT ? LIMIT ? OFFSET ?"),
        ("SELECT 'hunter2', 'it''s', 1e5, .5, 0x1F, 1_000, $1, %(name)s", "SELECT ? …"),
        ("SELECT x'1F', E'a', f($$hunter2$$, $t$hunter2$t$)", "SELECT x?, E?, f(? …)"),
        ("SELECT a::text\n   FROM b -- hunter2\n /* hunter2 */ ;", "SELECT a::text FROM b ;"),
        ("DELETE FROM a WHERE b IN (%s, %s, %s)", "DELETE FROM a WHERE b IN (? …)"),
        ("INSERT INTO a VALUES (%s, %s), (%s, %s)", "INSERT INTO a VALUES (? …) …"),
        ("INSERT INTO a VALUES (%s), (%s)", "INSERT INTO a VALUES (?) …"),
        ("SELECT data ->> 'hunter2' FROM a", "SELECT data ->> ? FROM a"),
    ],
)
def test_values_are_left_out(text: str, expected: str) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'unclosed hunter2",
        "SELECT $$unclosed hunter2",
        "SELECT $tag$unclosed hunter2",
        "SELECT /* unclosed hunter2",
        r"SELECT 'a\', hunter2, 'b'",
        r"SELECT E'a\'hunter2', 'b'",
        r"""SELECT "a\" , 'hunter2', "b" """,
    ],
)
def test_what_may_be_a_value_ends_the_shape(text: str) -> None:
    found = shape(text)

    assert found in {"SELECT …", "SELECT E…", "SELECT ?…"}
    assert SECRET not in found


def test_a_long_text_is_cut_and_a_value_on_the_cut_is_not_shown() -> None:
    assert len(shape("SELECT " + ", ".join(f"c{n}" for n in range(5000)))) == 2000
    assert SECRET not in shape("SELECT " + "a" * 3985 + f" '{SECRET} is the password'")


def test_a_composition_of_psycopg_is_not_looked_into() -> None:
    assert shape(sql.SQL("SELECT {}").format(sql.Literal(SECRET))) == "Composed"


def test_the_caller_is_the_innermost_line_of_ours() -> None:
    check = run_check("part", caller, advice="")

    assert re.match(r"apps/core/health\.py:\d+ ", check.found)


def test_without_a_line_of_ours_the_caller_is_elsewhere() -> None:
    assert caller() == ELSEWHERE
