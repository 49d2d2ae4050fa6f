"""Somebody who may train, with a set to learn from."""

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.training.models import TrainingSet
from tests.lora_training.factories import make_set


@pytest.fixture
def trainer(enterprise_user: User, starter: GenerationModel) -> User:
    return enterprise_user


@pytest.fixture
def discs(trainer: User) -> TrainingSet:
    return make_set(trainer)
