"""English captions: many wordings of one picture, some of them reserved for evaluation."""

from __future__ import annotations

from typing import Final

import numpy as np

from gpu_tasks.training.starter.korean import write_korean_caption
from gpu_tasks.training.starter.world import SceneSpec, ShapeSpec, Spec

KOREAN_SHARE: Final = 0.12
_FILLER_SHARE: Final = 0.12

_COLOR_WORDS: Final = {"red": ("red",) * 5 + ("crimson",), "purple": ("purple",) * 4 + ("violet",)}
_SHAPE_WORDS: Final = {
    "circle": ("circle",) * 5 + ("disc", "ball", "dot"),
    "square": ("square",) * 5 + ("box",),
    "triangle": ("triangle",),
    "star": ("star",) * 5 + ("five-pointed star",),
    "heart": ("heart",) * 5 + ("love heart",),
}
_SIZE_WORDS: Final = {
    "small": ("small", "small", "little", "tiny"),
    "medium": ("", "", "", "", "medium-sized"),
    "large": ("large", "large", "big", "huge"),
}
_COUNT_WORDS: Final = {
    2: ("two", "two", "2", "a pair of"),
    3: ("three", "three", "3"),
    4: ("four", "four", "4"),
}
_SIDES: Final = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
_SIDE_WORDS: Final = (
    "on the {0}",
    "at the {0}",
    "on the {0} side",
    "near the {0} edge",
    "to the {0}",
    "{0}",
)
_CORNER_WORDS: Final = (
    "at the {0}",
    "in the {0} corner",
    "on the {0}",
    "at the {0} corner",
    "in the {0}",
    "{0}",
)
_CENTER_WORDS: Final = (
    "",
    "",
    "",
    "in the center",
    "in the middle",
    "at the center",
    "centered",
    "in the centre",
)
_GROUNDS: Final = (
    "on a {0} background",
    "on a {0} background",
    "on a {0} background",
    "on {0}",
    "against a {0} background",
    "with a {0} background",
    "on a plain {0} background",
    "over a {0} background",
    "on a {0} backdrop",
    "on a solid {0} background",
)
SHAPE_TEMPLATES: Final = (
    "{subject} {place} {ground}",
    "{subject} {place} {ground}",
    "{subject} {ground} {place}",
    "{subject} {place}, {color_of_ground} background",
    "{color_of_ground} background, {subject} {place}",
    "{color_of_ground} background with {subject} {place}",
    "a picture of {subject} {place} {ground}",
    "a drawing of {subject} {ground} {place}",
    "an image of {subject} {place} {ground}",
    "an illustration of {subject} {place} {ground}",
    "{place}, {subject} {ground}",
    "draw {subject} {place} {ground}",
    "there is {subject} {place} {ground}",
    "{ground}, {subject} {place}",
)
EVALUATION_SHAPE_TEMPLATES: Final = (
    "{ground} there is {subject} {place}",
    "a simple image with {subject} {place}, {ground}",
    "please draw {subject}, {place}, {ground}",
    "{subject}, {place}, {ground}",
    "an illustration showing {subject} {ground}, {place}",
    "a {color_of_ground} picture with {subject} {place}",
)

