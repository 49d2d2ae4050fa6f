"""The words of nodes: what is declared is what is translated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils import translation

from apps.workflows.node_words import WORDS
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.nodes.problems import PROBLEM_TEXTS
from gpu_tasks.nodes.schema import palette

_NAMES: Final = frozenset(SCHEDULER_NAMES.values())


def _shown(value: Any) -> Iterator[str]:
    """Yield titles and descriptions of a palette; ratios and names of schedulers are no words."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key in ("title", "description") and isinstance(each, str):
                if any(map(str.isalpha, each)) and each not in _NAMES:
                    yield each
            else:
                yield from _shown(each)
    elif isinstance(value, list):
        for each in value:
            yield from _shown(each)


def test_the_words_are_those_of_the_declarations() -> None:
    sentences = [text for reason, text in PROBLEM_TEXTS.items() if reason != "generation"]

    assert set(WORDS) == {*_shown(palette()), *sentences}
    assert len(set(WORDS)) == len(WORDS)


def test_nodes_speak_korean() -> None:
    with translation.override("ko"):
        assert translation.gettext("Save to board") == "보드에 저장"
        assert translation.gettext(PROBLEM_TEXTS["division_by_zero"]) == "0으로 나눌 수 없어요."
