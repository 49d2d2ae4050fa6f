"""What workers count and measure, and where it is found."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django_redis import get_redis_connection

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.observability.figures import Figure
from apps.generation.services.cloudwatch import tally_and_publish
from apps.generation.services.tallies import EndedJob
from apps.generation.worker_figures import GAUGE_SECONDS, keep_worker_figures, list_worker_figures
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, GenerationRequest, PassMember, Phase
from gpu_tasks.runner import JobRunner, model_source
from gpu_tasks.runner.telemetry import tell_figures
from gpu_tasks.worker.gpu import GpuUse, gpu_use
from tests.factories import make_job

Told = dict[tuple[str, str, str], Any]


def told() -> Told:
    return {
        (figure.key, figure.labels["tier"], figure.labels.get("model", "")): figure.value
        for figure in list_worker_figures()
    }


def test_counts_of_all_workers_add_up_and_gauges_are_of_each() -> None:
    place = {"tier": "basic", "model": "starter"}
    for worker, percent in (("a", 50.0), ("b", 70.0)):
        keep_worker_figures(
            [
                Figure("model_loads", 1, place),
                Figure("gpu_memory_percent", percent, {"tier": "basic", "worker": worker}),
            ],
            worker=worker,
        )
    keep_worker_figures([Figure("model_loads", 2, place)], worker="b")

    found = list_worker_figures()

    assert told()["model_loads", "basic", "starter"] == 4
    # The last word of b had no gauge.
    gauges = {f.labels["worker"]: f.value for f in found if f.key == "gpu_memory_percent"}
    assert gauges == {"a": 50.0}


def test_a_worker_that_is_silent_is_no_more_told_of_but_its_counts_are() -> None:
    place = {"tier": "basic", "worker": "a"}
    keep_worker_figures([Figure("gpu_memory_percent", 10, place)], worker="a")
    redis = get_redis_connection("default")
    assert 0 < redis.ttl("worker_gauges:a") <= GAUGE_SECONDS
    redis.delete("worker_gauges:a")

    assert list_worker_figures() == []
    assert redis.smembers("worker_gauges") == set()


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_hits_and_loads_and_on_a_processor_no_gpu(
    user: User, starter: GenerationModel
) -> None:
    engine = Engine(device="cpu")
    runner = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="here")
    for _number in range(2):
        make_job(user, starter, steps=1, width=64, height=64)
        assert runner.run_next()

    tell_figures(engine, tiers=runner.tiers, worker=runner.worker)
    tell_figures(engine, tiers=runner.tiers, worker=runner.worker)

    found = told()
    assert found["model_loads", "basic", starter.key] == 1
    assert found["model_hits", "basic", starter.key] == 1
    assert 0 < found["model_load_seconds", "basic", starter.key] < 60
    assert {key for key, _tier, _model in found} == {
        *("model_loads", "model_hits", "model_load_seconds")
    }


@pytest.mark.django_db
def test_the_engine_tells_its_phases_one_after_the_other(starter: GenerationModel) -> None:
    phases: list[tuple[Phase, int, int]] = []
    source = model_source(starter)
    request = GenerationRequest(
        prompt="a lighthouse",
        width=64,
        height=64,
        steps=2,
        guidance_scale=2.0,
        scheduler="euler",
        seed=1,
        model_key=source.key,
    )
    member = PassMember(request=request, on_phase=lambda *phase: phases.append(phase))

    Engine(device="cpu").generate_together([member], source=source)

    assert [phase for phase, _begun, _ended in phases] == [
        *(Phase.LOAD, Phase.DENOISE, Phase.DECODE)
    ]
    moments = [moment for _phase, begun, ended in phases for moment in (begun, ended)]
    assert moments == sorted(moments)
    assert moments[3] > moments[2]


def test_a_machine_without_a_driver_has_no_use_of_a_gpu() -> None:
    assert gpu_use("GPU-00000000-0000-0000-0000-000000000000") is None


def test_the_use_of_a_card_is_what_its_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its answers, in the shape that NVML gives them: no test machine has a card.
    calls: list[str] = []
    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: calls.append("init"),
        nvmlShutdown=lambda: calls.append("shutdown"),
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetUtilizationRates=lambda _card: SimpleNamespace(gpu=87, memory=30),
        nvmlDeviceGetMemoryInfo=lambda _card: SimpleNamespace(total=16, used=12, free=4),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)

    assert gpu_use("GPU-1") == GpuUse(utilization_percent=87.0, memory_percent=75.0)
    assert calls == ["init", "shutdown"]


def ended(state: str, *, code: str = "", waited: float = 1.0, tier: str = "basic") -> EndedJob:
    return EndedJob(
        tier=tier,
        model="starter",
        state=state,
        error_code=code,
        compute_seconds=2.0,
        wait_seconds=waited,
        run_seconds=3.0,
    )


@pytest.mark.django_db(transaction=True)
def test_objectives_count_faults_of_ours_and_waits_of_the_tier(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EASEL_CLOUDWATCH_METRICS = True
    jobs = [
        ended("succeeded", waited=599),
        ended("succeeded", waited=601),
        ended("failed", code="internal"),
        ended("failed", code="out_of_memory"),
        ended("cancelled"),
        ended("succeeded", waited=601, tier="dedicated"),
    ]
    published: list[Figure] = []
    where = "apps.generation.services.cloudwatch"
    monkeypatch.setattr(f"{where}.tally_ended_jobs", lambda: jobs)
    monkeypatch.setattr(f"{where}.publish", published.extend)

    assert tally_and_publish() == 6

    def total(key: str, tier: str) -> float:
        return sum(
            figure.value
            for figure in published
            if figure.key == key
            and figure.labels["tier"] == tier
            and isinstance(figure.value, int | float)
        )

    assert (total("jobs_served", "basic"), total("jobs_broken", "basic")) == (3, 1)
    assert (total("jobs_started", "basic"), total("jobs_late", "basic")) == (5, 1)
    assert (total("jobs_late", "dedicated"), total("jobs_served", "dedicated")) == (1, 1)
    assert [figure.value for figure in published if figure.key == "scheduler_beats"] == [1]
