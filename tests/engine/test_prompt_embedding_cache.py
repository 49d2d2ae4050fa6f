from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache, Tensors, digest_key


def tensors(value: float, count: int = 4) -> dict[str, torch.Tensor]:
    return {"hidden": torch.full((count,), value), "pooled": torch.full((count,), -value)}


def refuse() -> Tensors:
    raise AssertionError("it should have been kept")


def test_what_was_encoded_is_kept() -> None:
    cache = EmbeddingCache()
    cache.get_or_encode("key", lambda: tensors(1.0))

    found = cache.get_or_encode("key", refuse)

    assert found["hidden"].tolist() == [1.0] * 4
    assert found["pooled"].tolist() == [-1.0] * 4
    assert (cache.hits, cache.misses, len(cache), cache.nbytes) == (1, 1, 1, 32)


def test_nobody_changes_what_others_get() -> None:
    cache = EmbeddingCache()
    made = tensors(1.0)
    first = cache.get_or_encode("key", lambda: made)

    made["hidden"].zero_()
    first["hidden"].fill_(2.0)
    del first["pooled"]
    cache.get_or_encode("key", refuse)["hidden"].fill_(3.0)

    found = cache.get_or_encode("key", refuse)
    assert found["hidden"].tolist() == [1.0] * 4
    assert found["pooled"].tolist() == [-1.0] * 4


def test_a_view_does_not_keep_the_whole() -> None:
    cache = EmbeddingCache()
    whole = torch.zeros(1000, 4)

    found = cache.get_or_encode("key", lambda: {"part": whole[::500]})

    assert cache.nbytes == 32
    assert found["part"].untyped_storage().nbytes() == 32


def test_the_one_used_longest_ago_goes_first() -> None:
    cache = EmbeddingCache(limit_bytes=96)
    for key in "abc":
        cache.get_or_encode(key, lambda: tensors(1.0))
    cache.get_or_encode("a", refuse)

    cache.get_or_encode("d", lambda: tensors(4.0))

    assert cache.nbytes == 96
    for key in "acd":
        cache.get_or_encode(key, refuse)
    assert cache.get_or_encode("b", lambda: tensors(9.0))["hidden"][0] == 9.0


def test_what_is_larger_than_the_limit_is_not_kept() -> None:
    cache = EmbeddingCache(limit_bytes=64)
    cache.get_or_encode("small", lambda: tensors(1.0))

    found = cache.get_or_encode("large", lambda: tensors(2.0, count=100))

    assert found["hidden"].shape == (100,)
    assert len(cache) == 1
    cache.get_or_encode("small", refuse)


def test_a_failure_is_not_kept() -> None:
    cache = EmbeddingCache()

    def fail() -> Tensors:
        raise MemoryError

    with pytest.raises(MemoryError):
        cache.get_or_encode("key", fail)

    assert len(cache) == 0
    assert cache.get_or_encode("key", lambda: tensors(1.0))["hidden"][0] == 1.0


def test_clearing_gives_everything_back() -> None:
    cache = EmbeddingCache()
    cache.get_or_encode("key", lambda: tensors(1.0))

    cache.clear()

    assert (len(cache), cache.nbytes) == (0, 0)


def test_threads_get_what_they_asked_for() -> None:
    cache = EmbeddingCache(limit_bytes=32 * 5)
    wrong: list[Any] = []
    start = threading.Barrier(8)

    def ask(seed: int) -> None:
        start.wait()
        for turn in range(300):
            value = float((turn * (seed + 1)) % 9)
            found = cache.get_or_encode(str(value), partial(tensors, value))
            if found["hidden"].tolist() != [value] * 4:
                wrong.append(found)
            found["hidden"].fill_(-100.0)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
    assert cache.nbytes == 32 * len(cache) <= 32 * 5
    assert cache.hits + cache.misses == 8 * 300


PART = st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=3)


@settings(deadline=None)
@given(*[st.dictionaries(st.sampled_from("abc"), PART, max_size=3)] * 2)
def test_different_parts_make_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (digest_key(**one) == digest_key(**other)) is (one == other)


def test_the_order_of_parts_does_not_matter() -> None:
    assert digest_key(a=1, b="x") == digest_key(b="x", a=1)
