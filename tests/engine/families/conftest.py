from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.guides import AddOn
from tests.engine.families.builders import BUILDERS


@dataclass
class Shop:
    """Tiny models and additions to them, built when they are first asked for."""

    directory: Path
    sources: dict[str, ModelSource] = field(default_factory=dict)
    add_ons: dict[tuple[str, str], AddOn] = field(default_factory=dict)

    def model(self, base: str) -> ModelSource:
        if base not in self.sources:
            path = BUILDERS[base](self.directory / base)
            self.sources[base] = ModelSource(key=base, path=path, base=base)
        return self.sources[base]

    def add_on(self, base: str, build: Callable[[str, Path, Path], Path]) -> AddOn:
        key = (base, build.__name__)
        if key not in self.add_ons:
            name = "-".join(key)
            path = build(base, self.model(base).path, self.directory / name)
            self.add_ons[key] = AddOn(key=name, path=path)
        return self.add_ons[key]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(device="cpu")
