"""Tokenizers of the families' own classes, over single bytes or letters and without merges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_tasks.engine.libraries import transformers
from tests.engine.tiny_model import _build_tokenizer as build_clip_tokenizer
from tests.engine.tiny_model import _byte_symbols

VOCABULARY = 400

_QWEN_MARKS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
IMAGE_PAD = 256 + _QWEN_MARKS.index("<|image_pad|>")
VIDEO_PAD = 256 + _QWEN_MARKS.index("<|video_pad|>")
VISION_START = 256 + _QWEN_MARKS.index("<|vision_start|>")
VISION_END = 256 + _QWEN_MARKS.index("<|vision_end|>")
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_PIXTRAL_MARKS = ("<unk>", "<s>", "</s>", "<pad>", "[IMG]", "[IMG_BREAK]", "[IMG_END]")
_PIXTRAL_CHAT = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}[IMG]{% endif %}"
    "{% endfor %}{% endfor %}"
)

__all__ = ["build_clip_tokenizer", "build_pixtral", "build_qwen", "build_t5", "save_qwen_vl"]


def build_t5() -> Any:
    """Build T5's tokenizer over the letters of ASCII."""
    letters = [(chr(code), -3.0) for code in range(0x21, 0x7F)]
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("▁", -2.0)]
    return transformers.T5Tokenizer(vocab=marks + letters, extra_ids=0, model_max_length=512)


def build_qwen(*, chat: str = _CHAT) -> Any:
    """Build Qwen's byte-pair tokenizer, its marks as one token each."""
    vocabulary = {symbol: index for index, symbol in enumerate(_byte_symbols().values())}
    vocabulary |= {mark: 256 + index for index, mark in enumerate(_QWEN_MARKS)}
    tokenizer = transformers.Qwen2Tokenizer(
        vocab=vocabulary,
        merges=[],
        additional_special_tokens=list(_QWEN_MARKS[1:]),
        model_max_length=2048,
    )
    tokenizer.chat_template = chat
    return tokenizer


def save_qwen_vl(directory: Path) -> None:
    """Write what Qwen2.5-VL's processor would be saved as."""
    build_qwen().save_pretrained(directory)
    transformers.Qwen2VLImageProcessorPil(
        patch_size=14, merge_size=2, size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56}
    ).save_pretrained(directory)


def build_pixtral(directory: Path) -> Any:
    """Build the tokenizer of Mistral 3's processor."""
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = {mark: index for index, mark in enumerate(_PIXTRAL_MARKS)}
    for symbol in _byte_symbols().values():
        vocabulary[symbol] = len(vocabulary)
    content: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": index,
                "content": mark,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, mark in enumerate(_PIXTRAL_MARKS)
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }
    (directory / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(directory / "tokenizer.json"),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        model_max_length=2048,
    )
    tokenizer.chat_template = _PIXTRAL_CHAT
    return tokenizer