_LAND_WORDS: Final = {
    "sea": ("the sea", "the ocean", "the sea", "a calm sea", "a seascape", "ocean waves"),
    "mountains": ("mountains", "the mountains", "a mountain", "mountain peaks", "a mountain range"),
    "forest": ("a forest", "a forest", "the woods", "pine trees", "a pine forest"),
    "desert": ("a desert", "the desert", "sand dunes", "desert dunes"),
    "city": ("a city", "a city skyline", "the city", "skyscrapers", "a skyline of a city"),
    "snow": ("a snowy field", "snow", "a snowy landscape", "a winter landscape", "snowy hills"),
}
_SNOWY_WORDS: Final = {
    "mountains": (
        "snowy mountains",
        "a snowy mountain",
        "snow-capped mountains",
        "mountains with snow",
        "snow covered mountains",
    ),
    "forest": (
        "a snowy forest",
        "a snowy forest",
        "a forest in winter",
        "snow covered trees",
        "a winter forest",
    ),
}
_SKY_PHRASES: Final = {
    "day": ("by day", "in daylight", "under a blue sky", "on a clear day", "during the day", ""),
    "sunset": ("at sunset", "at sunset", "at dusk", "during sunset", "under a sunset sky"),
    "night": ("at night", "at night", "by night", "under a night sky", "in the night"),
    "rain": ("in the rain", "on a rainy day", "in rain", "under rain clouds", "in rainy weather"),
}
_SKY_ADJECTIVES: Final = {
    "day": ("sunny day", "clear day", "blue sky"),
    "sunset": ("sunset", "a sunset", "evening glow"),
    "night": ("night", "a night scene", "dark night"),
    "rain": ("rain", "a rainy day", "rainy weather"),
}
_BODY_WORDS: Final = {
    "sun": ("the sun", "a sun", "the sun in the sky", "a bright sun"),
    "full moon": ("a full moon", "the full moon", "a full moon", "a round moon", "a moon"),
    "crescent moon": ("a crescent moon", "the crescent moon", "a thin moon", "a sickle moon"),
}
_STAR_WORDS: Final = ("stars", "many stars", "a starry sky", "twinkling stars")
_CACTUS_WORDS: Final = ("a cactus", "a green cactus", "one cactus")
SCENE_TEMPLATES: Final = (
    "{land} {sky} {extras}",
    "{land} {sky} {extras}",
    "{land} {sky} {extras}",
    "a picture of {land} {sky} {extras}",
    "a painting of {land} {sky} {extras}",
    "an illustration of {land} {sky} {extras}",
    "{sky_noun} over {land} {extras}",
    "{land}, {sky_noun} {listed}",
    "{sky_noun}, {land} {listed}",
    "a landscape of {land} {sky} {extras}",
    "{sky}, {land} {extras}",
    "a beautiful view of {land} {sky} {extras}",
)
EVALUATION_SCENE_TEMPLATES: Final = (
    "a lovely painting of {land} {extras}, {sky}",
    "view of {land} {extras}, {sky_noun}",
    "a scene showing {land} {sky} {extras}",
    "{sky} there is {land} {extras}",
    "a digital picture of {sky_noun} with {land} {listed}",
    "please paint {land} {sky} {extras}",
)
_FILLERS: Final = (
    "high quality",
    "detailed",
    "beautiful",
    "simple",
    "flat design",
    "minimalist",
    "digital art",
    "masterpiece",
    "vector art",
    "clean",
    "best quality",
    "4k",
    "8k",
    "cute",
    "lovely",
    "trending",
    "poster",
    "wallpaper",
    "icon",
    "sharp focus",
    "art",
    "style",
    "colorful",
    "modern",
    "soft light",
    "very nice",
    "please",
    "sticker",
    "logo",
    "concept art",
    "studio",
    "elegant",
    "watercolor",
    "oil painting",
    "pastel",
    "highly detailed",
    "cartoon",
    "card",
    "photo",
    "render",
)
_PLURALS: Final = {"box": "boxes"}


def choose_word(*, words: tuple[str, ...], rng: np.random.Generator) -> str:
    """Choose one of several wordings."""
    return words[int(rng.integers(len(words)))]


def tidy_caption(*, text: str) -> str:
    """Remove doubled blanks and stray commas left by empty slots."""
    text = " ".join(text.split()).replace(" ,", ",")
    while ",," in text:
        text = text.replace(",,", ",")
    return text.strip(" ,").replace("a orange", "an orange")


def name_color(*, color: str, rng: np.random.Generator) -> str:
    """Choose a word for a colour."""
    return choose_word(words=_COLOR_WORDS.get(color, (color,)), rng=rng)


def phrase_place(*, place: str, rng: np.random.Generator) -> str:
    """Choose a phrase for a place; the centre often goes without saying."""
    if place == "center":
        return choose_word(words=_CENTER_WORDS, rng=rng)
    if place in _SIDES:
        return choose_word(words=_SIDE_WORDS, rng=rng).format(place)
    upright, side = place.split()
    if rng.random() < 0.3:
        upright = {"top": "upper", "bottom": "lower"}[upright]
    return choose_word(words=_CORNER_WORDS, rng=rng).format(f"{upright} {side}")


