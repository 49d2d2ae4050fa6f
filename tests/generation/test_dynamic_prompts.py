"""Templates of prompts: what they make, and what they must never do."""

import time
from collections import Counter
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalog.limits import MAX_PROMPT_LENGTH
from apps.core.errors import Invalid
from apps.generation.dynamic_prompts import (
    MAX_DEPTH,
    MAX_PROMPTS,
    MAX_WILDCARD_DEPTH,
    expand,
    expand_together,
)

WILDCARDS = {
    "colour": ["red", "blue"],
    "pet": ["cat", "{small|big} dog"],
    "pair": ["__colour__ __pet__"],
    "색": ["빨강", "파랑"],
    "hair_style/long": ["braid"],
    "a": ["__b__"],
    "b": ["x", "__a__"],
    "self": ["__self__"],
}


def all_of(template: str) -> list[str]:
    return expand(template, count=1, seed=0, wildcards=WILDCARDS, mode="all")


def drawn(template: str, *, count: int = 1, seed: int = 0) -> list[str]:
    return expand(template, count=count, seed=seed, wildcards=WILDCARDS)


def refusal(template: str, mode: str = "random") -> str:
    with pytest.raises(Invalid) as caught:
        expand(template, count=1, seed=0, wildcards=WILDCARDS, mode=mode)  # type: ignore[arg-type]
    ((field, messages),) = caught.value.fields.items()
    assert field == "prompt"
    return messages[0]


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("a cat", ["a cat"]),
        ("", [""]),
        ("{a|b|c}", ["a", "b", "c"]),
        ("a {red|blue} {cat|dog}", ["a red cat", "a red dog", "a blue cat", "a blue dog"]),
        ("{a|{b|c} {d|e}}", ["a", "b d", "b e", "c d", "c e"]),
        ("{a|}!", ["a!", "!"]),
        ("{a}", ["a"]),
        ("{}", [""]),
        ("{2$$a|b|c}", ["a, b", "a, c", "b, c"]),
        ("{2$$ and $$a|b|c}", ["a and b", "a and c", "b and c"]),
        ("{2$$$$a|b}", ["ab"]),
        ("{1-2$$, $$a|b}", ["a", "b", "a, b"]),
        ("{2-1$$ $$a|b}", ["a", "b", "a b"]),
        ("{0-1$$a|b}", ["", "a", "b"]),
        ("{5$$a|b}", ["a, b"]),
        ("{2$$-$${a|b}|c|d}", ["a-c", "b-c", "a-d", "b-d", "c-d"]),
        ("{$5|2$}", ["$5", "2$"]),
        ("{3::red|1::blue}", ["red", "blue"]),
        ("{0::red|0.5::blue}", ["blue"]),
        ("{a::b|12:30}", ["a::b", "12:30"]),
        ("{2::{a|b}|c}", ["a", "b", "c"]),
        ("{2$$3::a|1::b}", ["a, b"]),
        ("__colour__", ["red", "blue"]),
        ("a __Colour__ {cat|dog}", ["a red cat", "a red dog", "a blue cat", "a blue dog"]),
        ("__pet__", ["cat", "small dog", "big dog"]),
        ("{1$$__pet__|bird}", ["cat", "small dog", "big dog", "bird"]),
        ("__색__ 바다", ["빨강 바다", "파랑 바다"]),
        ("__hair_style/long__", ["braid"]),
        (
            "__pair__",
            [f"{c} {p}" for c in ("red", "blue") for p in ("cat", "small dog", "big dog")],
        ),
        # These are text.
        ("a | b", ["a | b"]),
        (r"\{a\|b\}", ["{a|b}"]),
        (r"{a\|b|c}", ["a|b", "c"]),
        (r"\__colour__", ["__colour__"]),
        ("a_b __ c ____ d", ["a_b __ c ____ d"]),
        (r"(a:1.2) \(b\) [c] \\", [r"(a:1.2) \(b\) [c] \\"]),
        (r"\\{a|b}", [r"\\a", r"\\b"]),
        ("1$$ 2::", ["1$$ 2::"]),
        ("end\\", ["end\\"]),
    ],
)
def test_all_that_a_template_makes(template: str, made: list[str]) -> None:
    assert all_of(template) == made
    assert set(drawn(template, count=100)) == set(made)


def test_the_same_seed_makes_the_same_prompts() -> None:
    template = "{a|b|c|d} __pet__ {2$$x|y|z}"

    assert drawn(template, count=20, seed=5) == drawn(template, count=20, seed=5)
    assert drawn(template, count=20, seed=5) != drawn(template, count=20, seed=6)
    assert drawn(template, count=5, seed=5) == drawn(template, count=20, seed=5)[:5]


def test_what_a_seed_makes_stays_as_it_is() -> None:
    assert drawn("{a|b|c} {2$$x|y|z} __pet__", count=4, seed=1) == [
        "c x, y small dog",
        "c x, z big dog",
        "a y, z cat",
        "a x, y cat",
    ]


def test_weights_say_how_often() -> None:
    counts = Counter(
        text for seed in range(20) for text in drawn("{3::a|1::b}", count=200, seed=seed)
    )

    assert 2850 < counts["a"] < 3150
    assert counts["a"] + counts["b"] == 4000


