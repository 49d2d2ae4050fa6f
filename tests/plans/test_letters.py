"""What the mails say, word for word, in both languages and in both parts."""

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from django.core import mail

from apps.accounts.models import User
from apps.plans.models import Notice, NoticeKind, NoticeState, PauseReason, Subscription
from apps.plans.products import PLANS
from apps.plans.services.notices import note, note_plan_ends, send_notices
from apps.plans.services.subscriptions import start_subscription
from apps.plans.signals import payment_failed
from tests.plans.clock import Clock

pytestmark = pytest.mark.django_db

PLAN = "https://easel.example/account/plan/"
DATA = "https://easel.example/account/data/"
ENDED = "Your plan has ended, so nothing new is made. Take a plan to go on; your pictures are here."
ENDED_KO = (
    "플랜이 끝나 새 그림을 만들 수 없어요. 계속하려면 플랜을 선택해 주세요. 그림은 그대로 있어요."
)


@pytest.fixture
def reader(clock: Clock) -> User:
    """A user whose trial ends on 11 May 2027."""
    user = User.objects.create_user("reader@example.com", None, email_verified=True)
    start_subscription(user=user, plan=PLANS["trial"], valid_until=clock.now + timedelta(days=7))
    return user


def only_mail() -> EmailMessage:
    assert send_notices() == 1
    (sent,) = mail.outbox
    raw = message_from_bytes(sent.message().as_bytes(), policy=policy.default)
    assert isinstance(raw, EmailMessage)
    return raw


def parts(letter: EmailMessage) -> tuple[str, str]:
    assert letter.get_content_type() == "multipart/alternative"
    text, html = letter.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return text.get_content(), html.get_content()


def low_credits(user: User, clock: Clock) -> None:
    note(user_id=user.id, kind=NoticeKind.LOW_CREDITS, key="g", facts={"available": 1})


def failed_payment(user: User, clock: Clock) -> None:
    retry_at = clock.now + timedelta(days=3)
    payment_failed.send(sender=None, user_id=user.id, retry_at=retry_at)


def last_failed_payment(user: User, clock: Clock) -> None:
    payment_failed.send(sender=None, user_id=user.id, retry_at=None)


def trial_ending(user: User, clock: Clock) -> None:
    clock.forward(days=5)
    assert note_plan_ends() == 1


def trial_ended(user: User, clock: Clock) -> None:
    clock.forward(days=7)
    assert note_plan_ends() == 1


def disputed(user: User, clock: Clock) -> None:
    Subscription.objects.update(plan="pro", pause_reason=PauseReason.DISPUTED)
    assert note_plan_ends() == 1


def pictures_will_go(user: User, clock: Clock) -> None:
    clock.forward(days=30)
    note(user_id=user.id, kind=NoticeKind.PICTURES_WILL_GO, key="e")


