from __future__ import annotations

from typing import Any

import pytest

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import torch, transformers
from gpu_tasks.engine.prompts.clip_encoding import ClipEncoder, Encoding
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache
from gpu_tasks.engine.prompts.embedding_files import Embedding
from tests.engine.tiny_clip import WIDTHS, build_encoder, build_sd, build_sdxl

CPU = torch.device("cpu")
PLAIN = Encoding(device=CPU)
# The tiny tokenizer makes a token of each character but spaces.
LONGEST = "a" * 75
PROMPTS = ["", "a red circle", "a (b c, d:e", LONGEST, r"<|endoftext|> behind"]


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_sd(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def refiner(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_sdxl(tmp_path_factory.mktemp("refiner"), refiner=True)


def encoder_of(pipeline: Any) -> Any:
    if hasattr(pipeline, "text_encoder_2"):
        return ClipEncoder.for_sdxl(
            pipeline.tokenizer,
            pipeline.text_encoder,
            pipeline.tokenizer_2,
            pipeline.text_encoder_2,
        )
    return ClipEncoder.for_stable_diffusion(pipeline.tokenizer, pipeline.text_encoder)


def embedding(token: str, *, count: int = 2, seed: int = 0, names: str = "clip_l") -> Embedding:
    generator = torch.Generator().manual_seed(seed)
    return Embedding(
        token=token,
        vectors={
            name: torch.randn(count, WIDTHS[name], generator=generator) for name in names.split()
        },
        sha256=f"{seed:064x}",
    )


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("clip_skip", [None, 0, 1, 2])
def test_sd_is_encoded_exactly_as_diffusers_does(
    sd: Any, prompt: str, clip_skip: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pipeline looks for the final norm where earlier releases of transformers had it.
    monkeypatch.setattr(
        transformers.CLIPTextModel, "text_model", property(lambda self: self), raising=False
    )
    expected, expected_negative = sd.encode_prompt(
        prompt, CPU, 1, True, negative_prompt="a dog", clip_skip=clip_skip
    )
    monkeypatch.undo()

    positive, negative = encoder_of(sd).encode_for_guidance(
        [prompt], ["a dog"], Encoding(device=CPU, clip_skip=clip_skip)
    )

    assert torch.equal(positive.prompt_embeds, expected)
    assert torch.equal(negative.prompt_embeds, expected_negative)
    assert positive.pooled is None
    assert negative.pooled is None


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("clip_skip", [None, 0, 1, 2])
@pytest.mark.parametrize("name", ["sdxl", "refiner"])
def test_sdxl_is_encoded_exactly_as_diffusers_does(
    name: str, prompt: str, clip_skip: int | None, request: pytest.FixtureRequest
) -> None:
    pipeline = request.getfixturevalue(name)
    expected = pipeline.encode_prompt(
        prompt, device=CPU, negative_prompt="a dog", clip_skip=clip_skip
    )

    positive, negative = encoder_of(pipeline).encode_for_guidance(
        [prompt], ["a dog"], Encoding(device=CPU, clip_skip=clip_skip)
    )

    assert torch.equal(positive.prompt_embeds, expected[0])
    assert torch.equal(negative.prompt_embeds, expected[1])
    assert torch.equal(positive.pooled, expected[2])
    assert torch.equal(negative.pooled, expected[3])


def test_an_empty_negative_prompt_of_sdxl_can_be_zeros(sdxl: Any) -> None:
    expected = sdxl.encode_prompt("a red circle", device=CPU)

    _, negative = encoder_of(sdxl).encode_for_guidance(
        ["a red circle", "a cat"], ["", "a dog"], PLAIN, zero_when_empty=True
    )

    assert torch.equal(negative.prompt_embeds[:1], expected[1])
    assert torch.equal(negative.pooled[:1], expected[3])
    assert bool(negative.prompt_embeds[1].any())
    assert bool(negative.pooled[1].any())


def test_a_prompt_is_encoded_alike_whatever_is_beside_it(sdxl: Any) -> None:
    encoder = encoder_of(sdxl)

    together = encoder.encode(["a red circle", "(a cat:1.4)", "b" * 60], PLAIN)

    alone = encoder.encode(["(a cat:1.4)"], PLAIN)
    assert torch.equal(together.prompt_embeds[1:2], alone.prompt_embeds)
    assert torch.equal(together.pooled[1:2], alone.pooled)


def test_a_long_prompt_goes_through_in_chunks(sd: Any) -> None:
    encoder = encoder_of(sd)

    encoded = encoder.encode(["a" * 75 + "b" * 75 + "c"], PLAIN).prompt_embeds

    assert encoded.shape == (1, 3 * 77, 16)
    for place, chunk in enumerate(["a" * 75, "b" * 75, "c"]):
        # The tokenizer marks the end of a word; only the last letter of the prompt is one.
        alone = encoder.encode([chunk + "x" if place < 2 else chunk], PLAIN)
        part = encoded[:, 77 * place : 77 * (place + 1)]
        if place < 2:
            assert torch.equal(part[:, :76], alone.prompt_embeds[:, :76])
        else:
            assert torch.equal(part, alone.prompt_embeds)


def test_break_starts_a_chunk(sd: Any) -> None:
    encoder = encoder_of(sd)

    encoded = encoder.encode(["a cat BREAK a dog"], PLAIN).prompt_embeds

    alone = encoder.encode(["a cat", "a dog"], PLAIN).prompt_embeds
    assert torch.equal(encoded, alone.reshape(1, 2 * 77, 16))


def test_prompt_and_negative_prompt_are_of_one_length(sdxl: Any) -> None:
    encoder = encoder_of(sdxl)

    positive, negative = encoder.encode_for_guidance(["a" * 160], ["a dog"], PLAIN)

    assert positive.prompt_embeds.shape == negative.prompt_embeds.shape == (1, 3 * 77, 40)
    alone = encoder.encode(["a dog"], PLAIN)
    empty = encoder.encode([""], PLAIN)
    assert torch.equal(negative.prompt_embeds[:, :77], alone.prompt_embeds)
    assert torch.equal(negative.prompt_embeds[:, 77:154], empty.prompt_embeds)
    assert torch.equal(negative.prompt_embeds[:, 154:], empty.prompt_embeds)
    assert torch.equal(negative.pooled, alone.pooled)


def test_the_pooled_output_is_that_of_the_first_chunk(sdxl: Any) -> None:
    encoder = encoder_of(sdxl)

    pooled = encoder.encode(["a cat BREAK a dog"], PLAIN).pooled

    assert torch.equal(pooled, encoder.encode(["a cat"], PLAIN).pooled)


@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_weights_scale_their_tokens_and_keep_the_mean(
    name: str, request: pytest.FixtureRequest
) -> None:
    encoder = encoder_of(request.getfixturevalue(name))
    plain = encoder.encode(["ab cd"], PLAIN)

    weighted = encoder.encode(["ab (cd:1.5)"], PLAIN)

    start = 0
    for width in encoder.encoder_widths.values():
        before = plain.prompt_embeds[..., start : start + width]
        after = weighted.prompt_embeds[..., start : start + width]
        ratio = after / before
        # Token 0 is the mark of the beginning, 1 and 2 are "ab", 3 and 4 are "cd".
        torch.testing.assert_close(ratio[:, 3:5], 1.5 * ratio[:, 1:2].expand(-1, 2, -1))
        torch.testing.assert_close(ratio[:, 5:], ratio[:, :1].expand(-1, 72, -1))
        torch.testing.assert_close(after.mean(), before.mean())
        start += width
    if plain.pooled is not None:
        assert torch.equal(plain.pooled, weighted.pooled)


def test_a_mean_of_nearly_nothing_is_left_alone(sd: Any) -> None:
    model = build_encoder(name="clip_l", projection=False)
    model.final_layer_norm.bias.data.zero_()
    encoder = ClipEncoder.for_stable_diffusion(sd.tokenizer, model)

    before = encoder.encode(["ab cd"], PLAIN).prompt_embeds
    after = encoder.encode(["ab (cd:1.5)"], PLAIN).prompt_embeds

    assert before.mean().abs() < 1e-6
    torch.testing.assert_close(after[:, 3:5], 1.5 * before[:, 3:5])
    assert torch.equal(after[:, :3], before[:, :3])


def test_a_weight_of_one_changes_nothing(sd: Any) -> None:
    encoder = encoder_of(sd)

    weighted = encoder.encode(["(a:1.0) ((cat:2):0.5)"], PLAIN)

    assert torch.equal(weighted.prompt_embeds, encoder.encode(["a cat"], PLAIN).prompt_embeds)


def test_half_precision_is_encoded_in_half_precision(sd: Any) -> None:
    model = build_encoder(name="clip_l", projection=False).to(torch.bfloat16)
    encoder = ClipEncoder.for_stable_diffusion(sd.tokenizer, model)

    assert encoder.encode(["a (cat)"], PLAIN).prompt_embeds.dtype == torch.bfloat16
    wide = encoder.encode(["a (cat)"], Encoding(device=CPU, dtype=torch.float32))
    assert wide.prompt_embeds.dtype == torch.float32


def test_an_embedding_takes_the_place_of_its_word(sd: Any) -> None:
    encoder = encoder_of(sd)
    # The vectors of two tokens of the vocabulary must do what the tokens do.
    numbers = sd.tokenizer("xy", add_special_tokens=False).input_ids
    table = sd.text_encoder.get_input_embeddings().weight
    known = Embedding(token="<Known>", vectors={"clip_l": table[numbers]}, sha256="0" * 64)

    encoded = encoder.encode(
        ["a <known> cat"], Encoding(device=CPU, embeddings=[known, embedding("other")])
    )

    assert torch.equal(encoded.prompt_embeds, encoder.encode(["a xy cat"], PLAIN).prompt_embeds)


def test_an_embedding_leaves_nothing_behind(sdxl: Any) -> None:
    encoder = encoder_of(sdxl)
    tokenizers = [sdxl.tokenizer.backend_tokenizer, sdxl.tokenizer_2.backend_tokenizer]
    models = [sdxl.text_encoder, sdxl.text_encoder_2]
    before = encoder.encode(["a style cat"], PLAIN)
    vocabularies = [one.to_str() for one in tokenizers]
    weights = [{k: v.clone() for k, v in one.state_dict().items()} for one in models]
    how = Encoding(device=CPU, embeddings=[embedding("style", names="clip_l clip_g")])

    changed = encoder.encode(["a style cat"], how)

    assert not torch.equal(changed.prompt_embeds, before.prompt_embeds)
    assert not torch.equal(changed.pooled, before.pooled)
    after = encoder.encode(["a style cat"], PLAIN)
    assert torch.equal(after.prompt_embeds, before.prompt_embeds)
    assert torch.equal(after.pooled, before.pooled)
    assert [one.to_str() for one in tokenizers] == vocabularies
    for model, kept in zip(models, weights, strict=True):
        assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())
        assert not model.get_input_embeddings()._forward_hooks


def test_the_hook_of_an_embedding_goes_when_the_encoder_fails(
    sd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Encoding(device=CPU, embeddings=[embedding("style")])
    model = sd.text_encoder

    def fail(*arguments: object, **named: object) -> None:
        assert model.get_input_embeddings()._forward_hooks
        raise MemoryError

    monkeypatch.setattr(model.encoder, "forward", fail)
    with pytest.raises(MemoryError):
        encoder_of(sd).encode(["style"], how)

    assert not model.get_input_embeddings()._forward_hooks


@pytest.mark.parametrize(("prompt", "is_meant"), [("mystyle", False), ("(Style:1.0),", True)])
def test_an_embedding_is_meant_by_its_whole_word(sd: Any, prompt: str, is_meant: bool) -> None:
    how = Encoding(device=CPU, embeddings=[embedding("style")])
    encoder = encoder_of(sd)

    same = torch.equal(
        encoder.encode([prompt], how).prompt_embeds, encoder.encode([prompt], PLAIN).prompt_embeds
    )

    assert same is not is_meant


def test_an_embedding_is_not_torn_apart(sd: Any) -> None:
    how = Encoding(device=CPU, embeddings=[embedding("style", count=10)])
    encoder = encoder_of(sd)

    encoded = encoder.encode(["a" * 70 + " style"], how).prompt_embeds

    apart = encoder.encode(["a" * 70, "style"], how).prompt_embeds
    assert torch.equal(encoded, apart.reshape(1, 2 * 77, 16))


@pytest.mark.parametrize(
    ("field", "prompt", "negative", "changes"),
    [
        ("prompt", "(a:9)", "", {}),
        ("negative_prompt", "a", "(a:9)", {}),
        ("clip_skip", "a", "", {"clip_skip": 4}),
        ("clip_skip", "a", "", {"clip_skip": -1}),
        ("embeddings", "a", "", {"embeddings": [embedding("style", names="clip_g")]}),
        ("embeddings", "style", "", {"embeddings": [embedding("style", count=76)]}),
        ("embeddings", "a", "", {"embeddings": [embedding("style"), embedding("STYLE")]}),
    ],
)
def test_what_is_wrong_is_named(
    sd: Any, field: str, prompt: str, negative: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encoder_of(sd).encode_for_guidance([prompt], [negative], Encoding(device=CPU, **changes))

    assert list(caught.value.fields) == [field]


def test_encoded_chunks_are_remembered(sdxl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoder_of(sdxl)
    cache = EmbeddingCache()
    how = Encoding(device=CPU, cache=cache, model_state="weights")
    first = encoder.encode_for_guidance(["a (cat) BREAK x"], [""], how)

    monkeypatch.setattr(sdxl.text_encoder, "forward", None)
    monkeypatch.setattr(sdxl.text_encoder_2, "forward", None)
    again = encoder.encode_for_guidance(["a (cat) BREAK x"], [""], how)

    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.prompt_embeds, other.prompt_embeds)
        assert torch.equal(one.pooled, other.pooled)
    # Two chunks and the empty one, for each of the encoders.
    assert len(cache) == 6


def test_nothing_is_remembered_of_another_state(sd: Any) -> None:
    encoder = encoder_of(sd)
    cache = EmbeddingCache()
    base: dict[str, Any] = {"device": CPU, "cache": cache}
    ways: list[dict[str, Any]] = [
        {"model_state": "weights"},
        {"model_state": "weights and LoRA"},
        {"model_state": "weights", "clip_skip": 1},
        {"model_state": "weights", "dtype": torch.bfloat16},
        {"model_state": "weights", "embeddings": [embedding("style", seed=1)]},
        {"model_state": "weights", "embeddings": [embedding("style", seed=2)]},
    ]

    for way in ways:
        encoder.encode(["style"], Encoding(**base, **way))

    assert (cache.misses, cache.hits) == (6, 0)
    encoder.encode(["style"], Encoding(**base, **ways[-1]))
    assert (cache.misses, cache.hits) == (6, 1)


def test_without_a_state_nothing_is_remembered(sd: Any) -> None:
    cache = EmbeddingCache()

    encoder_of(sd).encode(["a cat"], Encoding(device=CPU, cache=cache))

    assert len(cache) == 0
