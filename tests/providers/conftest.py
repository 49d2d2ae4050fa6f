"""A stand-in of both providers that the settings lead to, and users who may use it."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.provided import enter_models_of_providers
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.providers.stand_in import OPENAI_KEY, STABILITY_KEY, StandIn, serving


@pytest.fixture
def stand_in(settings: Any) -> Iterator[StandIn]:
    """Serve the stand-in in the place of both providers, with keys of the house for both."""
    with serving() as served:
        settings.EASEL_PROVIDER_URLS = {"openai": served.openai_url, "stability": served.url}
        settings.EASEL_HOUSE_KEYS = {"openai": OPENAI_KEY, "stability": STABILITY_KEY}
        settings.EASEL_HOUSE_PROVIDERS = ["openai", "stability"]
        settings.EASEL_PROVIDER_TIMEOUT_SECONDS = 20.0
        yield served


@pytest.fixture
def without_house(settings: Any, stand_in: StandIn) -> None:
    settings.EASEL_HOUSE_KEYS = {}
    settings.EASEL_HOUSE_PROVIDERS = []


@pytest.fixture
def pro(user: User) -> User:
    """The owner, on the plan from which on other services are included."""
    start_subscription(user=user, plan=PLANS["pro"])
    return user


@pytest.fixture
def enterprise_stranger(stranger: User) -> User:
    start_subscription(user=stranger, plan=PLANS["enterprise"])
    return stranger


@pytest.fixture
def models(db: None, starter: GenerationModel) -> dict[str, GenerationModel]:
    """The models of the providers, by key."""
    enter_models_of_providers()
    return {model.key: model for model in GenerationModel.objects.exclude(key=starter.key)}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine, stand_in: StandIn) -> Iterator[JobRunner]:
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    yield runner
    stand_in.let_go.set()
    runner.wait_for_all()