LETTERS = [
    (
        low_credits,
        "en",
        "You have 1 Easel credit left",
        (
            "You have 1 credit left. A credit is one second of work on a GPU.\n\n"
            "When they are used up, nothing new is made until there are more.\n\n"
            f"Get more credits: {PLAN}\n"
        ),
    ),
    (
        low_credits,
        "ko",
        "Easel 크레딧이 1개 남았어요",
        (
            "크레딧이 1개 남았어요. 1크레딧은 GPU 1초예요.\n\n"
            "크레딧을 모두 쓰면 다시 채울 때까지 새 그림을 만들 수 없어요.\n\n"
            f"크레딧 더 받기: {PLAN}\n"
        ),
    ),
    (
        failed_payment,
        "en",
        "Your payment for Easel failed",
        (
            "We could not take the payment for your plan. We try again on May 7, 2027.\n\n"
            "Please look at your card, or take another one. If nothing is paid within 7 days of "
            "the first failure, your account is paused and nothing new is made; your "
            "pictures stay.\n\n"
            f"Look at your card: {PLAN}\n"
        ),
    ),
    (
        last_failed_payment,
        "ko",
        "Easel 결제에 실패했어요",
        (
            "플랜 결제를 처리하지 못했어요. 자동으로 다시 시도하지는 않아요.\n\n"
            "카드를 확인하거나 다른 카드로 바꿔 주세요. 처음 실패한 날부터 7일 안에 결제되지 "
            "않으면 계정이 일시 중지되어 새 그림을 만들 수 없어요. 그림은 그대로 남아 있어요.\n\n"
            f"카드 확인하기: {PLAN}\n"
        ),
    ),
    (
        trial_ending,
        "en",
        "Your Easel trial ends on May 11, 2027",
        (
            "Your trial ends on May 11, 2027. From then on nothing new is made until you take a "
            "plan.\n\n"
            "Your pictures stay for 30 days after that, and you can look at them and take them "
            "with you.\n\n"
            f"Choose a plan: {PLAN}\n"
        ),
    ),
    (
        trial_ending,
        "ko",
        "Easel 무료 체험이 2027년 5월 11일에 끝나요",
        (
            "무료 체험이 2027년 5월 11일에 끝나요. 그 뒤에는 플랜을 선택해야 새 그림을 만들 수 "
            "있어요.\n\n"
            "그림은 그 뒤로 30일 동안 남아 있고, 그동안 보고 내려받을 수 있어요.\n\n"
            f"플랜 선택하기: {PLAN}\n"
        ),
    ),
    (
        trial_ended,
        "en",
        "Your Easel trial has ended",
        (
            f"{ENDED}\n\n"
            "Your pictures stay until June 10, 2027. Until then you can look at them and take them "
            "with you; before they go you get another mail.\n\n"
            f"Choose a plan: {PLAN}\nDownload my pictures: {DATA}\n"
        ),
    ),
    (
        trial_ended,
        "ko",
        "Easel 무료 체험이 끝났어요",
        (
            f"{ENDED_KO}\n\n"
            "그림은 2027년 6월 10일까지 남아 있어요. 그때까지 보고 내려받을 수 있고, 삭제하기 "
            "전에 메일을 한 번 더 보내 드려요.\n\n"
            f"플랜 선택하기: {PLAN}\n내 그림 내려받기: {DATA}\n"
        ),
    ),
    (
        disputed,
        "en",
        "Your Easel account is paused",
        (
            "Your last payment is disputed, so nothing new is made until that is settled.\n\n"
            f"Choose a plan: {PLAN}\nDownload my pictures: {DATA}\n"
        ),
    ),
    (
        pictures_will_go,
        "en",
        "Your Easel pictures will be deleted on June 10, 2027",
        (
            "Your plan ended on May 11, 2027. On June 10, 2027 all of your pictures are deleted, "
            "and nobody can bring them back.\n\n"
            "Take a plan before that and they stay; or take them with you.\n\n"
            f"Choose a plan: {PLAN}\nDownload my pictures: {DATA}\n"
        ),
    ),
    (
        pictures_will_go,
        "ko",
        "Easel 그림이 2027년 6월 10일에 삭제돼요",
        (
            "플랜이 2027년 5월 11일에 끝났어요. 2027년 6월 10일에 모든 그림이 삭제되고, "
            "삭제된 그림은 되살릴 수 없어요.\n\n"
            "그 전에 플랜을 선택하면 그림이 그대로 남아요. 또는 그림을 내려받아 두세요.\n\n"
            f"플랜 선택하기: {PLAN}\n내 그림 내려받기: {DATA}\n"
        ),
    ),
]
FEET = {
    "en": "You get this mail since it is about your account.",
    "ko": "회원님의 계정에 관한 내용이라 보내 드리는 메일이에요.",
}


@pytest.mark.parametrize(
    ("happen", "language", "subject", "body"),
    LETTERS,
    ids=[f"{happen.__name__}-{language}" for happen, language, _subject, _body in LETTERS],
)
def test_each_mail_says_its_fact_and_what_to_do(
    happen: Any, language: str, subject: str, body: str, reader: User, clock: Clock
) -> None:
    User.objects.update(language=language)
    happen(reader, clock)

    letter = only_mail()

    text, html = parts(letter)
    # A long subject is folded before its first word.
    assert (letter["To"], letter["Subject"].strip()) == ("reader@example.com", subject)
    assert text == f"{body}\n-- \nEasel, https://easel.example\n{FEET[language]}\n"
    assert f'<html lang="{language}">' in html
    for paragraph in [subject, *body.split("\n\n")[:-1], FEET[language]]:
        assert paragraph in html
    assert f'href="{PLAN}"' in html


def test_a_mail_loads_nothing_and_names_itself(reader: User, clock: Clock) -> None:
    low_credits(reader, clock)

    letter = only_mail()

    notice = Notice.objects.get()
    assert letter["Message-ID"] == f"<{notice.id}@easel.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    _text, html = parts(letter)
    assert not any(word in html for word in ("<img", "<script", "<link", "url(", "src="))
    assert "prefers-color-scheme: dark" in html
    assert html.count("https://") == 3  # the action, and home twice


def test_an_unknown_language_is_english(reader: User, clock: Clock) -> None:
    User.objects.update(language="xx")
    low_credits(reader, clock)

    assert only_mail()["Subject"] == "You have 1 Easel credit left"


def no_plan_any_more(clock: Clock) -> None:
    clock.forward(days=8)


def pro(user: User) -> None:
    start_subscription(user=user, plan=PLANS["pro"])


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_is_no_longer_true_is_not_sent(kind: NoticeKind, reader: User, clock: Clock) -> None:
    note(
        user_id=reader.id,
        kind=kind,
        key="k",
        facts={"available": 3},
        useful_until=clock.now + timedelta(days=20),
    )
    if kind == NoticeKind.LOW_CREDITS:
        no_plan_any_more(clock)
    elif kind == NoticeKind.PAYMENT_FAILED:
        clock.forward(days=20)
    else:
        pro(reader)

    assert send_notices() == 0

    assert mail.outbox == []
    assert Notice.objects.get().state == NoticeState.DROPPED
