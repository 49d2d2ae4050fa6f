from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.prompts.weights import (
    Span,
    escape_text,
    parse_prompt,
    read_prompt,
    strip_weights,
)

# Dense in what the grammar is made of.
NASTY = st.text(st.sampled_from("()[]\\:+-. ,a1BREAK0\n"), max_size=60) | st.text(max_size=60)


@pytest.mark.parametrize(
    ("prompt", "spans"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a (cat)", [("a ", 1.0), ("cat", 1.1)]),
        ("a ((cat)) here", [("a ", 1.0), ("cat", 1.21), (" here", 1.0)]),
        ("[cat]", [("cat", 1 / 1.1)]),
        ("[[cat]]", [("cat", 1 / 1.21)]),
        ("([cat])", [("cat", 1.0)]),
        ("(cat:1.3)", [("cat", 1.3)]),
        ("(cat : 1.3 )", [("cat ", 1.3)]),
        ("(cat:.5)", [("cat", 0.5)]),
        ("(cat:0)", [("cat", 0.0)]),
        ("(a (b) c:0.8)", [("a ", 0.8), ("b", 0.88), (" c", 0.8)]),
        ("((a:2) b:0.5)", [("a", 1.0), (" b", 0.5)]),
        ("((a):1.5)", [("a", 1.65)]),
        ("(12:30:1.2)", [("12:30", 1.2)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("[a:1.3]", [("a:1.3", 1 / 1.1)]),
        ("(cat)1.2 b", [("cat", 1.2), (" b", 1.0)]),
        ("(cat)0.3", [("cat", 0.3)]),
        ("((cat)1.5, b)", [("cat", 1.65), (", b", 1.1)]),
        ("(cat)++", [("cat", 1.21)]),
        ("(cat)+, b", [("cat", 1.1), (", b", 1.0)]),
        ("(cat)-- b", [("cat", 0.81), (" b", 1.0)]),
        ("((cat)++)", [("cat", 1.331)]),
        # These are text.
        ("(red)2 b", [("red", 1.1), ("2 b", 1.0)]),
        ("(pop)-art", [("pop", 1.1), ("-art", 1.0)]),
        ("(a) - b", [("a", 1.1), (" - b", 1.0)]),
        ("(a:1.5)++", [("a", 1.5), ("++", 1.0)]),
        (r"(a)+\(b", [("a", 1.1), ("+(b", 1.0)]),
        ("[a]++", [("a", 1 / 1.1), ("++", 1.0)]),
        ("C++ and 18+", [("C++ and 18+", 1.0)]),
        (r"a \(b\) \[c\] \\", [(r"a (b) [c] " + "\\", 1.0)]),
        (r"(a\:1.3)", [("a\\", 1.3)]),
        (r"(smile \):1.2)", [("smile )", 1.2)]),
        (r"back\slash", [(r"back\slash", 1.0)]),
        # Brackets without partner.
        (":) and :(", [(":) and :(", 1.0)]),
        ("(a (b) c", [("(a ", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("a) (b)", [("a) ", 1.0), ("b", 1.1)]),
        ("(a [b) c]", [("a [b", 1.1), (" c]", 1.0)]),
        ("()", []),
        ("", []),
    ],
)
def test_weights_are_read_as_they_are_written(prompt: str, spans: list[tuple[str, float]]) -> None:
    (block,) = parse_prompt(prompt)

    assert [span.text for span in block] == [text for text, _ in spans]
    assert [span.weight for span in block] == pytest.approx([weight for _, weight in spans])


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a BREAK b", ["a", "b"]),
        ("a\nBREAK\n\nb BREAK c", ["a", "b", "c"]),
        ("BREAK a", ["", "a"]),
        ("a, BREAKFAST break", ["a, BREAKFAST break"]),
    ],
)
def test_break_separates_blocks(prompt: str, texts: list[str]) -> None:
    assert ["".join(span.text for span in block) for block in parse_prompt(prompt)] == texts


def test_a_weight_goes_on_behind_a_break() -> None:
    assert parse_prompt("(a BREAK b:2)") == ((Span("a", 2.0),), (Span("b", 2.0),))


@settings(deadline=None)
@given(NASTY)
def test_any_text_is_read(text: str) -> None:
    blocks = parse_prompt(text)

    assert blocks
    assert all(span.text for block in blocks for span in block)


@settings(deadline=None)
@given(
    st.text(st.characters(blacklist_characters="()[]\\"), min_size=1).filter(
        lambda text: "BREAK" not in text
    )
)
def test_text_without_brackets_stays_as_it_is(text: str) -> None:
    assert parse_prompt(text) == ((Span(text, 1.0),),)


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: "BREAK" not in text))
def test_escaped_text_comes_back(text: str) -> None:
    assert parse_prompt(escape_text(text)) == ((Span(text, 1.0),),)
    assert strip_weights(escape_text(text)) == text


@pytest.mark.parametrize("unit", ["(", "[", ")", "]", "[)", "(]", "\\", "(a)", "BREAK ", "()++ "])
def test_many_brackets_are_read_at_once(unit: str) -> None:
    started = time.perf_counter()

    parse_prompt(unit * (10_000 // len(unit)))
    parse_prompt("(" * 5_000 + ")" * 5_000)
    parse_prompt("[" * 5_000 + ")" * 5_000)
    parse_prompt("(a)" + "+" * 10_000)

    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "prompt",
    [
        "(a:5.01)",
        "(a:-1)",
        "(a:999999999)",
        "(a:" + "9" * 400 + ")",
        "(" * 18 + "a" + ")" * 18,
        "(" * 9_000 + "a:0" + ")" * 9_000,
        "(a)" + "+" * 500,
    ],
)
def test_a_weight_that_is_not_allowed_is_refused_with_advice(prompt: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_prompt(prompt, field="negative_prompt")

    (text,) = caught.value.fields.values()
    assert list(caught.value.fields) == ["negative_prompt"]
    assert "weights go from 0 to 5" in text


@pytest.mark.parametrize("prompt", ["(a:0)", "(a:5)", "(" * 16 + "a" + ")" * 16])
def test_the_limits_are_allowed(prompt: str) -> None:
    assert read_prompt(prompt) == parse_prompt(prompt)


def test_a_prompt_without_its_weights() -> None:
    assert strip_weights("a (red:1.3) [cat] BREAK on \\(grass\\)") == "a red cat on (grass)"


def test_the_grammar_needs_no_torch() -> None:
    code = (
        "import sys, gpu_tasks.engine.prompts.weights, gpu_tasks.engine.prompts.chunks;"
        "print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
