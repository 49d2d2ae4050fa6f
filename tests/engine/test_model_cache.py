from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_tasks.engine import Engine, ModelSource, families, model_keeper
from gpu_tasks.engine.add_ons import read_tensors
from gpu_tasks.engine.guides import AddOn, Lora
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.model_cache import ModelCache
from gpu_tasks.engine.placement import Placement
from tests.engine.conftest import MakeRequest
from tests.engine.tiny_add_ons import build_lora


class FakeModel:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


Cache = ModelCache[str, FakeModel]


def use(cache: Cache, key: str, nbytes: int = 10) -> None:
    with cache.use(key, lambda: FakeModel(nbytes), expected_bytes=lambda: nbytes):
        pass


def must_not_load() -> FakeModel:
    raise AssertionError("loaded again")


def test_a_model_is_loaded_once() -> None:
    cache = Cache(100)
    use(cache, "a")

    with cache.use("a", must_not_load, expected_bytes=lambda: 10) as model:
        assert model.nbytes == 10
    assert cache.nbytes == 10


def test_the_model_used_longest_ago_goes_first() -> None:
    cache = Cache(30)
    for key in ("a", "b", "c"):
        use(cache, key)
    use(cache, "a")

    use(cache, "d")

    assert cache.loaded() == ("c", "a", "d")
    assert cache.nbytes == 30


def test_room_is_made_before_a_model_is_loaded() -> None:
    cache = Cache(30)
    use(cache, "a")
    use(cache, "b")
    lying_there: list[tuple[str, ...]] = []

    def load() -> FakeModel:
        lying_there.append(cache.loaded())
        return FakeModel(20)

    with cache.use("c", load, expected_bytes=lambda: 20):
        pass

    assert lying_there == [("b",)]
    assert cache.loaded() == ("b", "c")


def test_a_model_larger_than_the_limit_runs_and_is_then_dropped() -> None:
    cache = Cache(30)
    use(cache, "small")

    with cache.use("large", lambda: FakeModel(31), expected_bytes=lambda: 31) as model:
        assert cache.loaded() == ("large",)
        reference = weakref.ref(model)
        del model
    gc.collect()

    assert cache.loaded() == ()
    assert cache.nbytes == 0
    assert reference() is None


def test_a_model_in_use_is_not_dropped_for_another() -> None:
    cache = Cache(10)

    with cache.use("a", lambda: FakeModel(10), expected_bytes=lambda: 10):
        use(cache, "b")
        assert cache.loaded() == ("a",)
        assert cache.drop_unused() == 0
    assert cache.loaded() == ("a",)


def test_a_model_that_was_forgotten_in_use_is_loaded_anew() -> None:
    cache = Cache(100)

    with cache.use("a", lambda: FakeModel(10), expected_bytes=lambda: 10) as old:
        assert cache.drop("a") is True
        with cache.use("a", lambda: FakeModel(12), expected_bytes=lambda: 12) as new:
            assert (old.nbytes, new.nbytes) == (10, 12)
    assert cache.drop("b") is False
    assert cache.nbytes == 12


def test_a_failed_load_leaves_nothing_behind() -> None:
    cache = Cache(100)

    def fail() -> FakeModel:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"), cache.use("a", fail, expected_bytes=lambda: 1):
        pass

    assert cache.loaded() == ()
    use(cache, "a")
    assert cache.loaded() == ("a",)


def run_together(action: Callable[[int], object], *, threads: int) -> None:
    barrier = threading.Barrier(threads)

    def start(number: int) -> object:
        barrier.wait(timeout=10)
        return action(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(start, range(threads)))


def test_threads_that_want_the_same_model_load_it_once() -> None:
    cache = Cache(100)
    loads: list[FakeModel] = []
    wait = threading.Event()

    def load() -> FakeModel:
        wait.wait(timeout=0.1)
        loads.append(FakeModel(10))
        return loads[-1]

    def want(number: int) -> None:
        with cache.use("a", load, expected_bytes=lambda: 10) as model:
            assert model is loads[0]

    run_together(want, threads=8)

    assert len(loads) == 1


def test_a_waiting_thread_tries_itself_when_the_load_failed() -> None:
    cache = Cache(100)
    tries: list[int] = []
    outcomes: list[str] = []

    def load() -> FakeModel:
        tries.append(1)
        if len(tries) == 1:
            threading.Event().wait(timeout=0.1)
            raise OSError("once")
        return FakeModel(10)

    def want(number: int) -> None:
        try:
            with cache.use("a", load, expected_bytes=lambda: 10):
                outcomes.append("loaded")
        except OSError:
            outcomes.append("failed")

    run_together(want, threads=4)

    assert sorted(outcomes) == ["failed", "loaded", "loaded", "loaded"]
    assert len(tries) == 2


def test_bytes_stay_within_the_limit_whatever_threads_do() -> None:
    cache = Cache(45)

    def work(number: int) -> None:
        for turn in range(200):
            use(cache, f"model-{(turn * (number + 1)) % 7}")

    run_together(work, threads=6)

    assert cache.nbytes <= 45
    assert cache.nbytes == 10 * len(cache.loaded())


def test_the_engine_counts_parameters_and_buffers(tiny_source: ModelSource) -> None:
    engine = Engine(device="cpu")
    engine.preload(tiny_source)

    with engine.hold(tiny_source) as model:
        parts = [model.components[name] for name in ("unet", "vae", "text_encoder")]
        tensors = [t for part in parts for t in (*part.parameters(), *part.buffers())]
        counted = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        expected = model.family.expected_bytes(tiny_source, dtype=next(parts[0].parameters()).dtype)
    assert engine.loaded_bytes == counted
    # Only buffers that are not stored with the weights may differ.
    assert abs(expected - counted) < 0.01 * counted