def phrase_subject(*, spec: ShapeSpec, rng: np.random.Generator) -> str:
    """Choose a phrase for the shapes themselves, such as "three small blue stars"."""
    shape = choose_word(words=_SHAPE_WORDS[spec.shape], rng=rng)
    size = choose_word(words=_SIZE_WORDS[spec.size], rng=rng)
    color = name_color(color=spec.color, rng=rng)
    if spec.count == 1:
        words = " ".join(word for word in (size, color, shape) if word)
        if rng.random() < 0.06:
            return words
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
    count = choose_word(words=_COUNT_WORDS[spec.count], rng=rng)
    plural = _PLURALS.get(shape, f"{shape}s")
    return " ".join(word for word in (count, size, color, plural) if word)


def write_shape_caption(
    *, spec: ShapeSpec, templates: tuple[str, ...], rng: np.random.Generator
) -> str:
    """Word a picture of shapes with one of the templates."""
    ground = name_color(color=spec.ground, rng=rng)
    phrase = choose_word(words=_GROUNDS, rng=rng).format(ground)
    place = phrase_place(place=spec.place, rng=rng) if spec.count == 1 else ""
    text = choose_word(words=templates, rng=rng).format(
        subject=phrase_subject(spec=spec, rng=rng),
        place=place,
        ground=phrase,
        color_of_ground=ground,
    )
    return tidy_caption(text=text)


def list_extras(*, spec: SceneSpec, rng: np.random.Generator) -> list[str]:
    """List what a caption says beside land and sky; now and then something is left out."""
    extras = []
    if spec.body != "none" and rng.random() < 0.92:
        extras.append(choose_word(words=_BODY_WORDS[spec.body], rng=rng))
    if spec.stars and rng.random() < 0.85:
        extras.append(choose_word(words=_STAR_WORDS, rng=rng))
    if spec.cactus and rng.random() < 0.92:
        extras.append(choose_word(words=_CACTUS_WORDS, rng=rng))
    order = rng.permutation(len(extras))
    return [extras[int(place)] for place in order]


def write_scene_caption(
    *, spec: SceneSpec, templates: tuple[str, ...], rng: np.random.Generator
) -> str:
    """Word a landscape with one of the templates."""
    words = _SNOWY_WORDS if spec.snowy and spec.land in _SNOWY_WORDS else _LAND_WORDS
    extras = list_extras(spec=spec, rng=rng)
    text = choose_word(words=templates, rng=rng).format(
        land=choose_word(words=words[spec.land], rng=rng),
        sky=choose_word(words=_SKY_PHRASES[spec.sky], rng=rng),
        sky_noun=choose_word(words=_SKY_ADJECTIVES[spec.sky], rng=rng),
        extras="with " + " and ".join(extras) if extras else "",
        listed=", " + ", ".join(extras) if extras else "",
    )
    return tidy_caption(text=text)


def write_caption(*, spec: Spec, rng: np.random.Generator) -> str:
    """Word a picture for training: mostly English, some Korean, some with idle words added."""
    if rng.random() < KOREAN_SHARE:
        return write_korean_caption(spec=spec, rng=rng)
    if isinstance(spec, ShapeSpec):
        text = write_shape_caption(spec=spec, templates=SHAPE_TEMPLATES, rng=rng)
    else:
        text = write_scene_caption(spec=spec, templates=SCENE_TEMPLATES, rng=rng)
    if rng.random() < _FILLER_SHARE:
        fillers = [choose_word(words=_FILLERS, rng=rng) for _ in range(int(rng.integers(1, 4)))]
        text = f"{text}, {', '.join(fillers)}"
        if rng.random() < 0.2:
            text = f"{fillers[0]} {text}"
    return text


def write_evaluation_caption(*, spec: Spec, rng: np.random.Generator) -> str:
    """Word a picture in a way that training never does."""
    if isinstance(spec, ShapeSpec):
        return write_shape_caption(spec=spec, templates=EVALUATION_SHAPE_TEMPLATES, rng=rng)
    return write_scene_caption(spec=spec, templates=EVALUATION_SCENE_TEMPLATES, rng=rng)
