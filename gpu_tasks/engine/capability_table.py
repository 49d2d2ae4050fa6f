"""Write docs/capabilities.md: what each family can do, and which card runs it.

    .venv/bin/python -m gpu_tasks.engine.capability_table > docs/capabilities.md

Knows no torch: the facts are plain data, and a test holds the families to them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability, FamilyFacts
from gpu_tasks.engine.placement import FITS, Card, Fit

_CARDS: Final = {Card.T4: "T4, 16 GB", Card.A10G: "A10G, 24 GB", Card.A100: "A100, 40 GB"}
_CAPABILITIES: Final = {
    Capability.TXT2IMG: "picture from a prompt",
    Capability.IMG2IMG: "from a picture (img2img)",
    Capability.INPAINT: "within a mask",
    Capability.OUTPAINT: "beyond the edges",
    Capability.HIGH_RES: "two passes (high resolution)",
    Capability.UPSCALE: "enlarging with refinement",
    Capability.VARIATIONS: "variations of a seed",
    Capability.LORA: "LoRA",
    Capability.EMBEDDINGS: "textual inversion",
    Capability.CONTROLNET: "ControlNet",
    Capability.T2I_ADAPTER: "T2I adapter",
    Capability.IP_ADAPTER: "IP-Adapter",
    Capability.REFERENCES: "reference pictures",
    Capability.REGIONS: "prompts for regions",
    Capability.PROMPT_WEIGHTS: "weights in prompts, long prompts",
    Capability.NEGATIVE_PROMPT: "negative prompt",
    Capability.CLIP_SKIP: "CLIP skip",
    Capability.VAE: "another VAE",
    Capability.SEAMLESS: "seamless tiling",
    Capability.REFINER: "refiner",
}

_HEAD: Final = """\
# What each model family can do

Written by `.venv/bin/python -m gpu_tasks.engine.capability_table > docs/capabilities.md` from
`gpu_tasks/engine/family_facts.py` and `placement.py`; a test fails while they differ.
`tests/engine/families/` makes pictures with every cell that says yes, and sees to it that every
other is refused before anything is loaded, with the reason given here.
"""

_CARDS_HEAD: Final = """\
A job goes to the smallest card, not below its plan's, that runs its model. Figures are gigabytes
of weights in 16 bits: the part that denoises, and its text encoders.
"""


def write_page() -> str:
    """Return the page."""
    families = list(FAMILY_FACTS.values())
    notes = _Notes()
    capabilities = [
        [_CAPABILITIES[one], *(_cell(facts, one, notes) for facts in families)]
        for one in Capability
    ]
    sections = [
        _HEAD,
        _table(["", *(facts.name for facts in families)], capabilities),
        "\n".join(notes.lines()),
        "## Sizes, steps and schedulers\n",
        _table(
            ["family", "base", "made for", "sides a multiple of", "steps", "guidance", "at most"],
            [_numbers(facts) for facts in families],
        ),
        _schedulers(families),
        "## Which card runs what\n",
        _CARDS_HEAD,
        _table(
            ["family", *_CARDS.values()],
            [
                [FAMILY_FACTS[base].name, *_fits(FITS[base][card] for card in _CARDS)]
                for base in FITS
            ],
        ),
    ]
    return "\n".join(sections)


class _Notes:
    """Number the reasons why a family lacks something, each once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, reason: str) -> int:
        return self._numbers.setdefault(reason, len(self._numbers) + 1)

    def lines(self) -> Iterator[str]:
        for reason, number in self._numbers.items():
            yield f"{number}. {reason[0].upper()}{reason[1:]}."
        yield ""


def _cell(facts: FamilyFacts, capability: Capability, notes: _Notes) -> str:
    if capability not in facts.lacks:
        return "yes"
    return f"– ({notes.number(facts.lacks[capability])})"


def _numbers(facts: FamilyFacts) -> list[str]:
    limits = ", ".join(f"{name}: {most}" for name, most in facts.limits.items())
    return [
        facts.name,
        f"`{facts.base}`",
        f"{facts.size} × {facts.size}",
        str(facts.size_multiple),
        str(facts.steps),
        f"{facts.guidance_scale:g}",
        limits,
    ]


def _schedulers(families: Sequence[FamilyFacts]) -> str:
    by_names: dict[tuple[str, ...], list[str]] = {}
    for facts in families:
        by_names.setdefault(tuple(facts.schedulers.values()), []).append(facts.name)
    return (
        "\n".join(
            f"- {', '.join(names)}: {', '.join(schedulers)}"
            for schedulers, names in by_names.items()
        )
        + "\n"
    )


def _fits(fits: Iterable[Fit]) -> Iterator[str]:
    for fit in fits:
        if fit.placement is None:
            yield f"– {fit.why}"
            continue
        how = [fit.placement.precision]
        if fit.placement.float8:
            how.append("weights in 8 bits")
        if fit.placement.encoders_aside:
            how.append("encoders beside the card")
        yield f"{', '.join(how)}: {fit.why}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(write_page())
