"""Pictures go 30 days after the last plan, announced, and never from under somebody who pays."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import service_scope
from apps.images.models import Image, StorageUse
from apps.images.services import retention
from apps.images.services.purges import delete_purged_files
from apps.images.services.retention import (
    delete_all_of,
    delete_pictures_past_retention,
    note_pictures_that_will_go,
)
from apps.plans.models import Notice, NoticeState, PauseReason, Subscription
from apps.plans.products import PLANS
from apps.plans.retention import ended_plans_past_retention
from apps.plans.services.notices import send_notices
from apps.plans.services.subscriptions import start_subscription
from tests.factories import make_image, make_user
from tests.plans.clock import Clock

pytestmark = pytest.mark.django_db

Files = Callable[[], set[str]]
DAY = timedelta(days=1)


def end_plan(user: User, *, ago: timedelta) -> None:
    now = timezone.now()
    Subscription.objects.filter(user=user).update(
        valid_from=now - ago - 7 * DAY, valid_until=now - ago
    )


def announce() -> None:
    """Have it announced so long ago that it is time."""
    note_pictures_that_will_go()
    send_notices()
    Notice.objects.filter(state=NoticeState.SENT).update(sent_at=timezone.now() - 7 * DAY)


@pytest.fixture
def owner(clock: Clock) -> User:
    """A user with two pictures, whose plan ended 30 days ago, and who was told 7 days ago."""
    user = make_user("painter@example.com")
    make_image(user)
    make_image(user)
    end_plan(user, ago=30 * DAY)
    announce()
    mail.outbox.clear()
    return user


def test_pictures_are_announced_and_go_on_the_day_that_was_said(
    clock: Clock, user: User, stranger: User, stored_files: Files
) -> None:
    make_image(user)
    make_image(stranger)
    Subscription.objects.filter(user=stranger).update(valid_until=None)
    end_plan(user, ago=timedelta())
    clock.forward(days=23, microseconds=-1)
    assert note_pictures_that_will_go() == 0
    clock.forward(microseconds=1)
    assert (note_pictures_that_will_go(), note_pictures_that_will_go()) == (1, 0)
    assert send_notices() == 1
    assert [letter.subject for letter in mail.outbox] == [
        "Your Easel pictures will be deleted on June 3, 2027"
    ]
    clock.forward(days=7, microseconds=-1)
    assert delete_pictures_past_retention() == 0
    clock.forward(microseconds=1)

    assert clock.now.date().isoformat() == "2027-06-03"
    assert (delete_pictures_past_retention(), delete_pictures_past_retention()) == (1, 0)
    delete_purged_files()

    assert [image.user_id for image in Image.objects.all()] == [stranger.id]
    assert all(key.startswith(f"users/{stranger.id}/") for key in stored_files())
    assert len(stored_files()) == 3
    assert StorageUse.objects.get(user=user).stored_bytes == 0
    act = AuditRecord.objects.get(act=Act.IMAGE_DELETED)
    assert (act.user_id, act.actor_id) == (user.id, None)
    assert act.target == "1 pictures, 30 days after the end of the plan"


def test_a_mail_that_goes_out_late_says_a_later_day_and_it_holds(clock: Clock, user: User) -> None:
    make_image(user)
    end_plan(user, ago=60 * DAY)
    note_pictures_that_will_go()
    assert send_notices() == 1
    assert "May 11, 2027" in mail.outbox[0].subject

    clock.forward(days=7, microseconds=-1)
    assert delete_pictures_past_retention() == 0
    clock.forward(microseconds=1)
    assert delete_pictures_past_retention() == 1


@pytest.mark.parametrize(
    "state", [state for state in NoticeState if state != NoticeState.SENT] + [None]
)
def test_without_the_mail_nothing_goes(state: NoticeState | None, clock: Clock, user: User) -> None:
    make_image(user)
    end_plan(user, ago=300 * DAY)
    if state is not None:
        note_pictures_that_will_go()
        Notice.objects.update(state=state)
    clock.forward(days=300)

    assert delete_pictures_past_retention() == 0

    assert Image.objects.count() == 1


def test_the_mail_of_an_earlier_end_does_not_count_for_a_later_one(
    owner: User, clock: Clock
) -> None:
    Subscription.objects.update(valid_until=clock.now + 30 * DAY)
    clock.forward(days=60)
    assert delete_pictures_past_retention() == 0

    assert note_pictures_that_will_go() == 1
    assert (send_notices(), delete_pictures_past_retention()) == (1, 0)
    clock.forward(days=7)
    assert delete_pictures_past_retention() == 2


def on_a_plan(user: User) -> None:
    start_subscription(user=user, plan=PLANS["starter"], valid_until=timezone.now() + DAY)


def on_a_plan_without_an_end(user: User) -> None:
    start_subscription(user=user, plan=PLANS["enterprise"])


def on_a_plan_until_lately(user: User) -> None:
    start_subscription(user=user, plan=PLANS["starter"], valid_until=timezone.now() + DAY)
    Subscription.objects.filter(plan="starter").update(
        valid_from=timezone.now() - 40 * DAY, valid_until=timezone.now() - 30 * DAY + DAY / 24
    )


def on_a_plan_from_tomorrow(user: User) -> None:
    start_subscription(user=user, plan=PLANS["starter"], valid_until=timezone.now() + 30 * DAY)
    Subscription.objects.filter(plan="starter").update(valid_from=timezone.now() + DAY)


def in_dispute(user: User) -> None:
    Subscription.objects.update(pause_reason=PauseReason.DISPUTED)


def staff(user: User) -> None:
    User.objects.update(is_staff=True)


@pytest.mark.parametrize(
    "spared",
    [
        on_a_plan,
        on_a_plan_without_an_end,
        on_a_plan_until_lately,
        on_a_plan_from_tomorrow,
        in_dispute,
        staff,
    ],
)
def test_whose_pictures_stay(
    spared: Callable[[User], None], owner: User, stored_files: Files
) -> None:
    before = stored_files()
    spared(owner)

    assert delete_pictures_past_retention() == 0
    assert delete_all_of(user_id=owner.id) == 0

    assert Image.objects.count() == 2
    assert stored_files() == before
    assert len(before) == 6
    assert not AuditRecord.objects.filter(act=Act.IMAGE_DELETED).exists()


def test_a_settled_dispute_does_not_keep_pictures(owner: User) -> None:
    in_dispute(owner)
    assert delete_pictures_past_retention() == 0
    Subscription.objects.update(pause_reason=PauseReason.REFUNDED)

    assert delete_pictures_past_retention() == 2


def test_whoever_has_no_pictures_gets_no_mail(clock: Clock, user: User) -> None:
    end_plan(user, ago=40 * DAY)

    assert note_pictures_that_will_go() == 0


def test_a_deletion_that_is_cut_short_goes_on_where_it_was(
    owner: User, monkeypatch: pytest.MonkeyPatch, stored_files: Files
) -> None:
    monkeypatch.setattr(retention, "PICTURES_A_BATCH", 1)
    recorded: list[int] = []

    def away_in_the_second(**facts: Any) -> None:
        recorded.append(1)
        if len(recorded) == 2:
            raise ConnectionError("the database is away")
        record_act(**facts)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "record_act", away_in_the_second)
        # It is no fault of this sweep: the one who cannot be served keeps nobody else waiting.
        assert delete_pictures_past_retention() == 0
    delete_purged_files()
    assert Image.objects.count() == 1
    assert len(stored_files()) == 3

    assert delete_pictures_past_retention() == 1
    delete_purged_files()

    assert (Image.objects.count(), stored_files()) == (0, set())
    acts = AuditRecord.objects.filter(act=Act.IMAGE_DELETED).values_list("target", flat=True)
    assert set(acts) == {"1 pictures, 30 days after the end of the plan"}
    assert len(acts) == 2


def in_thread(function: Callable[[], Any]) -> Any:
    """Run `function` on a connection of its own, and return what it returns."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(function())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    return answers[0] if answers else None


