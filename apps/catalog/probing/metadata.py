"""What trainers write into a LoRA about itself; all of it a stranger's words."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_WORDS = 10
MOST_WORD = 100
MOST_TAGS = 10
MOST_TAG = 40
MOST_TITLE = 100
# The frequencies of all tags of a large training set come to some hundred kilobytes.
MOST_NOTE = 4 * 1024**2
MOST_COUNT = 10**9
MOST_CLIP_SKIP = 12


@dataclass(frozen=True, slots=True)
class TrainingNotes:
    """What a form may begin with."""

    trigger_words: tuple[str, ...]
    tags: tuple[str, ...]
    title: str
    defaults: Mapping[str, Any]


def read_training_notes(metadata: Mapping[str, str]) -> TrainingNotes:
    """Read kohya's notes (`ss_…`) and those of ModelSpec; what is odd is left out."""
    named = metadata.get("modelspec.trigger_phrase", "").split(",")
    frequent = _frequent_tags(metadata.get("ss_tag_frequency", ""))
    words = clean_words(named, most=MOST_WORDS, length=MOST_WORD) or frequent[:MOST_WORDS]
    tags = clean_words(
        metadata.get("modelspec.tags", "").split(","), most=MOST_TAGS, length=MOST_TAG
    )
    title = clean_words(
        [metadata.get("modelspec.title") or metadata.get("ss_output_name") or ""],
        most=1,
        length=MOST_TITLE,
    )
    return TrainingNotes(
        trigger_words=tuple(words),
        tags=tuple(tags),
        title=title[0] if title else "",
        defaults=_defaults(metadata),
    )


def clean_words(words: list[Any], *, most: int, length: int) -> list[str]:
    """Return texts without what does not print, each once, no more and no longer than said."""
    found: list[str] = []
    for word in words:
        if not isinstance(word, str):
            continue
        clean = "".join(c for c in word[: 10 * length] if c.isprintable()).strip()[:length].strip()
        if clean and clean not in found:
            found.append(clean)
        if len(found) == most:
            break
    return found


def _frequent_tags(text: str) -> list[str]:
    if not text or len(text) > MOST_NOTE:
        return []
    try:
        by_folder = json.loads(text)
    except (ValueError, RecursionError):
        return []
    counts: Counter[str] = Counter()
    folders = by_folder.values() if isinstance(by_folder, dict) else ()
    for tags in folders:
        if not isinstance(tags, dict):
            continue
        for tag, count in tags.items():
            if isinstance(count, int) and 0 < count < MOST_COUNT:
                counts[tag] += count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return clean_words([tag for tag, _count in ordered], most=MOST_WORDS, length=MOST_WORD)


def _defaults(metadata: Mapping[str, str]) -> dict[str, Any]:
    skip = metadata.get("ss_clip_skip", "")
    if skip.isascii() and skip.isdigit() and len(skip) <= 2 and 1 <= int(skip) <= MOST_CLIP_SKIP:
        return {"clip_skip": int(skip)}
    return {}
