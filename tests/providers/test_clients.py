"""The clients of the providers against a real server that acts like both."""

import io
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gpu_tasks.providers import (
    PROVIDER_FACTS,
    Access,
    Made,
    PictureOrder,
    ProviderBadAnswer,
    ProviderError,
    ProviderInvalid,
    ProviderLimited,
    ProviderName,
    ProviderOutOfQuota,
    ProviderRefused,
    ProviderRejectedKey,
    ProviderTimeout,
    ProviderUnavailable,
    Timeouts,
    http,
    provider_for,
)
from gpu_tasks.providers.errors import ProviderUnreached
from tests.providers.stand_in import (
    OPENAI_KEY,
    STABILITY_KEY,
    Answer,
    Behaviour,
    Call,
    StandIn,
    body,
    broken_off,
    dripping,
    dripping_head,
    png,
    raw,
    serving,
    status,
)

BASES = {ProviderName.OPENAI: "gpt-image-1.5-medium", ProviderName.STABILITY: "stable-image-core"}
KEYS = {ProviderName.OPENAI: OPENAI_KEY, ProviderName.STABILITY: STABILITY_KEY}
BOTH = pytest.mark.parametrize("name", list(ProviderName))


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving() as served:
        yield served


def make(stand_in: StandIn, name: ProviderName, **changes: Any) -> Made:
    base_url = stand_in.openai_url if name is ProviderName.OPENAI else stand_in.url
    base_url = changes.pop("base_url", base_url)
    key = changes.pop("key", KEYS[name])
    timeouts = changes.pop("timeouts", Timeouts(connect=20, read=60, whole=120))
    asked: dict[str, Any] = {
        "facts": PROVIDER_FACTS[changes.pop("base", BASES[name])],
        "prompt": "a red circle",
        "width": 1024,
        "height": 1024,
    }
    with provider_for(name, Access(base_url=base_url, key=key, timeouts=timeouts)) as provider:
        return provider.make(PictureOrder(**(asked | changes)))


@BOTH
def test_a_picture_is_made(stand_in: StandIn, name: ProviderName) -> None:
    made = make(stand_in, name)

    assert [(one.size, one.mode) for one in made.pictures] == [((1024, 1024), "RGB")]
    (call,) = stand_in.calls
    assert (call.key, call.fields["prompt"]) == (KEYS[name], "a red circle")


def test_openai_is_asked_for_all_pictures_at_once(stand_in: StandIn) -> None:
    made = make(stand_in, ProviderName.OPENAI, count=3, width=1536)

    assert [one.size for one in made.pictures] == [(1536, 1024)] * 3
    (call,) = stand_in.calls
    assert (call.path, call.fields) == (
        "/v1/images/generations",
        {
            "model": "gpt-image-1.5",
            "prompt": "a red circle",
            "n": "3",
            "size": "1536x1024",
            "quality": "medium",
            "output_format": "png",
            "background": "opaque",
        },
    )


@BOTH
def test_what_is_transparent_lies_on_white(stand_in: StandIn, name: ProviderName) -> None:
    unseen = io.BytesIO()
    Image.new("RGBA", (1024, 1024), (10, 200, 30, 0)).save(unseen, format="PNG")
    stand_in.then(body(unseen.getvalue()))

    (picture,) = make(stand_in, name).pictures

    assert (picture.mode, picture.getextrema()) == ("RGB", ((255, 255),) * 3)


def test_openai_edits_within_a_mask(stand_in: StandIn) -> None:
    start = Image.new("RGB", (1024, 1024), "blue")
    mask = Image.new("L", (1024, 1024), 0)
    mask.paste(255, (0, 0, 512, 1024))
    make(stand_in, ProviderName.OPENAI, start=start, mask=mask, references=(start.copy(),))

    (call,) = stand_in.calls
    assert call.path == "/v1/images/edits"
    assert len(call.files["image[]"]) == 2
    sent = Image.open(io.BytesIO(call.files["mask"][0]))
    # OpenAI paints where it is transparent.
    assert (sent.getpixel((10, 10)), sent.getpixel((900, 10))) == ((0, 0, 0, 0), (0, 0, 0, 255))


