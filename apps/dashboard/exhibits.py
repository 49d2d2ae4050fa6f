"""The pictures of the landing page: which prompts they were made from, in which language.

`python -m tests.browser.landing_pictures` makes their files anew, with the model that ships.
"""

from dataclasses import dataclass
from typing import Final

from django.templatetags.static import static

STEPS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A picture for each language, made from that language's own prompt and the one seed."""

    slug: str
    seed: int
    prompts: dict[str, str]

    def path(self, language: str) -> str:
        """Return where the file lies among the static files."""
        return f"img/landing/{self.slug}-{language}.webp"


@dataclass(frozen=True, slots=True)
class Shown:
    """An exhibit in one language."""

    prompt: str
    seed: int
    url: str


# The first is the large one.
EXHIBITS: Final = (
    Exhibit(
        slug="sunset",
        seed=23,
        prompts={
            "en": "a sunset over the sea with the sun",
            "ko": "해가 떠 있는 노을 지는 바다",
        },
    ),
    Exhibit(
        slug="desert",
        seed=21,
        prompts={
            "en": "a desert at sunset with a cactus",
            "ko": "선인장이 있는 해 질 녘의 사막",
        },
    ),
    Exhibit(
        slug="moonlight",
        seed=22,
        prompts={
            "en": "the sea at night with a full moon and stars",
            "ko": "보름달이 뜬 별이 빛나는 밤의 바다",
        },
    ),
    Exhibit(
        slug="hearts",
        seed=22,
        prompts={
            "en": "two pink hearts on a purple background",
            "ko": "보라색 배경에 분홍색 하트 두 개",
        },
    ),
    Exhibit(
        slug="snow",
        seed=22,
        prompts={
            "en": "a snowy landscape by day with the sun",
            "ko": "태양이 떠 있는 낮의 설원",
        },
    ),
    Exhibit(
        slug="stars",
        seed=21,
        prompts={
            "en": "three small blue stars on a yellow background",
            "ko": "노란 배경에 작은 파란 별 세 개",
        },
    ),
    Exhibit(
        slug="forest",
        seed=21,
        prompts={
            "en": "a pine forest in the rain",
            "ko": "비 내리는 소나무 숲",
        },
    ),
    Exhibit(
        slug="mountains",
        seed=24,
        prompts={
            "en": "mountains at sunset with the sun",
            "ko": "해가 떠 있는 노을 지는 산",
        },
    ),
    Exhibit(
        slug="circle",
        seed=7,
        prompts={
            "en": "a red circle on a white background",
            "ko": "흰 배경에 빨간 원",
        },
    ),
)


def exhibits_in(language: str) -> list[Shown]:
    """List the exhibits with prompts in `language`; in English where there is none."""
    known = language if language in EXHIBITS[0].prompts else "en"
    return [Shown(one.prompts[known], one.seed, static(one.path(known))) for one in EXHIBITS]