def test_the_engine_switches_between_models_within_its_limit(
    tiny_source: ModelSource, other_source: ModelSource, make_request: MakeRequest
) -> None:
    roomy = Engine(device="cpu")
    roomy.preload(tiny_source)
    one_model = roomy.loaded_bytes
    engine = Engine(device="cpu", cache_bytes=int(1.5 * one_model))
    alone = {
        source.key: roomy.generate(make_request(source), source=source).images[0].tobytes()
        for source in (tiny_source, other_source)
    }

    for source in (tiny_source, other_source, tiny_source):
        result = engine.generate(make_request(source), source=source)
        assert engine.loaded_models == [source.key]
        assert result.images[0].tobytes() == alone[source.key]

    assert roomy.loaded_models == ["tiny", "other"]
    assert alone["tiny"] != alone["other"]


def test_a_model_larger_than_the_engine_s_limit_still_runs(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu", cache_bytes=1000)

    assert len(engine.generate(make_request(tiny_source), source=tiny_source).images) == 1

    assert engine.loaded_models == []
    assert engine.loaded_bytes == 0


def test_a_model_loads_beside_a_generation(
    tiny_source: ModelSource, other_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    loaded: list[list[str]] = []
    clean = engine.generate(make_request(tiny_source), source=tiny_source).images[0]

    def load_another(progress: object) -> None:
        if not loaded:
            thread = threading.Thread(target=engine.preload, args=(other_source,))
            thread.start()
            thread.join(timeout=60)
            loaded.append(engine.loaded_models)

    result = engine.generate(make_request(tiny_source), source=tiny_source, on_step=load_another)

    assert loaded == [["tiny", "other"]]
    assert result.images[0].tobytes() == clean.tobytes()


def test_threads_may_share_an_engine(
    tiny_source: ModelSource, other_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    requests = [
        (make_request(source, seed=seed, scheduler="euler_a"), source)
        for seed in (1, 2)
        for source in (tiny_source, other_source)
    ]
    clean = [engine.generate(r, source=s).images[0].tobytes() for r, s in requests]
    made: dict[int, bytes] = {}

    def make(number: int) -> None:
        request, source = requests[number]
        made[number] = engine.generate(request, source=source).images[0].tobytes()

    run_together(make, threads=len(requests))

    assert [made[number] for number in range(len(requests))] == clean


def test_there_is_room_beside_what_is_in_use_alone() -> None:
    cache = Cache(30)
    use(cache, "old", 25)

    with cache.use("a", lambda: FakeModel(10), expected_bytes=lambda: 10):
        assert cache.has_room(20)
        assert not cache.has_room(21)
    assert cache.has_room(30)


def test_a_model_is_loaded_beside_another_if_both_fit(
    tiny_source: ModelSource, other_source: ModelSource
) -> None:
    roomy = Engine(device="cpu")
    roomy.preload(tiny_source)
    narrow = Engine(device="cpu", cache_bytes=int(1.5 * roomy.loaded_bytes))

    with roomy.hold(tiny_source), narrow.hold(tiny_source):
        assert roomy.preload_beside(other_source)
        assert not narrow.preload_beside(other_source)
        assert narrow.preload_beside(tiny_source)

    assert roomy.loaded_models == ["tiny", "other"]
    assert narrow.loaded_models == ["tiny"]


def test_a_model_that_generations_would_wait_for_is_not_loaded_beside_one(
    other_source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families.family, "LARGEST_IN_FLOAT32", 0)
    large = replace(other_source, placement=Placement(precision="bfloat16"))
    engine = Engine(device="cpu")

    assert not engine.preload_beside(large)

    assert engine.loaded_models == []


def test_a_model_on_its_way_makes_room_for_what_is_lent(
    tiny_source: ModelSource, other_source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(device="cpu")
    begun, dropped = threading.Event(), threading.Event()
    family = type(families.find_family(other_source.base))
    load = family.load

    def load_late(self: Any, source: ModelSource, **options: Any) -> Any:
        if source == other_source:
            begun.set()
            assert dropped.wait(timeout=60)
        return load(self, source, **options)

    monkeypatch.setattr(family, "load", load_late)
    monkeypatch.setattr(model_keeper, "release_memory", dropped.set)
    beside = threading.Thread(target=engine.preload_beside, args=(other_source,))
    beside.start()
    assert begun.wait(timeout=60)

    with engine.lend(tiny_source, dtype=torch.float32):
        beside.join(timeout=60)
        assert engine.loaded_models == []
        assert not engine.preload_beside(other_source)
        assert engine.loaded_models == []
    assert engine.preload_beside(other_source)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
def test_loras_that_stay_in_a_model_are_counted_and_are_few(
    tiny_source: ModelSource, make_request: MakeRequest, tmp_path: Path
) -> None:
    engine = Engine(device="cpu")
    engine.preload(tiny_source)
    alone = engine.loaded_bytes
    loras = []
    for number in range(6):
        file = build_lora(tiny_source.path, tmp_path / f"{number}.safetensors", seed=number)
        loras.append(Lora(source=AddOn(key=file.name, path=file)))
    size = sum(tensor.nbytes for tensor in read_tensors(file).values())

    def make(lora: Lora) -> None:
        request = make_request(tiny_source, width=64, height=64, steps=1, loras=(lora,))
        engine.generate(request, source=tiny_source)

    make(loras[0])
    # Once as it was read, and once in the model.
    assert engine.loaded_bytes == alone + 2 * size

    for lora in loras:
        make(lora)
    assert engine.loaded_bytes == alone + 6 * size + 4 * size