def test_openai_is_sent_large_pictures_to_look_at_smaller(stand_in: StandIn) -> None:
    references = tuple(Image.new("RGB", (side, 100)) for side in (200, 4096))
    make(stand_in, ProviderName.OPENAI, references=references)

    sent = stand_in.calls[0].files
    assert [Image.open(io.BytesIO(one)).size for one in sent["image[]"]] == [(200, 100), (2048, 50)]
    assert references[1].size == (4096, 100)


def test_stability_is_asked_by_ratio_with_a_seed_and_what_is_not_wanted(stand_in: StandIn) -> None:
    make(
        stand_in,
        ProviderName.STABILITY,
        base="sd-3.5-large-hosted",
        width=1344,
        height=768,
        seed=2**32 - 1,
        negative_prompt="text",
    )

    (call,) = stand_in.calls
    assert call.path == "/v2beta/stable-image/generate/sd3"
    assert call.fields == {
        "prompt": "a red circle",
        "output_format": "png",
        "model": "sd3.5-large",
        "mode": "text-to-image",
        "aspect_ratio": "16:9",
        "negative_prompt": "text",
        "seed": "2",
    }


def test_stability_starts_from_a_picture(stand_in: StandIn) -> None:
    start = Image.new("RGB", (832, 1216), "blue")
    made = make(
        stand_in,
        ProviderName.STABILITY,
        base="stable-image-ultra",
        width=832,
        height=1216,
        start=start,
        strength=0.4,
    )

    assert made.pictures[0].size == (832, 1216)
    (call,) = stand_in.calls
    assert (call.path, call.fields["strength"]) == ("/v2beta/stable-image/generate/ultra", "0.4")
    assert "aspect_ratio" not in call.fields
    assert "image" in call.files


FAULTS: list[tuple[str, Behaviour, type[ProviderError]]] = [
    ("limited", status(429, "rate_limit_exceeded", Retry_After="7"), ProviderLimited),
    ("forbidden", status(403, "no_access"), ProviderRejectedKey),
    ("unpaid", status(402, "payment_required"), ProviderOutOfQuota),
    ("invalid", status(422, "unprocessable"), ProviderInvalid),
    ("too-large-a-request", status(413, "payload_too_large"), ProviderInvalid),
    ("failed", status(500, "server_error"), ProviderUnavailable),
    ("gateway", status(502, "bad_gateway"), ProviderUnavailable),
    ("overloaded", status(503, "overloaded"), ProviderUnreached),
    ("led-elsewhere", status(302, "found", Location="http://127.0.0.1:1/"), ProviderUnavailable),
    ("broken-off", broken_off, ProviderUnavailable),
    ("no-picture", body(b"<html>"), ProviderBadAnswer),
    ("half-a-picture", body(png(1024, 1024)[:200]), ProviderBadAnswer),
    ("too-wide-a-picture", body(png(5000, 64)), ProviderBadAnswer),
    ("too-small-a-picture", body(png(8, 8)), ProviderBadAnswer),
    ("a-smaller-picture", body(png(1024, 1023)), ProviderBadAnswer),
    ("nothing", raw(b""), ProviderBadAnswer),
    ("deep-json", raw(b"[" * 200_000), ProviderBadAnswer),
]


@BOTH
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_faults_are_told_apart_and_the_call_is_not_repeated(
    stand_in: StandIn, name: ProviderName, behaviour: Behaviour, expected: type[ProviderError]
) -> None:
    stand_in.then(behaviour)

    with pytest.raises(expected) as raised:
        make(stand_in, name)

    assert type(raised.value) in {expected, ProviderUnavailable, ProviderBadAnswer}
    assert len(stand_in.calls) == 1
    assert KEYS[name] not in f"{raised.value} {raised.value.reason}"