def renew() -> None:
    with service_scope("test"):
        Subscription.objects.update(valid_until=timezone.now() + 30 * DAY)


def subscribe() -> None:
    with service_scope("test"):
        on_a_plan(User.objects.get())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pay", [renew, subscribe])
def test_whoever_pays_in_the_middle_keeps_the_rest(
    pay: Callable[[], None], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PICTURES_A_BATCH", 1)
    delete_some = retention._delete_some_of

    def pay_after(user_id: Any) -> int:
        deleted = delete_some(user_id)
        if deleted:
            in_thread(pay)
        return deleted

    monkeypatch.setattr(retention, "_delete_some_of", pay_after)

    assert delete_pictures_past_retention() == 1

    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pay", [renew, subscribe])
def test_whoever_is_paying_at_that_moment_is_waited_for_or_waits(
    pay: Callable[[], None], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payment comes when the decision is taken and the pictures are not yet gone."""
    paid: list[int] = []
    lock = retention._lock_storage_use

    def pay_now() -> None:
        pay()
        with service_scope("test"):
            paid.append(Image.objects.count())
        connection.close()

    payer = threading.Thread(target=pay_now)

    def slowly(user_id: Any) -> bool:
        if not payer.ident:
            payer.start()
            payer.join(timeout=0.5)
            # It waits for us, and has not seen that it is on a plan.
            assert payer.is_alive()
        return lock(user_id)

    monkeypatch.setattr(retention, "_lock_storage_use", slowly)
    assert in_thread(delete_pictures_past_retention) == 2
    payer.join(timeout=30)

    assert paid == [0]
    assert Subscription.objects.filter(valid_until__gt=timezone.now()).exists()


@pytest.mark.django_db(transaction=True)
def test_where_a_plan_is_being_changed_nothing_is_deleted_and_nobody_waits(owner: User) -> None:
    with transaction.atomic():
        renew()

        assert in_thread(delete_pictures_past_retention) == 0

    assert in_thread(delete_pictures_past_retention) == 0
    assert Image.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_somebody_who_has_paid_would_lose_pictures(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same moment, when the decision is only looked up."""

    def look(*, user_id: Any) -> bool:
        return ended_plans_past_retention().filter(user=user_id).exists()

    paid_and_has: list[int] = []
    lock = retention._lock_storage_use

    def pay_first(user_id: Any) -> bool:
        if not paid_and_has:
            in_thread(renew)
            paid_and_has.append(Image.objects.count())
        return lock(user_id)

    monkeypatch.setattr(retention, "lock_end_of_plan", look)
    monkeypatch.setattr(retention, "_lock_storage_use", pay_first)
    delete_pictures_past_retention()

    assert paid_and_has == [2]
    assert Image.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_delete_each_picture_once(owner: User) -> None:
    counts: list[int] = []

    def sweep() -> None:
        counts.append(delete_pictures_past_retention())
        connection.close()

    threads = [threading.Thread(target=sweep) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 2
    assert Image.objects.count() == 0
