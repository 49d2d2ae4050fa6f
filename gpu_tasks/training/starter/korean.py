"""Korean captions of the pictures."""

from __future__ import annotations

from typing import Final

import numpy as np

from gpu_tasks.training.starter.world import SceneSpec, ShapeSpec, Spec

_COLORS: Final = {
    "red": ("빨간", "빨간색", "붉은"),
    "orange": ("주황색", "주황"),
    "yellow": ("노란", "노란색"),
    "green": ("초록", "초록색", "녹색"),
    "blue": ("파란", "파란색", "푸른"),
    "purple": ("보라색", "보라"),
    "pink": ("분홍색", "분홍", "핑크색"),
    "white": ("흰", "하얀", "흰색"),
    "black": ("검은", "검은색", "까만"),
}
_SHAPES: Final = {
    "circle": ("원", "원", "동그라미"),
    "square": ("정사각형", "사각형", "네모"),
    "triangle": ("삼각형", "삼각형", "세모"),
    "star": ("별",),
    "heart": ("하트",),
}
_SIZES: Final = {"small": ("작은",), "medium": ("",), "large": ("큰", "커다란")}
_COUNTS: Final = {2: "두 개", 3: "세 개", 4: "네 개"}
_PLACES: Final = {
    "center": ("", "가운데에", "중앙에"),
    "left": ("왼쪽에",),
    "right": ("오른쪽에",),
    "top": ("위쪽에", "위에"),
    "bottom": ("아래쪽에", "아래에"),
    "top left": ("왼쪽 위에",),
    "top right": ("오른쪽 위에",),
    "bottom left": ("왼쪽 아래에",),
    "bottom right": ("오른쪽 아래에",),
}
_GROUNDS: Final = ("{0} 배경에", "{0} 배경 위에", "{0} 바탕에")
_LANDS: Final = {
    "sea": ("바다",),
    "mountains": ("산", "산맥"),
    "forest": ("숲", "소나무 숲"),
    "desert": ("사막",),
    "city": ("도시", "도시 풍경"),
    "snow": ("설원", "눈 덮인 들판", "겨울 풍경"),
}
_SNOWY_LANDS: Final = {
    "mountains": ("눈 덮인 산", "설산"),
    "forest": ("눈 덮인 숲", "겨울 숲"),
}
_SKIES: Final = {
    "day": ("맑은 날의", "낮의", "푸른 하늘 아래"),
    "sunset": ("노을 지는", "해 질 녘의", "석양의"),
    "night": ("밤의", "밤하늘 아래"),
    "rain": ("비 오는", "비 내리는"),
}
_BODIES: Final = {
    "sun": ("해가 떠 있는", "태양이 떠 있는"),
    "full moon": ("보름달이 뜬", "달이 뜬"),
    "crescent moon": ("초승달이 뜬",),
}
_SUNSET_TITLES: Final = ("{0} 위의 노을", "{0}의 노을", "{0}의 석양")


def _choose(*, words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def write_korean_shape_caption(*, spec: ShapeSpec, rng: np.random.Generator) -> str:
    """Word a picture of shapes, such as "흰 배경에 빨간 원"."""
    ground = _choose(words=_GROUNDS, rng=rng).format(_choose(words=_COLORS[spec.ground], rng=rng))
    subject = [
        _choose(words=_SIZES[spec.size], rng=rng),
        _choose(words=_COLORS[spec.color], rng=rng),
        _choose(words=_SHAPES[spec.shape], rng=rng),
        _COUNTS.get(spec.count, ""),
    ]
    place = _choose(words=_PLACES[spec.place], rng=rng) if spec.count == 1 else ""
    parts = [ground, place, *subject]
    if place and rng.random() < 0.3:
        parts = [place, "있는", *subject, ",", ground.split()[0], "배경"]
    text = " ".join(part for part in parts if part).replace(" ,", ",")
    return text + (" 그림" if rng.random() < 0.1 else "")


def write_korean_scene_caption(*, spec: SceneSpec, rng: np.random.Generator) -> str:
    """Word a landscape, such as "보름달이 뜬 밤의 눈 덮인 산"."""
    lands = _SNOWY_LANDS if spec.snowy and spec.land in _SNOWY_LANDS else _LANDS
    land = _choose(words=lands[spec.land], rng=rng)
    if spec.sky == "sunset" and spec.body == "none" and rng.random() < 0.5:
        return _choose(words=_SUNSET_TITLES, rng=rng).format(land)
    parts = []
    if spec.cactus:
        parts.append("선인장이 있는")
    if spec.body != "none":
        parts.append(_choose(words=_BODIES[spec.body], rng=rng))
    if spec.stars and rng.random() < 0.85:
        parts.append("별이 빛나는")
    parts.append(_choose(words=_SKIES[spec.sky], rng=rng))
    return " ".join([*parts, land])


def write_korean_caption(*, spec: Spec, rng: np.random.Generator) -> str:
    """Word a picture in Korean."""
    if isinstance(spec, ShapeSpec):
        return write_korean_shape_caption(spec=spec, rng=rng)
    return write_korean_scene_caption(spec=spec, rng=rng)
