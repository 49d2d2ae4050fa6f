"""The ControlNet of the starter's denoiser, and the denoiser that it steers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from gpu_tasks.training.starter.tokenizer import load_tokenizer

_SEED: Final = 37
# 8×8 pixels of a drawing meet one cell of 96 channels. Twice as many where the picture is large
# would take a quarter of the time of a step.
_DRAWING_CHANNELS: Final = (8, 16, 32, 96)


def load_autoencoder(*, model_dir: Path) -> AutoencoderKL:
    """Load the shipped autoencoder, frozen."""
    model = AutoencoderKL.from_pretrained(
        model_dir, subfolder="vae", use_safetensors=True, local_files_only=True
    )
    frozen: AutoencoderKL = model.eval().requires_grad_(requires_grad=False)
    return frozen.to(memory_format=torch.channels_last)


def load_denoiser(*, model_dir: Path) -> UNet2DConditionModel:
    """Load the shipped denoiser, frozen."""
    model = UNet2DConditionModel.from_pretrained(
        model_dir, subfolder="unet", use_safetensors=True, local_files_only=True
    )
    # On a few dozen cells the plain product of matrices is quicker than the fused kernel.
    model.set_attn_processor(AttnProcessor())
    frozen: UNet2DConditionModel = model.eval().requires_grad_(requires_grad=False)
    return frozen.to(memory_format=torch.channels_last)


def load_words(*, model_dir: Path) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Load the shipped tokenizer and text encoder, frozen."""
    encoder = CLIPTextModel.from_pretrained(  # nosec B615  # a local directory
        model_dir, subfolder="text_encoder", use_safetensors=True, local_files_only=True
    )
    frozen: CLIPTextModel = encoder.eval().requires_grad_(requires_grad=False)
    return load_tokenizer(directory=model_dir / "tokenizer"), frozen


@torch.no_grad()
def _take_in_projection(*, controlnet: ControlNetModel, denoiser: UNet2DConditionModel) -> None:
    """Put the denoiser's projection of the text into the copied cross-attention, exactly.

    The denoiser projects tokens before they reach attention; diffusers' ControlNet has the layer
    but never calls it. Keys become W_k·P; the bias b of P adds one number to all scores of a
    query, which softmax cancels, and W_o·W_v·b to the output.
    """
    project = denoiser.encoder_hid_proj
    for name, layer in controlnet.named_modules():
        if not name.endswith("attn2"):
            continue
        layer.to_out[0].bias += layer.to_out[0].weight @ (layer.to_v.weight @ project.bias)
        layer.to_k.weight.copy_(layer.to_k.weight @ project.weight)
        layer.to_v.weight.copy_(layer.to_v.weight @ project.weight)


def build_controlnet(*, denoiser: UNet2DConditionModel) -> ControlNetModel:
    """Build the untrained ControlNet: a copy of the denoiser's first half that changes nothing yet.

    `ControlNetModel.from_unet` leaves the heads of the pooled caption out; hence the way round by
    its configuration. Of the two rows of layers that it starts at zero one is enough to change
    nothing: the last layer of the drawing's encoder begins at random, so that the others see the
    drawing from the first step.
    """
    torch.manual_seed(_SEED)
    blank = ControlNetModel.from_unet(
        denoiser,
        conditioning_embedding_out_channels=_DRAWING_CHANNELS,
        load_weights_from_unet=False,
    )
    settings = {key: value for key, value in blank.config.items() if not key.startswith("_")}
    settings["addition_embed_type_num_heads"] = denoiser.config.addition_embed_type_num_heads
    settings["encoder_hid_dim"] = settings["encoder_hid_dim_type"] = None
    controlnet: ControlNetModel = ControlNetModel(**settings)
    for part in ("conv_in", "time_embedding", "add_embedding", "down_blocks", "mid_block"):
        weights = getattr(denoiser, part).state_dict()
        getattr(controlnet, part).load_state_dict(weights)
    _take_in_projection(controlnet=controlnet, denoiser=denoiser)
    last = controlnet.controlnet_cond_embedding.conv_out
    nn.init.kaiming_normal_(last.weight, nonlinearity="linear")
    controlnet.set_attn_processor(AttnProcessor())
    return controlnet.to(memory_format=torch.channels_last)


class SteeredDenoiser(nn.Module):
    """Run the frozen denoiser with what the ControlNet adds to it."""

    def __init__(self, *, denoiser: UNet2DConditionModel, controlnet: ControlNetModel) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.controlnet = controlnet

    def forward(self, noisy: Tensor, steps: Tensor, context: Tensor, drawing: Tensor) -> Tensor:
        """Predict the velocity of noisy latents (n, 4, h, w) under drawings (n, 3, 8h, 8w)."""
        down, middle = self.controlnet(
            noisy, steps, context, controlnet_cond=drawing, return_dict=False
        )
        predicted: Tensor = self.denoiser(
            noisy,
            steps,
            context,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return predicted
