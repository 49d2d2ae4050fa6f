"""Tell a U-Net different prompts for different parts of a picture (SD 1.5, SDXL).

The prompts of the regions travel behind the main one in `encoder_hidden_states`: main | first |
second | …, all of one length. Each cross-attention attends to each of them, and the outcomes are
blended by the masks, shrunk to the size of the layer. Rows are told alike, so that it does not
matter which of them are negative prompts (these carry themselves in every place), how many pictures
are made together, or whether rows are run one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import torch


def join_region_embeddings(main: torch.Tensor, regions: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put the encoded prompts of regions behind the main one.

    `main` is [rows, tokens, width]; each of `regions` is the same, or of one row for all. All are
    of one length: encode them together, or with the same number of chunks. For the negative prompt
    give it as every region: `join_region_embeddings(negative, [negative] * count)`.
    """
    for one in regions:
        if one.shape[1:] != main.shape[1:] or len(one) not in {1, len(main)}:
            raise ValueError(f"a region of {tuple(one.shape)} beside {tuple(main.shape)}")
    return torch.cat([main, *(one.expand(len(main), -1, -1) for one in regions)], dim=1)


def blend_masks(masks: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """Return how much each prompt counts at each place, the main one first.

    `masks` is [regions, height, width] from 0 to 1 at the resolution of the latents; a region
    counts as its mask times its weight (0 to 1: below 1 the main prompt is mixed in). Where regions
    overlap and add up to more than 1 they are scaled to 1; the main prompt has the rest. The result
    is [1 + regions, height, width] and adds up to 1 everywhere.

    Raises InvalidRequest for `regions`.
    """
    if masks.ndim != 3 or len(masks) != len(weights) or not len(masks):
        raise InvalidRequest({"regions": "must each have a mask and a weight"})
    if not all(0 < weight <= 1 for weight in weights):
        raise InvalidRequest({"regions": "must have weights above 0 and up to 1"})
    within = (masks >= 0) & (masks <= 1)
    if not bool(within.all()):
        raise InvalidRequest({"regions": "must have masks from 0 to 1"})
    shares = masks.to(torch.float32) * torch.tensor(weights, device=masks.device)[:, None, None]
    total = shares.sum(dim=0, keepdim=True)
    shares = shares / total.clamp(min=1)
    main = (1 - shares.sum(dim=0, keepdim=True)).clamp(min=0)
    return torch.cat([main, shares])


@contextmanager
def regional_attention(networks: Sequence[Any], shares: torch.Tensor) -> Iterator[None]:
    """Have U-Nets (and ControlNets beside them) read joined prompts, for the time of the block.

    `shares` is what `blend_masks` returns, of the height and width of the latents. Afterwards
    every attention has the very processor that it had before, errors or not. What was there is
    asked for each prompt in turn, so IP-Adapters and LoRAs go on working.
    """
    plan = _Plan(shares)
    with ExitStack() as undo:
        for network in networks:
            for name, module in network.named_modules():
                if name.endswith("attn2") and hasattr(module, "processor"):
                    undo.callback(setattr, module, "processor", module.processor)
                    # One that is a module itself has to be taken out of the list of modules first.
                    module.set_processor(_RegionalProcessor(module.processor, plan))
        yield


@dataclass(slots=True)
class _Plan:
    """The shares at the size of each layer, made when a layer first asks."""

    shares: torch.Tensor
    made: dict[tuple[int, torch.device, torch.dtype], torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.shares)

    def at(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Return [prompts, places, 1] for [rows, places, width] of a layer."""
        places = hidden_states.shape[1]
        key = (places, hidden_states.device, hidden_states.dtype)
        if key not in self.made:
            size = self._size_of(places)
            # The mean of what a place covers, so that the shares still add up to 1.
            shrunk = torch.nn.functional.adaptive_avg_pool2d(self.shares[None], size)[0]
            self.made[key] = shrunk.flatten(1)[..., None].to(hidden_states)
        return self.made[key]

    def _size_of(self, places: int) -> tuple[int, int]:
        # Each level of a U-Net halves both sides and rounds up, so that no two levels have the
        # same number of places until both sides are 1.
        height, width = int(self.shares.shape[1]), int(self.shares.shape[2])
        while height * width > places:
            height, width = -(-height // 2), -(-width // 2)
        if height * width != places:
            raise ValueError(f"no level of {tuple(self.shares.shape[1:])} has {places} places")
        return height, width


class _RegionalProcessor:
    """Ask another processor for each prompt, and blend what it says."""

    def __init__(self, processor: Any, plan: _Plan) -> None:
        self._processor = processor
        self._plan = plan

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        ip_adapter_masks: Any = None,
    ) -> torch.Tensor:
        others: Mapping[str, Any] = (
            {} if ip_adapter_masks is None else {"ip_adapter_masks": ip_adapter_masks}
        )
        shares = self._plan.at(hidden_states)
        blended = torch.zeros_like(hidden_states)
        for prompt, share in zip(
            _split(encoder_hidden_states, len(self._plan)), shares, strict=True
        ):
            said = self._processor(
                attn,
                hidden_states,
                encoder_hidden_states=prompt,
                attention_mask=attention_mask,
                temb=temb,
                **others,
            )
            blended = blended + share * said
        return blended


def _split(encoder_hidden_states: Any, count: int) -> list[Any]:
    # With an IP-Adapter it is a pair of the text and what the adapter says.
    if isinstance(encoder_hidden_states, tuple):
        text, *rest = encoder_hidden_states
        return [(part, *rest) for part in _split(text, count)]
    if encoder_hidden_states.shape[1] % count:
        raise ValueError(
            f"{encoder_hidden_states.shape[1]} tokens cannot be those of {count} prompts"
        )
    return list(encoder_hidden_states.chunk(count, dim=1))