def test_templates_are_made_together() -> None:
    made = expand_together(
        {"prompt": "{a|b}", "negative_prompt": "{x|y}"},
        count=1,
        seed=0,
        wildcards={},
        mode="all",
    )

    assert [(one["prompt"], one["negative_prompt"]) for one in made] == list(product("ab", "xy"))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{a|b", "without its }"),
        ("{{a|b}", "without its }"),
        ("a} b", "without its {"),
        ("{a}}", "without its {"),
        ("{0::a|0::b}", "weight 0"),
        ("__nothing__", "no wildcard __nothing__"),
        ("__a__", "leads back to itself"),
        ("__self__", "leads back to itself"),
        ("{" * (MAX_DEPTH + 1) + "a" + "}" * (MAX_DEPTH + 1), f"nested {MAX_DEPTH} deep"),
        ("x" * (MAX_PROMPT_LENGTH + 1), "more than 2000 characters"),
        ("{2000}" * 600, "more than 2000 characters"),
    ],
)
def test_what_cannot_be_made_is_refused_with_advice(template: str, words: str) -> None:
    assert words in refusal(template)
    assert words in refusal(template, mode="all")


def test_as_many_braces_as_are_allowed_are_read() -> None:
    assert all_of("{" * MAX_DEPTH + "a" + "}" * MAX_DEPTH) == ["a"]


def test_too_many_prompts_are_counted_and_not_made() -> None:
    with pytest.raises(Invalid) as caught:
        all_of("{a|b|c}" * 6)

    assert caught.value.numbers == {"possible": 729, "limit": MAX_PROMPTS}
    assert "makes 729 prompts" in caught.value.fields["prompt"][0]
    assert "more than 1000000000000000 prompts" in refusal("{a|b|c}" * 200, mode="all")
    assert len(all_of("{a|b}" * 8)) == MAX_PROMPTS


@pytest.mark.parametrize(
    "template",
    [
        "{" + "|".join("abcdefghijklmnop" * 20) + "}" * 1,
        "{150$$" + "|".join("ab" * 150) + "}",
        "{1-300$$" + "|".join("ab" * 150) + "}",
        "{a|b}" * 400,
        "{" * 5_000,
        "}" * 5_000,
        "{|" * 5_000,
        "__" * 5_000,
        "__a" * 5_000,
        "\\" * 5_000,
        "_" * 5_000,
        "{999-999$$a|b}",
    ],
    ids=range(12),
)
@pytest.mark.parametrize("mode", ["random", "all"])
def test_hostile_templates_cost_no_time(template: str, mode: str) -> None:
    started = time.perf_counter()
    with suppress(Invalid):
        expand(template, count=1, seed=0, wildcards={}, mode=mode)  # type: ignore[arg-type]
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("mode", ["random", "all"])
@pytest.mark.parametrize("leaves", [[""], ["", ""], ["x"]])
def test_wildcards_that_multiply_cost_no_time(mode: str, leaves: list[str]) -> None:
    depth = MAX_WILDCARD_DEPTH - 1
    wildcards = {f"w{n}": [f"__w{n + 1}__" * 50] for n in range(depth)} | {f"w{depth}": leaves}
    started = time.perf_counter()

    with pytest.raises(Invalid):
        expand("__w0__", count=1, seed=0, wildcards=wildcards, mode=mode)  # type: ignore[arg-type]

    assert time.perf_counter() - started < 1


def test_wildcards_may_be_nested_so_deep_and_no_deeper() -> None:
    wildcards = {f"w{n}": [f"__w{n + 1}__"] for n in range(MAX_WILDCARD_DEPTH)}
    wildcards[f"w{MAX_WILDCARD_DEPTH}"] = ["x"]

    assert expand("__w1__", count=1, seed=0, wildcards=wildcards) == ["x"]
    with pytest.raises(Invalid, match="invalid") as caught:
        expand("__w0__", count=1, seed=0, wildcards=wildcards)

    assert "nested 8 deep" in caught.value.fields["prompt"][0]


@pytest.mark.parametrize("count", [0, -1, MAX_PROMPTS + 1])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(Invalid) as caught:
        expand("a", count=count, seed=0, wildcards={})

    assert list(caught.value.fields) == ["count"]


@given(st.text(st.characters(blacklist_characters="{}\\_")))
@settings(deadline=None)
def test_text_without_signs_stays_as_it_is(text: str) -> None:
    assert drawn(text) == all_of(text) == [text]


NASTY = st.text(st.sampled_from("{}|\\_$:-,12 ab"), max_size=40) | st.text(max_size=40)


@given(NASTY, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=300)
def test_any_template_is_made_or_refused(template: str, seed: int) -> None:
    try:
        made = drawn(template, count=3, seed=seed)
    except Invalid:
        return

    assert len(made) == 3


ATOMS = st.sampled_from(["a", "b ", "__colour__", "__pet__", ""])
TEMPLATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: "{" + "|".join(parts) + "}"),
        st.tuples(
            st.integers(0, 3), st.integers(0, 3), st.lists(inner, min_size=1, max_size=3)
        ).map(lambda parts: f"{{{parts[0]}-{parts[1]}$$+$$" + "|".join(parts[2]) + "}"),
    ),
    max_leaves=6,
)


@given(TEMPLATES, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_what_is_drawn_is_one_of_all(template: str, seed: int) -> None:
    with suppress(Invalid):
        possible = all_of(template)
        assert set(drawn(template, count=5, seed=seed)) <= set(possible)
        assert len(possible) <= MAX_PROMPTS


def test_wildcards_full_of_large_choices_are_refused_before_they_are_counted() -> None:
    wildcards = {f"w{number}": ["{490$$" + "|" * 490 + "}"] * 40 for number in range(100)}
    began = time.monotonic()

    with pytest.raises(Invalid):
        expand(" ".join(f"__{name}__" for name in wildcards), count=1, seed=0, wildcards=wildcards)

    assert time.monotonic() - began < 5