@BOTH
def test_the_wait_after_too_many_calls_is_taken_over(stand_in: StandIn, name: ProviderName) -> None:
    stand_in.then(status(429, "rate_limit_exceeded", Retry_After="7"))

    with pytest.raises(ProviderLimited) as raised:
        make(stand_in, name)

    assert raised.value.retry_after == 7
    assert (raised.value.may_be_repeated, raised.value.may_be_billed) == (True, False)


@BOTH
def test_a_wrong_key_is_told_from_an_empty_account(stand_in: StandIn, name: ProviderName) -> None:
    with pytest.raises(ProviderRejectedKey) as raised:
        make(stand_in, name, key="sk-not-a-key-of-anybody")
    assert "not-a-key" not in f"{raised.value} {raised.value.reason}"

    stand_in.empty_keys.add(KEYS[name])
    with pytest.raises(ProviderOutOfQuota):
        make(stand_in, name)


@BOTH
def test_words_against_the_rules_are_refused(stand_in: StandIn, name: ProviderName) -> None:
    with pytest.raises(ProviderRefused):
        make(stand_in, name, prompt="a forbidden thing")


def test_a_filtered_picture_of_stability_is_a_refusal(stand_in: StandIn) -> None:
    stand_in.then(body(png(1024, 1024), finish_reason="CONTENT_FILTERED"))

    with pytest.raises(ProviderRefused):
        make(stand_in, ProviderName.STABILITY)


@BOTH
def test_an_answer_that_does_not_come_is_a_timeout_that_may_be_billed(
    stand_in: StandIn, name: ProviderName
) -> None:
    stand_in.then(stand_in.hold)

    with pytest.raises(ProviderTimeout) as raised:
        make(stand_in, name, timeouts=Timeouts(connect=2, read=0.3, whole=5))

    assert raised.value.may_be_billed


@BOTH
def test_an_answer_that_drips_in_ends_with_the_whole_time(
    stand_in: StandIn, name: ProviderName
) -> None:
    stand_in.then(dripping(0.2))
    began = time.monotonic()

    with pytest.raises(ProviderTimeout):
        make(stand_in, name, timeouts=Timeouts(connect=2, read=2, whole=0.5))

    assert time.monotonic() - began < 3


@BOTH
def test_a_head_that_drips_in_ends_with_the_whole_time(
    stand_in: StandIn, name: ProviderName
) -> None:
    stand_in.then(dripping_head(0.05))
    began = time.monotonic()

    with pytest.raises(ProviderTimeout):
        make(stand_in, name, timeouts=Timeouts(connect=2, read=2, whole=0.5))

    assert time.monotonic() - began < 3


