"""The small byte-level vocabulary of the text encoder."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from gpu_tasks.training.starter.captions import write_caption
from gpu_tasks.training.starter.world import sample_spec

MAX_TOKENS: Final = 40
_VOCABULARY: Final = 1500
_CAPTIONS: Final = 20_000
_SEED: Final = 7
_START, _END = "<|startoftext|>", "<|endoftext|>"


def train_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Train byte pairs on captions of the world; every byte is a token, so any text tokenises.

    Returns the token ids and the merges in the layout of CLIP's vocab.json and merges.txt:
    all bytes, all bytes that end a word, merges, and the two special tokens last.
    """
    rng = np.random.default_rng(_SEED)
    captions = (write_caption(spec=sample_spec(rng=rng), rng=rng) for _ in range(_CAPTIONS))
    reference = CLIPTokenizer()
    tokenizer = Tokenizer(BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = reference.backend_tokenizer.normalizer
    tokenizer.pre_tokenizer = reference.backend_tokenizer.pre_tokenizer
    alphabet = sorted(ByteLevel.alphabet())
    trainer = BpeTrainer(
        vocab_size=_VOCABULARY,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.model.save(folder)
        lines = (Path(folder) / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split(" ")) for line in lines if not line.startswith("#version")]
    merges = [(left, right) for left, right in pairs]
    tokens = [*alphabet, *(f"{byte}</w>" for byte in alphabet)]
    tokens += [left + right for left, right in merges]
    unique = list(dict.fromkeys([*tokens, _START, _END]))
    return {token: place for place, token in enumerate(unique)}, merges


def build_tokenizer(*, directory: Path) -> CLIPTokenizer:
    """Write vocab.json, merges.txt and the settings into a directory and load them from there."""
    vocabulary, merges = train_vocabulary()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.json").write_text(
        json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8"
    )
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (directory / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": _START,
        "eos_token": _END,
        "unk_token": _END,
        "pad_token": _END,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    return load_tokenizer(directory=directory)


def load_tokenizer(*, directory: Path) -> CLIPTokenizer:
    """Load a tokenizer written by build_tokenizer."""
    # A directory on this machine: nothing is downloaded.
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(directory)  # nosec B615
    return tokenizer
