"""What our engine adds to a bare diffusers loop, and what each thing done for speed gives.

Without a GPU it is processor time of one thread, which other work on the machine disturbs least.
Ways of making the same picture take turns, and a ratio is the median of those within a round.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import gpu_tasks
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.guides import AddOn, Lora
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.engine.schedulers import make_scheduler
from gpu_tasks.engine.tuning import Attention, EngineTuning
from tests.benchmarks.report import Report, Target
from tests.engine.tiny_add_ons import build_lora

STARTER = Path(gpu_tasks.__file__).parent / "starter_model"
DEVICE = Engine().device
_TYPE = torch.float16 if DEVICE.type == "cuda" else torch.float32
PROMPT = "a red circle on a white background"
SIZE, STEPS = 128, 20
GUIDANCE, SCHEDULER = 4.0, "dpmpp_2m"
MAX_OVERHEAD = 1.02
MAX_SWITCH_MS = 50

Way = Callable[[int], object]


def run(*, quick: bool) -> Report:
    """Measure so many rounds; a quick run leaves out what has to be compiled first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
            return _measure(Path(folder), quick=quick)
    finally:
        torch.set_num_threads(threads)


def _measure(folder: Path, *, quick: bool) -> Report:
    source = ModelSource(key="starter", path=STARTER)
    ways: dict[str, Way] = {"bare": BareLoop(source), **_engines(source, compiled=not quick)}
    figures: dict[str, float] = {}
    for name, way in ways.items():
        # Threads compile and so do other processes; the first picture is slow in any case.
        before = _seconds_with_children()
        way(0)
        if name == "compiled":
            figures["compiled_warm_up_cpu_s"] = _seconds_with_children() - before
    # What has a narrow target takes most of the rounds.
    narrow = {name: ways.pop(name) for name in ("bare", "as_shipped")} | {"engine": ways["engine"]}
    seconds = _take_turns(narrow, rounds=8 if quick else 30)
    figures["bare_ms"] = median(seconds["bare"]) * 1e3
    figures["engine_over_bare_p50"] = _ratio(seconds["engine"], seconds["bare"])
    # Noise of some percent hides what is sought; other work can only add to what a picture takes.
    overhead = min(seconds["engine"]) / min(seconds["bare"])
    figures["as_shipped_over_bare"] = _ratio(seconds["as_shipped"], seconds["bare"])
    seconds = _take_turns(ways, rounds=4 if quick else 12)
    for name in set(ways) - {"engine"}:
        figures[f"{name}_over_engine"] = _ratio(seconds[name], seconds["engine"])
    rounds = 10 if quick else 40
    switch = switch_ms(source, rounds=rounds)
    figures |= lora_ms(source, folder, rounds=rounds)
    return Report(
        bench="engine",
        figures=figures,
        targets={
            "engine_over_bare": Target(overhead, MAX_OVERHEAD),
            "switch_ms": Target(switch, MAX_SWITCH_MS),
        },
    )


class BareLoop:
    """The raw diffusers pipeline, with nothing around it."""

    def __init__(self, source: ModelSource) -> None:
        self.pipeline = diffusers.StableDiffusionPipeline.from_pretrained(source.path)
        self.pipeline.to(DEVICE, _TYPE)
        self.pipeline.set_progress_bar_config(disable=True)
        self.shipped_scheduler = dict(self.pipeline.scheduler.config)

    def __call__(self, seed: int) -> object:
        self.pipeline.scheduler = make_scheduler(
            SCHEDULER, model_config=self.shipped_scheduler, steps=STEPS
        )
        with torch.inference_mode():
            return self.pipeline(
                PROMPT,
                width=SIZE,
                height=SIZE,
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=torch.Generator().manual_seed(seed),
            )


def _engines(source: ModelSource, *, compiled: bool) -> dict[str, Way]:
    """Return engines by name: one with nothing done for speed, and each thing done alone."""
    tunings = {
        "engine": EngineTuning(),
        "channels_last": EngineTuning(channels_last=True),
        "attention_math": EngineTuning(attention=Attention.MATH),
    }
    if compiled and shutil.which("g++"):
        tunings["compiled"] = EngineTuning(compile_blocks=True)
    # The bare loop reads its prompt each time.
    engines = {name: Engine(tuning=tuning, prompt_bytes=0) for name, tuning in tunings.items()}
    engines["prompt_cache"] = Engine(tuning=EngineTuning())
    engines["as_shipped"] = Engine()

    def way(engine: Engine) -> Way:
        return lambda seed: engine.generate(
            request_for(source, seed=seed), source=source, on_step=lambda _: None
        )

    return {name: way(engine) for name, engine in engines.items()}


def request_for(source: ModelSource, *, seed: int = 0, **changes: object) -> GenerationRequest:
    arguments: dict[str, object] = {
        "prompt": PROMPT,
        "width": SIZE,
        "height": SIZE,
        "steps": STEPS,
        "guidance_scale": GUIDANCE,
        "scheduler": SCHEDULER,
        "seed": seed,
        "model_key": source.key,
    }
    return GenerationRequest(**(arguments | changes))  # type: ignore[arg-type]


def _take_turns(ways: dict[str, Way], *, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        names = list(ways)
        first = number % len(names)
        # Each is first as often as the others, and after each of two others.
        for name in (names[first:] + names[:first])[:: -1 if number % 2 else 1]:
            started = _now()
            ways[name](number)
            seconds[name].append(_now() - started)
    return seconds


def _now() -> float:
    if DEVICE.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _ratio(over: Sequence[float], under: Sequence[float]) -> float:
    return median(a / b for a, b in zip(over, under, strict=True))


def _seconds_with_children() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def switch_ms(source: ModelSource, *, rounds: int) -> float:
    """Return what the first picture after a change of models takes longer than the second.

    Both models are in the cache, the pictures have one step, and the time is the clock's.
    """
    engine = Engine()
    sources = [source, ModelSource(key="another", path=source.path)]
    for one in sources:
        engine.warm_up(one)
    extra = []
    for number in range(rounds):
        one = sources[number % 2]
        request = request_for(one, width=64, height=64, steps=1)
        first, second = (_clock(engine, request, one) for _ in range(2))
        extra.append(first - second)
    return median(extra) * 1e3


def lora_ms(source: ModelSource, folder: Path, *, rounds: int) -> dict[str, float]:
    """Return what a picture of one step takes longer with a LoRA: read first, kept, changed."""
    files = [build_lora(source.path, folder / f"{n}.safetensors", seed=n) for n in range(2)]
    engine = Engine()

    def taken(*loras: Lora) -> float:
        return _clock(
            engine, request_for(source, width=64, height=64, steps=1, loras=loras), source
        )

    loras = [Lora(source=AddOn(key=file.name, path=file)) for file in files]
    taken()
    plain = median(taken() for _ in range(rounds))
    first = taken(loras[0])
    taken(loras[1])
    kept = median(taken(loras[0]) for _ in range(rounds))
    changed = median(taken(loras[number % 2]) for number in range(rounds))
    return {
        "lora_first_ms": (first - plain) * 1e3,
        "lora_kept_ms": (kept - plain) * 1e3,
        "lora_changed_ms": (changed - plain) * 1e3,
    }


def _clock(engine: Engine, request: GenerationRequest, source: ModelSource) -> float:
    started = time.perf_counter()
    engine.generate(request, source=source)
    return time.perf_counter() - started