def test_openai_is_named_no_organization_and_no_project(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-somebody")

    make(stand_in, ProviderName.OPENAI)

    (call,) = stand_in.calls
    assert call.headers["authorization"] == f"Bearer {OPENAI_KEY}"
    assert {"openai-organization", "openai-project"}.isdisjoint(call.headers)


@BOTH
@pytest.mark.parametrize(
    "moment", ["Fri, 31 Dec 9999 23:59:59 -2300", "soon", "inf", "Fri, 99 Dec 2026 00:00:00 GMT"]
)
def test_a_wait_that_cannot_be_read_is_none(
    stand_in: StandIn, name: ProviderName, moment: str
) -> None:
    stand_in.then(status(429, "rate_limit_exceeded", Retry_After=moment))

    with pytest.raises(ProviderLimited) as raised:
        make(stand_in, name)

    assert raised.value.retry_after is None


@BOTH
def test_no_more_is_read_than_pictures_can_take(
    stand_in: StandIn, name: ProviderName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.open_client, "__kwdefaults__", {"most_bytes": 100_000})
    stand_in.then(raw(b"x" * 200_000))

    with pytest.raises(ProviderBadAnswer, match="ProviderBadAnswer") as raised:
        make(stand_in, name)

    assert raised.value.reason == "more than 100000 bytes"


@BOTH
def test_an_answer_that_grows_when_it_is_unpacked_is_not_unpacked(
    stand_in: StandIn, name: ProviderName
) -> None:
    packed = zlib.compress(b"0" * 50_000_000)

    def bomb(call: Call, usual: Answer) -> Answer:
        return Answer(200, packed, dict(usual.headers) | {"Content-Encoding": "deflate"})

    stand_in.then(bomb)

    with pytest.raises(ProviderBadAnswer):
        make(stand_in, name)


@BOTH
def test_nobody_there_means_that_nothing_was_made(stand_in: StandIn, name: ProviderName) -> None:
    with pytest.raises(ProviderUnreached) as raised:
        make(stand_in, name, base_url="http://127.0.0.1:9/v1")

    assert (raised.value.may_be_repeated, raised.value.may_be_billed) == (True, False)


@BOTH
def test_a_key_is_checked_without_a_picture(stand_in: StandIn, name: ProviderName) -> None:
    base_url = stand_in.openai_url if name is ProviderName.OPENAI else stand_in.url
    with provider_for(name, Access(base_url=base_url, key=KEYS[name])) as provider:
        provider.check_key()
    with (
        provider_for(name, Access(base_url=base_url, key="sk-wrong")) as provider,
        pytest.raises(ProviderRejectedKey),
    ):
        provider.check_key()

    assert (stand_in.calls, stand_in.made) == ([], 0)


@BOTH
def test_a_larger_picture_is_taken_without_what_came_with_it(
    stand_in: StandIn, name: ProviderName
) -> None:
    buffer = io.BytesIO()
    text = PngInfo()
    text.add_text("Comment", "of the provider")
    with Image.open(io.BytesIO(png(1200, 1024))) as picture:
        picture.save(buffer, format="PNG", icc_profile=b"A" * 5000, pnginfo=text)
    stand_in.then(body(buffer.getvalue()))

    (made,) = make(stand_in, name).pictures

    assert (made.size, made.info) == ((1200, 1024), {})


def test_no_seed_of_ours_means_any_to_stability(stand_in: StandIn) -> None:
    for seed in (0, 2**32 - 3, 2**32 - 2):
        make(stand_in, ProviderName.STABILITY, seed=seed)

    assert [call.fields["seed"] for call in stand_in.calls] == ["1", str(2**32 - 2), "1"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, "missing_scope"),
        (403, "missing_scope"),
        (403, "unsupported_country_region_territory"),
    ],
)
def test_a_restricted_key_of_openai_is_not_checked_rather_than_refused(
    stand_in: StandIn, code: int, error: str
) -> None:
    stand_in.on_check = status(code, error)
    access = Access(base_url=stand_in.openai_url, key=OPENAI_KEY)

    with (
        provider_for(ProviderName.OPENAI, access) as provider,
        pytest.raises(ProviderUnavailable),
    ):
        provider.check_key()


@BOTH
def test_no_proxy_of_the_environment_sees_a_key(
    stand_in: StandIn, name: ProviderName, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")

    assert make(stand_in, name).pictures


def test_a_key_is_not_printed() -> None:
    access = Access(base_url="http://127.0.0.1", key="sk-very-secret")

    assert "secret" not in repr(access)


@BOTH
def test_calls_run_beside_each_other(stand_in: StandIn, name: ProviderName) -> None:
    stand_in.then(stand_in.hold)
    made: list[Made] = []
    waiting = threading.Thread(target=lambda: made.append(make(stand_in, name)))
    waiting.start()
    assert stand_in.held.wait(5)

    assert make(stand_in, name).pictures
    assert not made

    stand_in.let_go.set()
    waiting.join(5)
    assert len(made) == 1
